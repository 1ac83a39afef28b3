"""Trainings of a task, kept in the cache: the same training is never done twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from privkit.videoqa.distributed import Processes
from privkit.videoqa.frames import Frames, frame_batches
from privkit.videoqa.grid_cache import weights_sha256
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.snapshots import Progress
from privkit.videoqa.task import Task
from privkit.videoqa.train import SNAPSHOT_SECONDS, Training, train

__all__ = ["Trained", "identity_of", "live_logs", "trained"]

Log = Callable[[dict[str, Any]], None]
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes:
        variant: the method and its bits.
        seed: of the training.
        model: in inference mode.
        progress: how the training went.
    """

    variant: Variant
    seed: int
    model: FewBitVideoQA
    progress: Progress


def trained(
    task: Task,
    variant: Variant,
    *,
    seed: int,
    group: Processes | None = None,
    log: Log | None = None,
    tick: Tick | None = None,
    keep: bool = True,
    workers: int = 0,
    every: float = SNAPSHOT_SECONDS,
) -> Trained:
    """Train a variant on a task, or go on with the training that the cache holds.

    Args:
        task: made ready.
        variant: the method and its bits. With ``training.start_from_floats`` a method with a
            bottleneck begins with the answerer that was trained on floats, which is trained
            first where the cache does not hold it.
        seed: of the initial weights, the order of the questions and the binarizer.
        group: the processes that share the work; this one alone by default.
        log: called with each row of the history.
        tick: progress.
        keep: whether the training is kept in the cache.
        workers: processes that decode frames, where the training is end to end.
        every: seconds between snapshots, at least.

    Raises:
        TrainingError: the loss is not finite.
        InputError: too few questions, or a bottleneck that does not fit into memory.
    """
    group = group or Processes()
    training = _training(task, variant, seed, group, workers)
    if variant.method.bottleneck and task.configuration.training.start_from_floats:
        floats = trained(
            task,
            Variant(METHODS["floats"]),
            seed=seed,
            group=group,
            tick=tick,
            keep=keep,
            workers=workers,
            every=every,
        )
        _start_from(training, floats)
    progress = train(
        training,
        group=group,
        snapshot=training.kept_in(task.cache) if keep else None,
        every=every,
        log=log,
        tick=tick,
    )
    return Trained(variant, seed, training.model, progress)


def _start_from(training: Training, floats: Trained) -> None:
    """Let the answerer, and a backbone that is trained, begin with what floats taught them."""
    training.model.answerer.load_state_dict(floats.model.answerer.state_dict())
    if training.model.backbone is not None and floats.model.backbone is not None:
        training.model.backbone.load_state_dict(floats.model.backbone.state_dict())
    how = training.how
    training.how = replace(how, learning_rate=how.fine_tuning_learning_rate)
    training.identity = {**training.identity, "start": weights_sha256(floats.model)}


def live_logs(task: Task, variant: Variant, *, seed: int, group: Processes) -> Path:
    """The folder beside a training's snapshot where its TensorBoard events are written."""
    described = json.dumps(
        [
            identity_of(task, group),
            task.configuration.to_dict(),
            variant.method.name,
            variant.bits,
            seed,
        ],
        sort_keys=True,
    )
    digest = hashlib.sha256(described.encode()).hexdigest()
    return task.cache / f"tensorboard-{digest[:24]}"


def _training(task: Task, variant: Variant, seed: int, group: Processes, workers: int) -> Training:
    questions = task.batches("train", variant)
    frames = None
    if isinstance(task.features, Frames):
        frames = frame_batches(questions, task.features, seed=seed, workers=workers)
    return Training(
        variant,
        task.configuration.training,
        task.model(variant, seed=seed),
        questions,
        task.batches("validation", variant),
        task.features,
        seed,
        identity_of(task, group),
        frames,
    )


def identity_of(task: Task, group: Processes) -> dict[str, Any]:
    """What a training on a task rests on, beside its settings, variant and seed.

    Several processes and GPUs add up in another order: their last digits are others.
    """
    if group.world == 1 and group.device == "cpu":
        return task.identity
    return {
        **task.identity,
        "processes": group.world,
        "device": group.device.partition(":")[0],
    }
