"""The answer vocabulary of open-ended questions: the classes of the answerer's output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from privkit.data.questions.record import Question
from privkit.errors import InputError

__all__ = ["AnswerVocabulary", "answer_vocabulary", "normalise", "share_outside"]


def normalise(answer: str) -> str:
    """An answer as the field compares it: lower case, without space around it."""
    return answer.strip().lower()


@dataclass(frozen=True)
class AnswerVocabulary:
    """The answers that a model can give.

    Attributes:
        answers: normalised, most frequent first, ties in alphabetical order.
    """

    answers: tuple[str, ...]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {answer: place for place, answer in enumerate(self.answers)}

    def index(self, answer: str) -> int | None:
        """The class of an answer; ``None`` outside the vocabulary, which counts as wrong."""
        return self._places.get(normalise(answer))

    def __len__(self) -> int:
        return len(self.answers)


def answer_vocabulary(
    train_questions: Iterable[Question], size: int | None = None
) -> AnswerVocabulary:
    """The most frequent answers of the train split.

    Args:
        train_questions: questions to count the answers of; only the train split's, or the test
            answers would be given away.
        size: how many answers at most; ``None`` for all. ClipBERT takes about 1,540 for FrameQA
            and 1,500 for MSRVTT-QA.

    Raises:
        InputError: a size below 1, or no question.
    """
    if size is not None and size < 1:
        raise InputError(
            "the answer vocabulary is too small",
            where="answer_vocabulary",
            rule="at least 1 answer",
            found=size,
        )
    counts = Counter(normalise(q.answer) for q in train_questions)
    if not counts:
        raise InputError(
            "there is no question to take answers from",
            where="answer_vocabulary",
            rule="at least one question in the train split",
        )
    ranked = sorted(counts, key=lambda answer: (-counts[answer], answer))
    return AnswerVocabulary(tuple(ranked[:size]))


def share_outside(questions: Sequence[Question], vocabulary: AnswerVocabulary) -> float:
    """The share of questions whose answer no model over this vocabulary can give; 0 without any."""
    outside = sum(vocabulary.index(q.answer) is None for q in questions)
    return outside / len(questions) if questions else 0.0
