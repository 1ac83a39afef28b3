"""Trainings of a task, kept in the cache: the same training is never done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


from privkit.videoqa.distributed import Processes
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.snapshots import Progress
from privkit.videoqa.task import Task
from privkit.videoqa.train import Training, train

__all__ = ["Trained", "trained"]

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
    log: Callable[[dict[str, Any]], None] | None = None,
    tick: Tick | None = None,
    keep: bool = True,
) -> Trained:
    """Train a variant on a task, or go on with the training that the cache holds.

    Args:
        task: made ready.
        variant: the method and its bits.
        seed: of the initial weights, the order of the questions and the binarizer.
        group: the processes that share the work; this one alone by default.
        log: called with each row of the history.
        tick: progress.
        keep: whether the training is kept in the cache.

    Raises:
        TrainingError: the loss is not finite.
        InputError: too few questions, or a bottleneck that does not fit into memory.
    """
    model = task.model(variant, seed=seed)
    training = Training(
        variant,
        task.configuration.training,
        model,
        task.batches("train", variant),
        task.batches("validation", variant),
        task.features,
        seed,
        task.identity,
    )
    snapshot = task.cache / f"training-{training.key[:24]}.safetensors" if keep else None
    progress = train(
        training, group=group or Processes(), snapshot=snapshot, log=log, tick=tick
    )
    return Trained(variant, seed, model, progress)
