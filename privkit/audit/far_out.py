"""Draw in numbers that lie very far out, as an adversary would.

A single broken record, of 1e20 among numbers near 1, makes the mean and the spread of its column
meaningless: attacks that learn from these then read nothing of all others, and a store that leaks
would seem not to. So such numbers are drawn in, by their logarithm: their order and what tells
them apart stay. All records that are compared are treated alike. Where more than a few records lie
far out it is no breakage but how the store is, and it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privkit.audit.material import Known, Material

__all__ = ["within_reach"]

#: How far out is very far: so many times what nine tenths of a column keep within.
_REACH = 1000.0
#: More than this share of a store's records are not broken ones.
_FEW = 0.01
#: Rows from which a column's reach is told.
_SOME = 10_000

Features = NDArray[np.float32]


def within_reach(material: Material) -> tuple[Material, list[str]]:
    """The material with numbers that lie very far out drawn in, and how many those are.

    Far out is more than 1,000 times as far from the median as nine tenths of a column; of a column
    that is the same in most records, as nine tenths of the others; of one that is the same in all
    but a hundredth, as is usual in the other columns. In each of the store, gallery and public
    records a number may lie as far out as in the widest of them.

    Args:
        material: what is given; codes, and stores of which more than a hundredth of the records
            lie far out, are left alone.
    """
    given = [material.features, *(known.features for known in _others(material))]
    if material.bits is not None or not all(map(len, given)):
        return material, []
    middle = np.median(_some(material.features), axis=0)
    reach = np.max([_reach(rows, middle) for rows in given], axis=0).astype(np.float32)
    centre = middle.astype(np.float32)
    far = [_far(rows, centre, reach) for rows in given]
    records = [0 if f is None else int(f.any(1).sum()) for f in far]
    few = all(n <= max(1, _FEW * len(rows)) for n, rows in zip(records, given, strict=True))
    if not any(records) or not few:
        return material, []
    drawn = iter(
        rows if f is None else _drawn_in(rows, f, centre, reach)
        for rows, f in zip(given, far, strict=True)
    )
    changed = replace(material, features=next(drawn))
    for name in ("gallery", "public"):
        known = getattr(material, name)
        if known is not None:
            changed = replace(changed, **{name: replace(known, features=next(drawn))})
    columns = np.flatnonzero(np.any([f.any(0) for f in far if f is not None], axis=0))
    return changed, [
        f"{sum(records):,} records lie far out: more than {_REACH:,.0f} times as far as is usual "
        f"in their column ({len(columns):,} of {len(centre):,}, the first is number "
        f"{columns[0] + 1:,}). They are drawn in before attacks compare and learn: else attacks "
        "that look at spreads would see nothing of all others. Look at these records."
    ]


def _others(material: Material) -> Iterator[Known]:
    """Records beside the store, the gallery first."""
    yield from (known for known in (material.gallery, material.public) if known is not None)


def _some(rows: Features) -> NDArray[np.float64]:
    """Some rows, drawn at random: neighbours, or every second one, may be alike."""
    drawn = np.random.default_rng(len(rows)).permutation(len(rows))[:_SOME]
    return rows[np.sort(drawn)].astype(np.float64)


def _reach(rows: Features, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from ``middle`` a number of each column may lie."""
    some = _some(rows)
    own = np.median(some, axis=0)
    away = np.abs(some - own)
    usual = np.quantile(away, 0.9, axis=0)
    for column in np.flatnonzero(usual == 0):
        others = away[away[:, column] > 0, column]
        if len(others) > _FEW * len(some):
            usual[column] = np.quantile(others, 0.9)
    if (usual > 0).any():
        usual[usual == 0] = np.median(usual[usual > 0])
    else:
        usual[:] = np.inf
    reach: NDArray[np.float64] = np.abs(own - middle) + _REACH * usual
    return reach


def _far(rows: Features, centre: Features, reach: Features) -> NDArray[np.bool_] | None:
    """Which numbers lie far out; ``None`` where none does."""
    low, high = centre - reach, centre + reach
    if (rows.min(0) >= low).all() and (rows.max(0) <= high).all():
        return None
    return (rows < low) | (rows > high)


def _drawn_in(
    rows: Features, far: NDArray[np.bool_], centre: Features, reach: Features
) -> Features:
    """Beyond the reach r of a column, r (1 + log(x / r) / 100) takes the place of a distance x.

    That is less than 2 r for all that 32 bits hold.
    """
    out = rows.copy()
    row, column = np.nonzero(far)
    away = rows[row, column].astype(np.float64) - centre[column]
    limit = reach[column].astype(np.float64)
    shorter = limit * (1.0 + np.log(np.abs(away) / limit) / 100.0)
    out[row, column] = centre[column] + np.sign(away) * shorter
    return out
