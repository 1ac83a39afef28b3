"""Score answers: each question once, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from privkit.data.questions.record import Question
from privkit.evaluation.intervals import CONFIDENCE, Interval, share_over_people
from privkit.result import Measure
from privkit.videoqa.batches import QuestionBatches, VideoSource
from privkit.videoqa.distributed import Processes
from privkit.videoqa.frames import Frames
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.seeds import with_seeds

__all__ = ["Predictions", "accuracy", "accuracy_measures", "guess", "predict"]

_BATCH = 128


@dataclass(frozen=True)
class Predictions:
    """What a model answered.

    Attributes:
        questions: the questions, in order.
        chosen: ``(n,)``, index of the chosen option or answer.
        correct: ``(n,)``, whether it is right; an answer outside the vocabulary never is.
        outside: number of the questions whose answer is outside the vocabulary.
        seeds: number of the trainings that answered, one after the other, each the same ``n /
            seeds`` questions in the same order.
    """

    questions: Sequence[Question]
    chosen: NDArray[np.int64]
    correct: NDArray[np.bool_]
    outside: int = 0
    seeds: int = 1


@torch.no_grad()
def predict(
    model: FewBitVideoQA, questions: QuestionBatches, source: VideoSource, group: Processes
) -> Predictions:
    """Answer all questions, in inference mode; the model is left in it.

    Under several processes each takes every ``world``-th question, no question is padded or
    repeated, and every process gets all answers.
    """
    model.eval()
    mine = np.arange(group.rank, len(questions), group.world)
    chosen = np.zeros(len(questions), dtype=np.int64)
    size = source.at_once if isinstance(source, Frames) else _BATCH
    for start in range(0, len(mine), size):
        rows = mine[start : start + size]
        batch = questions.batch(rows, source).to(group.device)
        chosen[rows] = model(batch.video, batch.text).argmax(1).cpu().numpy()
    if group.world > 1:
        for rank, part in enumerate(group.gather(chosen)):
            chosen[rank :: group.world] = part[rank :: group.world]
    return _predictions(questions, chosen)


def _predictions(questions: QuestionBatches, chosen: NDArray[np.int64]) -> Predictions:
    target = questions.target.numpy()
    return Predictions(questions.questions, chosen, chosen == target, int((target < 0).sum()))


def guess(questions: QuestionBatches, choices: int | None, *, seed: int) -> Predictions:
    """A uniform guess among the options, or among ``choices`` answers."""
    draw = np.random.default_rng(seed)
    sizes = [len(q.options) or (choices or 1) for q in questions.questions]
    chosen = np.array([draw.integers(size) for size in sizes], dtype=np.int64)
    return _predictions(questions, chosen)


def accuracy(predictions: Predictions, *, where: NDArray[np.bool_] | None = None) -> Interval:
    """Share of right answers, with an interval over videos, and over the seeds where they are many.

    Args:
        predictions: the answers.
        where: ``(n,)``, the answers that count, of every seed the same questions; default: all.
    """
    rows = np.ones(len(predictions.correct), dtype=bool) if where is None else where
    videos = np.array([q.video for q in predictions.questions])
    found = share_over_people(predictions.correct[rows], videos[rows], unit="videos")
    of_seeds = predictions.correct[rows].reshape(predictions.seeds, -1).mean(1)
    return with_seeds(found, of_seeds.tolist())


def accuracy_measures(predictions: Predictions, labels: dict[str, str]) -> list[Measure]:
    """Accuracy over all questions and by answer type.

    Args:
        predictions: the answers.
        labels: what they belong to, e.g. ``{"task": "action", "variant": "Floats"}``.
    """
    types = np.array([q.answer_type for q in predictions.questions])
    out = [_measure(accuracy(predictions), {**labels, "answer type": "all"})]
    for kind in sorted(set(types.tolist())):
        found = accuracy(predictions, where=types == kind)
        out.append(_measure(found, {**labels, "answer type": kind}))
    return out


def _measure(found: Interval, where: dict[str, str]) -> Measure:
    return Measure(
        "accuracy",
        found.value,
        "share",
        "higher is useful",
        n=found.n,
        successes=found.successes,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=found.method,
        where=where,
    )
