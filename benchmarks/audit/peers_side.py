"""One side of a comparison: what an attack did, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from privkit.evaluation.trials import Trials

__all__ = ["Side", "timed"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Side:
    """An attack on the same targets as the others.

    Attributes:
        trials: in the same order for all.
        seconds: wall clock.
        ours: whether it is privkit's.
    """

    trials: Trials
    seconds: float
    ours: bool


def timed(run: Callable[[], T]) -> tuple[T, float]:
    """What a run returns, and its seconds."""
    began = time.perf_counter()
    made = run()
    return made, time.perf_counter() - began
