"""Quantiles of counted values, exact in whole numbers."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["PERCENTS", "quantiles"]

Scalar = TypeVar("Scalar", bound=np.generic)

PERCENTS = (0, 5, 25, 50, 75, 95, 100)


def quantiles(values: NDArray[Scalar], weights: NDArray[np.int64]) -> NDArray[Scalar]:
    """Return the smallest value that at least so many percent of the weight does not exceed.

    In whole numbers, so that no rounding moves a quantile to the next value.

    Args:
        values: shape ``(m,)``, in any order, at least one.
        weights: shape ``(m,)``, how often each occurs, at least 1.

    Returns:
        shape ``(7,)``, one entry for each of :data:`PERCENTS`.
    """
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    total = int(cumulated[-1])
    needed = [max(1, -(-percent * total // 100)) for percent in PERCENTS]
    return values[order][np.searchsorted(cumulated, needed)]
