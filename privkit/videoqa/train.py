"""Train a few-bit question answerer, in the phases that its method asks for.

One phase for most methods: the task's loss trains the bottleneck and the answerer together. A
reconstruction-only bottleneck has two: the bottleneck learns to rebuild the feature, then the
answerer learns from its frozen codes (paper, section 4).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.parallel import DistributedDataParallel

from privkit.errors import InputError
from privkit.models.featcomp import FeatComp
from privkit.models.training import Stepping, TrainingError, fit
from privkit.videoqa.batches import Batch, QuestionBatches, VideoSource, training_order
from privkit.videoqa.configuration import TrainingConfig
from privkit.videoqa.distributed import Processes, synchronise_norms
from privkit.videoqa.evaluate import predict
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.pretrain import warm_up_and_decay
from privkit.videoqa.snapshots import Progress, Snapshot, read_snapshot, write_snapshot

__all__ = ["Phase", "Training", "train"]

#: Seconds of work that a kill may cost at most, beside what lies between two steps.
_SNAPSHOT_SECONDS = 30.0

Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Phase:
    """A part of the training with a loss and weights of its own.

    Attributes:
        name: as in the history.
        epochs: passes over the questions, or over the videos where the task has no part.
        task: whether the task's loss counts.
        reconstruction: weight of the mean squared error between ``x_dec`` and ``x``.
        bottleneck: whether the bottleneck is trained.
        answerer: whether the answerer is trained.
    """

    name: str
    epochs: int
    task: bool = True
    reconstruction: float = 0.0
    bottleneck: bool = True
    answerer: bool = True


def phases_of(variant: Variant, how: TrainingConfig) -> tuple[Phase, ...]:
    """The phases of a variant's training; none for a method that is not trained."""
    method = variant.method
    if not method.trained:
        return ()
    if method.reconstruction_loss and not method.task_loss:
        first = Phase(
            "reconstruction",
            how.reconstruction_epochs,
            task=False,
            reconstruction=1.0,
            answerer=False,
        )
        return (first, Phase("task", how.epochs, bottleneck=False))
    weight = how.reconstruction_weight if method.reconstruction_loss else 0.0
    return (Phase("task", how.epochs, reconstruction=weight),)


