"""Batches of questions with what is stored of their videos, in an order that a seed decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privkit.data.questions.record import Question
from privkit.data.questions.vocabulary import AnswerVocabulary
from privkit.errors import InputError
from privkit.models.clipbert.words import TextBatch, Tokenizer

__all__ = ["Batch", "Part", "QuestionBatches", "VideoSource", "parts_of", "training_order"]


class VideoSource(Protocol):
    """Where what a model reads of a video comes from."""

    def take(self, videos: Sequence[str]) -> Tensor:
        """One row a video: features ``(n, T, h, w, D)`` or codes ``(n, bits)`` of ±1."""
        ...


@dataclass(frozen=True)
class Batch:
    """Questions as a model takes them.

    Attributes:
        video: ``(B, …)``: features, codes or frames.
        text: tokens ``(B, O, L)``.
        target: ``(B,)``, index of the correct option or answer; -1 outside the vocabulary.
        index: ``(B,)``, the question's place among those of the split.
        weight: of its mean loss, beside the other parts that a step's questions are cut into;
            1 where all parts are of one size.
    """

    video: Tensor
    text: TextBatch
    target: Tensor
    index: Tensor
    weight: float = 1.0

    def to(self, device: str) -> Batch:
        """The same on a device."""
        return replace(
            self,
            video=self.video.to(device),
            text=self.text.to(device),
            target=self.target.to(device),
        )


@dataclass(frozen=True)
class Part:
    """The questions of a step that one process takes at once.

    Attributes:
        epoch: number of the pass over the questions.
        rows: ``(B,)``, places of the questions.
        weight: see :class:`Batch`.
    """

    epoch: int
    rows: NDArray[np.int64]
    weight: float


_NO_TEXT = TextBatch(torch.zeros(0, 1, 2, dtype=torch.int64), torch.zeros(0, 1, 2).bool())


class QuestionBatches:
    """The questions of one split, tokenised once, beside the source of their videos.

    Args:
        questions: of one task.
        tokenizer: makes tokens.
        vocabulary: the answers of open-ended questions; ``None`` for multiple choice.
        max_tokens: longest text; the question is cut before its options are.
        with_question: whether the model sees the question, or the options alone.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        tokenizer: Tokenizer,
        vocabulary: AnswerVocabulary | None,
        *,
        max_tokens: int,
        with_question: bool = True,
    ) -> None:
        self.questions = tuple(questions)
        self.text = _text(self.questions, tokenizer, max_tokens, with_question)
        targets = [_target(q, vocabulary) for q in self.questions]
        self.target = torch.tensor(targets, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def known(self) -> NDArray[np.int64]:
        """Places of the questions whose answer is in the vocabulary: what can be trained on."""
        return np.flatnonzero(self.target.numpy() >= 0)

    def videos(self, index: NDArray[np.int64]) -> list[str]:
        """The video of each of these questions."""
        return [self.questions[i].video for i in index]

    def with_videos(self, index: NDArray[np.int64], video: Tensor, *, weight: float = 1.0) -> Batch:
        """The batch of these questions; columns that are padding in all of them are left out."""
        rows = torch.from_numpy(np.ascontiguousarray(index))
        ids, mask = self.text.ids[rows], self.text.mask[rows]
        length = int(mask.flatten(0, 1).sum(1).max())
        text = TextBatch(ids[..., :length], mask[..., :length])
        return Batch(video, text, self.target[rows], rows, weight)

    def batch(self, index: NDArray[np.int64], source: VideoSource, *, weight: float = 1.0) -> Batch:
        """The batch of these questions, with their videos from ``source``."""
        return self.with_videos(index, source.take(self.videos(index)), weight=weight)


def training_order(
    places: NDArray[np.int64], batch: int, *, seed: int, steps: int, first: int = 0
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Batches in a random order that depends on the seed and the epoch alone.

    Because of that a training can go on at any batch: ``first`` batches are passed over.

    Args:
        places: what to draw from.
        batch: questions a batch; fewer where there are fewer. The incomplete last batch of an
            epoch is left out, so that all batches weigh the same.
        seed: of the order.
        steps: number of batches, over all epochs, to end with; the last epoch may be cut short.
        first: number of batches, over all epochs, to begin with.

    Yields:
        The epoch, and the places of one batch.

    Raises:
        InputError: fewer than 2 questions.
    """
    if len(places) < 2:
        raise InputError(
            "there are too few training questions",
            rule="at least 2, for batch norm; their answers are in the vocabulary",
            found=len(places),
        )
    size = min(batch, len(places))
    a_pass = len(places) // size
    for epoch in range(first // a_pass, -(-steps // a_pass)):
        order = np.random.default_rng([seed, epoch]).permutation(places)
        begin, end = max(first - epoch * a_pass, 0), min(steps - epoch * a_pass, a_pass)
        for n in range(begin, end):
            yield epoch, order[n * size : (n + 1) * size]


def parts_of(
    order: Iterable[tuple[int, NDArray[np.int64]]], accumulate: int, rank: int, world: int
) -> Iterator[Part]:
    """Cut each step's questions into the parts of one process.

    Weighted, the mean losses of all parts add up to ``accumulate * world`` times the mean loss of
    the step's questions, whatever the sizes of the parts.

    Args:
        order: epoch and questions of each step.
        accumulate: batches that a step is made of.
        rank: number of the process; it takes every ``world``-th question.
        world: how many there are.
    """
    for epoch, rows in order:
        for batch in np.array_split(rows, accumulate):
            mine = batch[rank::world]
            yield Part(epoch, mine, len(mine) * accumulate * world / len(rows))


def _text(
    questions: Sequence[Question], tokenizer: Tokenizer, max_tokens: int, with_question: bool
) -> TextBatch:
    if not questions:
        return _NO_TEXT
    asked = [q.question if with_question else "" for q in questions]
    if any(q.multiple_choice for q in questions):
        return tokenizer.batch([q.options for q in questions], max_tokens, before=asked)
    return tokenizer.batch([[text] for text in asked], max_tokens)


def _target(question: Question, vocabulary: AnswerVocabulary | None) -> int:
    if vocabulary is None:
        if question.correct is None:
            raise InputError(
                "an open-ended question stands among multiple-choice ones",
                where=question.question_id,
                rule="one kind a task",
            )
        return question.correct
    place = vocabulary.index(question.answer)
    return -1 if place is None else place
