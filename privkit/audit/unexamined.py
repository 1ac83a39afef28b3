"""What a store says that no attack is given: other columns, further digits, the records' order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privkit.audit.findings import NotRun
from privkit.features.stored_features import StoredFeatures

__all__ = ["in_order", "listed", "unexamined"]

#: Names that are listed at most.
_LISTED = 20
#: Standard errors of a count, and times what chance makes, from which neighbours are of one person.
_ERRORS, _TIMES = 6, 2


def unexamined(features: StoredFeatures) -> list[NotRun]:
    """What the store holds beside what the attacks are given."""
    found = []
    if features.unread:
        found.append(
            NotRun(
                f"attacks on what lies beside the features: {listed(features.unread)}",
                "nobody said what it is, and it is not read as features",
                "what are the features, with --columns, or a file of them alone, if the store is "
                "without the rest",
                weakens=True,
            )
        )
    merged = features.merged()
    if merged:
        found.append(
            NotRun(
                f"attacks on all digits of the columns {listed(merged)}",
                "the attacks read 32-bit floats, in which values that the store tells apart are "
                "the same",
                "the values less a constant or in parts, or the store as 32-bit floats if it is "
                "kept so",
                weakens=True,
            )
        )
    return found


def in_order(person: NDArray[np.int64]) -> bool:
    """Whether neighbours are of one person far more often than in a random order."""
    n, counts = len(person), np.bincount(person).astype(np.float64)
    pairs = float((counts * (counts - 1)).sum()) / 2
    by_chance = 2 * pairs / n  # of n - 1 neighbours
    beside = int((person[1:] == person[:-1]).sum())
    return beside > by_chance + _ERRORS * max(by_chance, 1.0) ** 0.5 and beside > _TIMES * by_chance


def listed(names: Sequence[str]) -> str:
    """Names in words, not too many of them."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
