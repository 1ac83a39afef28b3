"""Several tests at once: p values that hold for all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["holm"]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values (1979) of several tests, in their order."""
    adjusted = [1.0] * len(p)
    largest = 0.0
    for rank, place in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = largest
    return adjusted
