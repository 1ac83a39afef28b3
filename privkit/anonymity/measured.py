"""How many bits a stored feature matrix really holds, as far as its rows show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts, count_rows
from privkit.anonymity.entropy import near_ceiling, shannon
from privkit.errors import InputError

__all__ = ["MeasuredBits", "measured_bits"]


@dataclass(frozen=True)
class MeasuredBits:
    """Distinct rows and entropy of a stored feature matrix.

    Attributes:
        rows: n.
        distinct: different rows.
        uniques: rows that no other row equals.
        entropy_bits: plug-in Shannon entropy of the rows, in bits.
        ceiling_bits: ``log2 n``, which the entropy of n rows cannot exceed.
        at_ceiling: whether the entropy lies within 1 bit of ``ceiling_bits``, so that the sample
            cannot tell how much more the feature holds.
    """

    rows: int
    distinct: int
    uniques: int
    entropy_bits: float
    ceiling_bits: float
    at_ceiling: bool


def measured_bits(stored: NDArray[Any]) -> MeasuredBits:
    """Measure the bits of stored features; rows are equal where all their values are.

    Args:
        stored: shape ``(n,)`` or ``(n, ...)``: floats, integers, booleans or packed codes.

    Raises:
        InputError: if there is no row, or a value is not a number.
    """
    array = np.asarray(stored)
    if array.ndim == 0 or array.size == 0 or array.dtype.kind not in "biufc":
        raise InputError(
            "the bits of these features cannot be measured",
            where="stored",
            rule="an array of numbers, one row a record, at least one",
            found=f"{array.dtype} of shape {array.shape}",
        )
    if array.dtype.kind in "fc":
        if np.isnan(array).any():
            row = int(np.argmax(np.isnan(array.reshape(len(array), -1)).any(axis=1)))
            raise InputError(
                f"row {row} is not a number", where="stored", rule="finite features", found="NaN"
            )
        array = array + array.dtype.type(0)  # -0.0 and 0.0 are equal, so make their bytes equal
    rows = np.ascontiguousarray(array.reshape(len(array), -1))
    counts = ClassCounts(count_rows(rows.view(np.uint8)), len(rows))
    entropy = shannon(counts)
    return MeasuredBits(
        rows=counts.n,
        distinct=counts.classes,
        uniques=counts.classes_of_size(1),
        entropy_bits=entropy,
        ceiling_bits=math.log2(counts.n),
        at_ceiling=near_ceiling(entropy, counts.n),
    )
