"""What is added to the variance of every direction, so that none has nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_RIDGE", "ridge"]

#: A share of the mean variance that drowns no direction, and with which a covariance is inverted.
LEAST_RIDGE = 1e-10
#: Of a number, what a mean of several equal ones may be off by.
_ROUNDING = 64 * np.finfo(np.float64).eps


def ridge(share: float, variance: float, rows: NDArray[Any]) -> float:
    """A share of the mean variance, or 1 where that is nothing but the rounding of means.

    Args:
        share: e.g. :data:`LEAST_RIDGE`.
        variance: the mean over the dimensions.
        rows: what it is of, before a mean was taken off.
    """
    rounding = (_ROUNDING * float(np.abs(rows).max())) ** 2
    return share * variance if variance > rounding else 1.0
