"""Splits by video: no video is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from privkit.data.questions.record import Question
from privkit.errors import InputError

__all__ = ["VALIDATION_SHARE", "carve_validation", "seeded_order"]

VALIDATION_SHARE = 0.1


def seeded_order(names: Iterable[str], seed: int) -> list[str]:
    """The names, each once, in an order that depends on them and the seed alone.

    Sorted by SHA-256 of seed and name: the order of the rows, the machine and the version of a
    random generator play no part, and names that are added later leave the order of the others.
    """
    return sorted(set(names), key=lambda n: (hashlib.sha256(f"{seed}:{n}".encode()).digest(), n))


def carve_validation(
    questions: Sequence[Question], share: float = VALIDATION_SHARE, seed: int = 0
) -> tuple[Question, ...]:
    """Move whole videos of the train split to validation, in a set that has no validation split.

    TGIF-QA is published without one. Videos that the test split asks about, too, stay in train, so
    that model selection never sees a test video.

    Args:
        questions: of all splits.
        share: of the train split's videos, rounded, at least one video.
        seed: of the choice.

    Returns:
        The questions in their order. Unchanged where there is a validation split already, or fewer
        than two train videos to choose from.

    Raises:
        InputError: the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise InputError(
            "the share of the validation split is out of range",
            where="carve_validation",
            rule="above 0 and below 1",
            found=share,
        )
    train = {q.video for q in questions if q.split == "train"}
    free = train - {q.video for q in questions if q.split == "test"}
    if len(free) < 2 or any(q.split == "validation" for q in questions):
        return tuple(questions)
    count = min(max(1, round(share * len(train))), len(free) - 1)
    chosen = set(seeded_order(free, seed)[:count])
    return tuple(
        replace(q, split="validation") if q.split == "train" and q.video in chosen else q
        for q in questions
    )
