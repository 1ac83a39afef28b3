"""Pool the trials of one attack over seeds, attributes' folds or rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from privkit.evaluation.trials import Trials

__all__ = ["pooled"]


def pooled(several: Iterable[Sequence[Trials]]) -> list[Trials]:
    """One :class:`Trials` for each attack and measure, in the order in which they come.

    People keep their numbers, so the same person of two seeds counts once in every interval.
    """
    by_name: dict[str, list[Trials]] = {}
    for trials in several:
        for one in trials:
            by_name.setdefault(one.name, []).append(one)
    out = []
    for own in by_name.values():
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(trials, name) for trials in own])
            for name in Trials.ARRAYS
        }
        out.append(replace(own[0], folds=max(t.folds for t in own), **arrays))
    return out