@dataclass
class Training:
    """Everything that one training rests on.

    Attributes:
        variant: the method and its bits.
        how: the settings.
        model: with its initial weights.
        questions: the training questions.
        validation: the questions that choose the best weights.
        source: where what the model reads of a video comes from.
        seed: of the order of the questions and of the binarizer.
        identity: what else decides the outcome (data and initial weights), for the snapshot's key.
        frames: makes batches from frames, in worker processes; ``None`` reads ``source``.
    """

    variant: Variant
    how: TrainingConfig
    model: FewBitVideoQA
    questions: QuestionBatches
    validation: QuestionBatches
    source: VideoSource
    seed: int
    identity: dict[str, Any]
    frames: Callable[[Iterator[tuple[int, NDArray[np.int64]]]], Iterable[Batch]] | None = None

    @property
    def key(self) -> str:
        """Hash of the settings, the variant, the seed and the identity."""
        described = {
            "settings": vars(self.how),
            "method": self.variant.method.name,
            "bits": self.variant.bits,
            "seed": self.seed,
            **self.identity,
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def train(
    training: Training,
    *,
    group: Processes,
    snapshot: Path | None = None,
    log: Log | None = None,
    tick: Callable[[str, int, int], None] | None = None,
) -> Progress:
    """Train the model in place; it ends with its best weights, in inference mode.

    Args:
        training: what to train.
        group: the processes that share the work.
        snapshot: file to go on from and to write to; ``None`` keeps nothing.
        log: called with each row of the history, in the first process.
        tick: called with the phase, steps done and their number.

    Returns:
        How it went, with the history.

    Raises:
        TrainingError: the loss is not finite; the last snapshot stands and is named.
        InputError: the snapshot belongs to another training.
    """
    kept = read_snapshot(snapshot, training.key) if snapshot is not None else None
    progress = kept.progress if kept is not None else Progress()
    run = _Run(training, group, progress, snapshot, log, tick)
    with torch.random.fork_rng():
        torch.manual_seed(training.seed * group.world + group.rank)
        phases = phases_of(training.variant, training.how)
        for number, phase in enumerate(phases):
            if number < progress.phase or progress.finished:
                continue
            if number > progress.phase:
                progress.phase, progress.step, kept = number, 0, None
                progress.best, progress.best_step, progress.worse = None, 0, 0
            run.phase(phase, kept)
        if kept is not None and progress.finished:
            training.model.load_state_dict(kept.part("model"))
    training.model.eval()
    return progress


class _Run:
    """One training under way."""

    def __init__(
        self,
        training: Training,
        group: Processes,
        progress: Progress,
        snapshot: Path | None,
        log: Log | None,
        tick: Callable[[str, int, int], None] | None,
    ) -> None:
        self.training, self.group, self.progress = training, group, progress
        self.path, self.log, self.tick = snapshot, log, tick
        self.model = training.model.to(group.device)
        self.best: dict[str, Tensor] = {}
        self.written = time.monotonic()

    def phase(self, phase: Phase, kept: Snapshot | None) -> None:
        """Take the steps of one phase, from the snapshot on where there is one."""
        training, how = self.training, self.training.how
        places = self._places(phase)
        batch = min(how.batch, len(places))
        steps = phase.epochs * (len(places) // max(batch, 1))
        optimizer = torch.optim.AdamW(self._groups(phase), weight_decay=how.weight_decay)
        scaler = None
        if how.precision == "float16":
            scaler = torch.amp.GradScaler(self.group.device.partition(":")[0])
        if kept is not None:
            self._restore(kept, optimizer, scaler)
        self.kept_optimizer, self.scaler = optimizer, scaler
        model = synchronise_norms(self.model, self.group)
        wrapped: nn.Module = _Loss(training.model, phase)
        if self.group.world > 1:
            cuda = self.group.device != "cpu"
            wrapped = DistributedDataParallel(
                wrapped, device_ids=[self.group.device] if cuda else None
            )
        every = max(1, steps // max(1, how.validations))

        def after_step(step: int, loss: float) -> bool:
            return self._after_step(phase, step, steps, loss, every)

        self._freeze(phase, model)
        try:
            fit(
                wrapped,
                self._batches(places, batch, phase.epochs),
                lambda module, given: module(given),
                optimizer,
                stepping=Stepping(
                    how.accumulate,
                    how.clip_norm,
                    how.precision,
                    warm_up_and_decay(steps, how.warmup),
                    scaler,
                ),
                first_step=self.progress.step,
                after_step=after_step,
            )
        except TrainingError as error:
            raise TrainingError(f"{phase.name}: {error}; {self._last_good()}") from None
        if self.best:
            self.model.load_state_dict(self.best)
        for parameter in self.model.parameters():
            parameter.requires_grad_(True)
        last = phases_of(training.variant, how)[-1] == phase
        self.progress.finished = last
        if last:
            self._snapshot()

    def _after_step(self, phase: Phase, step: int, steps: int, loss: float, every: int) -> bool:
        """Validate, log and keep a snapshot; whether to go on."""
        progress, how = self.progress, self.training.how
        progress.step = step
        row: dict[str, Any] = {
            "phase": phase.name,
            "step": step,
            "loss": loss,
            "learning_rate": warm_up_and_decay(steps, how.warmup)(step - 1) * how.learning_rate,
        }
        validated = phase.task and (step % every == 0 or step == steps)
        if validated:
            row["validation_accuracy"] = self._validate(step)
        if validated or step % max(1, steps // 200) == 0:
            progress.history.append(row)
            if self.log is not None and self.group.first:
                self.log(row)
        if self.tick is not None and self.group.first:
            self.tick(f"training ({phase.name})", step, steps)
        over = bool(how.patience) and progress.worse >= how.patience
        if over and self.tick is not None and self.group.first:
            self.tick(f"training ({phase.name})", steps, steps)
        # The first process decides for all: their clocks differ, and a snapshot needs every one.
        due = self.group.gather(time.monotonic() - self.written >= _SNAPSHOT_SECONDS)[0]
        if (due or validated) and not over and step < steps:
            self._snapshot()
        return not over

    def _validate(self, step: int) -> float | None:
        """Score the validation split, and keep the weights if they are the best so far."""
        progress, training = self.progress, self.training
        if not len(training.validation):
            return None
        found = predict(training.model, training.validation, training.source, self.group)
        accuracy = float(found.correct.mean())
        if progress.best is None or accuracy > progress.best:
            progress.best, progress.best_step, progress.worse = accuracy, step, 0
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        else:
            progress.worse += 1
        return accuracy

    def _snapshot(self) -> None:
        if self.path is None:
            return
        states = self.group.gather(torch.get_rng_state())
        if self.group.first:
            write_snapshot(
                self.path,
                self.training.key,
                self.progress,
                self.model,
                self.kept_optimizer,
                self.best,
                states,
                self.scaler,
            )
        self.written = time.monotonic()

    def _restore(
        self,
        kept: Snapshot,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        states = kept.part("random")
        if len(states) != self.group.world:
            raise InputError(
                "the snapshot was made by another number of processes",
                where=self.path,
                rule=f"{len(states)} processes",
                found=self.group.world,
            )
        self.model.load_state_dict(kept.part("model"))
        kept.restore_optimizer(optimizer)
        self.best = {k: v.to(self.group.device) for k, v in kept.part("best").items()}
        torch.set_rng_state(states[str(self.group.rank)])
        if scaler is not None:
            scaler.load_state_dict(dict(kept.scaler))

    def _places(self, phase: Phase) -> NDArray[np.int64]:
        """What an epoch draws from: questions with a known answer, or one question a video."""
        known = self.training.questions.known
        if phase.task:
            return known
        videos = np.array(self.training.questions.videos(known))
        _, first = np.unique(videos, return_index=True)
        return known[np.sort(first)]

    def _batches(self, places: NDArray[np.int64], batch: int, epochs: int) -> Iterable[Batch]:
        """This process's part of every batch, from the step on that comes next."""
        training, group = self.training, self.group
        order = training_order(
            places, batch, seed=training.seed, epochs=epochs, first=self.progress.step
        )
        shares = (
            (epoch, part[group.rank :: group.world])
            for epoch, rows in order
            for part in np.array_split(rows, training.how.accumulate)
        )
        made = (
            (training.questions.batch(rows, training.source) for _, rows in shares)
            if training.frames is None
            else training.frames(shares)
        )
        return (given.to(group.device) for given in made)

    def _groups(self, phase: Phase) -> list[dict[str, Any]]:
        """Parameter groups by learning rate, and without decay for biases and norms."""
        how, model = self.training.how, self.model
        parts: list[tuple[Iterable[nn.Parameter], float]] = []
        if phase.bottleneck:
            parts.append((model.stored.parameters(), how.bottleneck_learning_rate))
        if phase.answerer:
            parts.append((model.answerer.parameters(), how.learning_rate))
            if model.backbone is not None:
                parts.append((model.backbone.parameters(), how.learning_rate))
        groups: list[dict[str, Any]] = []
        for parameters, rate in parts:
            trained = [p for p in parameters if p.requires_grad]
            groups.append({"params": [p for p in trained if p.dim() > 1], "lr": rate})
            groups.append(
                {"params": [p for p in trained if p.dim() < 2], "lr": rate, "weight_decay": 0.0}
            )
        return [g for g in groups if g["params"]]

    def _freeze(self, phase: Phase, model: nn.Module) -> None:
        """Weights that a phase does not train get no gradient; DDP would wait for it."""
        assert isinstance(model, FewBitVideoQA)
        for module, trained in (
            (model.stored, phase.bottleneck),
            (model.answerer, phase.answerer),
        ):
            if not trained:
                module.requires_grad_(False)

    def _last_good(self) -> str:
        if self.path is None or not self.path.is_file():
            return "no snapshot was kept before it"
        return f"the last good snapshot is {self.path}"


class _Loss(nn.Module):
    """The loss of a phase as a module, because DDP exchanges the gradients of a forward pass."""

    def __init__(self, model: FewBitVideoQA, phase: Phase) -> None:
        super().__init__()
        self.model, self.phase_of_training = model, phase

    def train(self, mode: bool = True) -> _Loss:
        """Set the mode; a frozen bottleneck stays in inference mode: its codes are fixed."""
        super().train(mode)
        if not self.phase_of_training.bottleneck:
            self.model.stored.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """The mean loss of a batch."""
        phase, model = self.phase_of_training, self.model
        x = model.features(batch.video)
        x_dec = model.decoded(x)
        loss = x.new_zeros(())
        if phase.task:
            loss = loss + cross_entropy(model.scores(x_dec, batch.text), batch.target)
        if phase.reconstruction:
            loss = loss + phase.reconstruction * mse_loss(x_dec, x)
        return loss
