"""Pull in numbers that lie very far out, as an adversary would.

A single broken record, of 1e20 among numbers near 1, makes the mean and the spread of its column
meaningless: attacks that learn from these then read nothing of all others, and a store that leaks
would seem not to. Ranks, counts of equal values and reconstructions see the numbers as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privkit.audit.material import Known, Material

__all__ = ["within_reach"]

#: How far out is very far: so many times what nine tenths of a column keep within.
_REACH = 1000.0
#: Rows from which that is told.
_SOME = 10_000

Features = NDArray[np.float32]


def within_reach(material: Material) -> tuple[Material, list[str]]:
    """The material with numbers that lie very far out pulled in, and how many those are.

    Further out than 1,000 times the distance from the median within which nine tenths of a column
    lie; of a column that is nearly constant, of the other columns. The gallery and public records
    are measured by themselves.

    Args:
        material: what is given; codes are left alone.
    """
    if material.bits is not None:
        return material, []
    features, far = _pulled_in(material.features)
    records = int(far.any(1).sum())
    said = []
    if records:
        said.append(
            f"{int(far.sum()):,} numbers in {records:,} records lie more than {_REACH:,.0f} times "
            "as far out as nine tenths of their column. Attacks read them as at that distance: "
            "else those that learn from spreads would see nothing of the others. Look at them."
        )
    return replace(
        material,
        features=features,
        gallery=_known(material.gallery),
        public=_known(material.public),
    ), said


def _known(known: Known | None) -> Known | None:
    return None if known is None else replace(known, features=_pulled_in(known.features)[0])


def _pulled_in(rows: Features) -> tuple[Features, NDArray[np.bool_]]:
    """The rows, the very same array where nothing lies far out, and what does."""
    some = rows[:: max(1, len(rows) // _SOME)].astype(np.float64)
    middle = np.median(some, axis=0)
    usual = np.quantile(np.abs(some - middle), 0.9, axis=0)
    if not (usual > 0).any():
        return rows, np.zeros((len(rows), 0), dtype=np.bool_)
    usual[usual == 0] = np.median(usual[usual > 0])
    low, high = middle - _REACH * usual, middle + _REACH * usual
    if (rows.min(0) >= low).all() and (rows.max(0) <= high).all():
        return rows, np.zeros((len(rows), 0), dtype=np.bool_)
    far: NDArray[np.bool_] = (rows < low) | (rows > high)
    return np.clip(rows, low, high).astype(np.float32), far
