"""Train a few-bit question answerer, phase by phase, so that it can be killed and gone on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from privkit.errors import InputError
from privkit.models.random_draws import seeded
from privkit.models.training import Stepping, TrainingError, fit
from privkit.videoqa.batches import (
    Batch,
    Part,
    QuestionBatches,
    VideoSource,
    parts_of,
    training_order,
)
from privkit.videoqa.configuration import TrainingConfig
from privkit.videoqa.distributed import Processes
from privkit.videoqa.evaluate import predict
from privkit.videoqa.keeping import SNAPSHOT_SECONDS, Keeper
from privkit.videoqa.logs import learning_rates
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.phases import Phase, PhaseLoss, learn_only, parameter_groups, phases_of
from privkit.videoqa.pretrain import warm_up_and_decay
from privkit.videoqa.shared_batches import SharedFeatComp, share_batches
from privkit.videoqa.snapshots import (
    Progress,
    Snapshot,
    read_snapshot,
)

__all__ = ["SNAPSHOT_SECONDS", "Training", "train"]

Log = Callable[[dict[str, Any]], None]
Tick = Callable[[str, int, int], None]
MakeBatches = Callable[[Iterator[Part]], Iterable[Batch]]


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
    frames: MakeBatches | None = None

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

    def kept_in(self, cache: Path) -> Path:
        """The file of a cache that the training is kept in."""
        return cache / f"training-{self.key[:24]}.safetensors"


def train(
    training: Training,
    *,
    group: Processes,
    snapshot: Path | None = None,
    every: float = SNAPSHOT_SECONDS,
    log: Log | None = None,
    tick: Tick | None = None,
) -> Progress:
    """Train the model in place; it ends with its best weights, in inference mode.

    Args:
        training: what to train.
        group: the processes that share the work.
        snapshot: file to go on from and to write to; ``None`` keeps nothing.
        every: seconds between snapshots, at least; more where writing one takes long. 0 writes
            one after every step.
        log: called with each row of the history, in the first process.
        tick: called with the phase, steps done and their number, in the first process.

    Returns:
        How it went, with the history.

    Raises:
        TrainingError: the loss is not finite; the last good snapshot stands and is named.
        InputError: the snapshot is damaged or belongs to another training; or a process gets
            fewer than two questions a batch.
    """
    model = training.model.to(group.device)
    kept = read_snapshot(snapshot, training.key) if snapshot is not None else None
    if kept is not None and kept.progress.finished:
        kept.restore_model(model)
        model.eval()
        return kept.progress
    alone = model.stored
    model.stored = share_batches(alone, group, training.seed)
    progress = kept.progress if kept is not None else Progress()
    keeper = Keeper(snapshot, training.key, group, every)
    run = _Run(training, group, progress, keeper, log, tick)
    with seeded(training.seed * group.world + group.rank, group.device):
        for number, phase in enumerate(phases_of(training.variant, training.how)):
            if number < progress.phase:
                continue
            if number > progress.phase:
                progress.begin(number)
                kept = None
            run.phase(phase, kept)
    progress.finished = True
    keeper.finish(progress, model)
    if model.stored is not alone:
        alone.load_state_dict(model.stored.state_dict())
        model.stored = alone
    model.eval()
    return progress


@dataclass
class _Run:
    """One training under way."""

    training: Training
    group: Processes
    progress: Progress
    keeper: Keeper
    log: Log | None
    tick: Tick | None
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def model(self) -> FewBitVideoQA:
        return self.training.model

    def phase(self, phase: Phase, kept: Snapshot | None) -> None:
        """Take the steps of one phase, from the snapshot on where there is one."""
        how, group = self.training.how, self.group
        places = self._places(phase)
        batch = min(how.batch, len(places))
        self._check_batch(batch)
        steps = phase.epochs * (len(places) // max(batch, 1))
        if phase.task and how.most_steps:
            steps = min(steps, how.most_steps)
        self.best = {}
        # Gradients that an earlier phase left would count into the norm that is clipped.
        self.model.zero_grad(set_to_none=True)
        frozen = learn_only(self.model, phase)
        # Fused: of a small model, a third of the time of a step.
        optimizer = torch.optim.AdamW(parameter_groups(self.model, how), fused=True)
        scaler = None
        if how.precision == "float16":
            scaler = torch.amp.GradScaler(group.device.partition(":")[0])
        if kept is not None:
            self._restore(kept, optimizer, scaler)
        wrapped: nn.Module = PhaseLoss(self.model, phase, group)
        if group.world > 1:
            devices = None if group.device == "cpu" else [group.device]
            wrapped = DistributedDataParallel(wrapped, device_ids=devices)
        factor = warm_up_and_decay(steps, how.warmup)
        rates = learning_rates(self.model, how)

        def after_step(step: int, loss: float) -> bool:
            self.progress.step = step
            row = {
                "phase": phase.name,
                "step": step,
                "loss": loss,
                **{name: factor(step - 1) * rate for name, rate in rates.items()},
            }
            goes_on = self._after_step(phase, row, steps)
            if goes_on and step < steps and self.keeper.is_due(step):
                self.keeper.keep(
                    self.progress, self.model, optimizer, self.best, scaler, self._noise()
                )
            return goes_on

        try:
            fit(
                wrapped,
                self._batches(places, batch, steps),
                lambda module, given: module(given),
                optimizer,
                stepping=Stepping(how.accumulate, how.clip_norm, how.precision, factor, scaler),
                first_step=self.progress.step,
                after_step=after_step,
            )
        except TrainingError as error:
            raise TrainingError(f"{phase.name}: {error}; {self.keeper.last_good()}") from None
        if self.best:
            self.model.load_state_dict(self.best)
        for parameter in frozen:
            parameter.requires_grad_(True)

    def _after_step(self, phase: Phase, row: dict[str, Any], steps: int) -> bool:
        """Validate and log; whether to go on."""
        progress, how, step = self.progress, self.training.how, row["step"]
        speaks = self.group.first
        validated = phase.task and (
            step % max(1, steps // max(1, how.validations)) == 0 or step == steps
        )
        if validated:
            row["validation_accuracy"] = self._validate(step)
        if validated or step % max(1, steps // 200) == 0:
            progress.history.append(row)
            if self.log is not None and speaks:
                self.log(row)
        over = bool(how.patience) and progress.worse >= how.patience
        if self.tick is not None and speaks:
            self.tick(f"training ({phase.name})", steps if over else step, steps)
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

    def _restore(
        self,
        kept: Snapshot,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        kept.restore_model(self.model)
        kept.restore_optimizer(optimizer)
        self.best = {k: v.to(self.group.device) for k, v in kept.part("best").items()}
        kept.random_states(self.group.rank, self.group.world).restore(self._noise())
        if scaler is not None:
            scaler.load_state_dict(dict(kept.scaler))

    def _noise(self) -> torch.Generator | None:
        stored = self.model.stored
        return stored.noise if isinstance(stored, SharedFeatComp) else None

    def _places(self, phase: Phase) -> NDArray[np.int64]:
        """What an epoch draws from: questions with a known answer, or one question a video."""
        known = self.training.questions.known
        if phase.task:
            return known
        videos = np.array(self.training.questions.videos(known))
        _, first = np.unique(videos, return_index=True)
        return known[np.sort(first)]

    def _check_batch(self, batch: int) -> None:
        """Every part of a batch needs a row, and two for a batch norm: one has no variance."""
        least = batch // self.training.how.accumulate // self.group.world
        needed = 2 if self.training.variant.method.bottleneck else 1
        if batch >= 2 and least < needed:  # below 2, the order of the questions refuses
            raise InputError(
                "a batch is too small for its parts",
                where="training.batch",
                rule=f"at least {needed} questions a process and accumulated batch",
                found=f"{batch} questions, {self.group.world} processes, "
                f"training.accumulate {self.training.how.accumulate}",
                remedy="raise training.batch, or give more training questions",
            )

    def _batches(self, places: NDArray[np.int64], batch: int, steps: int) -> Iterable[Batch]:
        """This process's part of every batch, from the step on that comes next."""
        training, group = self.training, self.group
        order = training_order(
            places, batch, seed=training.seed, steps=steps, first=self.progress.step
        )
        parts = parts_of(order, training.how.accumulate, group.rank, group.world)
        made = (
            (training.questions.batch(p.rows, training.source, weight=p.weight) for p in parts)
            if training.frames is None
            else training.frames(parts)
        )
        return (given.to(group.device) for given in made)
