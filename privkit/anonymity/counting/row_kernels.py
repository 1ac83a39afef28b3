"""The compiled inner loops of counting rows; the counterparts of those for integers.

Rows have at least two words. They are hashed by a sum of products, and rows of equal hash are
compared word by word.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.counting.kernels import (
    CROWDED,
    OVERFULL,
    Function,
    compiled,
    mix64,
    note_sizes,
)

__all__ = ["OVERFULL", "count_row_parts", "count_rows", "scatter_rows", "tally_rows"]

_LOW32 = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


def _inlined(function: Function) -> Function:
    """Compile into the caller: handing over an array costs more than these functions do."""
    return cast(Function, njit(inline="always")(function))


@_inlined
def _hash_row(rows: NDArray[np.uint64], row: int, factors: NDArray[np.uint64]) -> Any:
    """Sum of products, so that the multiplications do not wait for each other."""
    first, second = rows[row, 0], rows[row, 1]
    total = (first ^ (first >> np.uint64(32))) * factors[0]
    total += (second ^ (second >> np.uint64(32))) * factors[1]
    # A loop over nothing costs more than the rest: rows of two words never enter it.
    if rows.shape[1] > 2:
        for word in range(2, rows.shape[1]):
            value = rows[row, word]
            total += (value ^ (value >> np.uint64(32))) * factors[word]
    return mix64(total)


@_inlined
def _copy_row(rows: NDArray[np.uint64], row: int, out: NDArray[np.uint64], to: int) -> None:
    out[to, 0] = rows[row, 0]
    out[to, 1] = rows[row, 1]
    if rows.shape[1] > 2:
        for word in range(2, rows.shape[1]):
            out[to, word] = rows[row, word]


@_inlined
def _same_row(rows: NDArray[np.uint64], row: int, kept: NDArray[np.uint64], at: int) -> bool:
    if rows[row, 0] != kept[at, 0] or rows[row, 1] != kept[at, 1]:
        return False
    if rows.shape[1] > 2:
        for word in range(2, rows.shape[1]):
            if rows[row, word] != kept[at, word]:
                return False
    return True


@_inlined
def _part_of_row(
    rows: NDArray[np.uint64], row: int, factors: NDArray[np.uint64], word: int, shift: int
) -> Any:
    """Shift the hash of a row (``word`` -1) or one of its words."""
    if word < 0:
        return _hash_row(rows, row, factors) >> np.uint64(shift)
    return rows[row, word] >> np.uint64(shift)


@compiled
def count_row_parts(
    rows: NDArray[np.uint64],
    factors: NDArray[np.uint64],
    word: int,
    shift: int,
    mask: int,
    counts: NDArray[np.int64],
) -> None:
    """Count how many rows belong to each part."""
    low = np.uint64(mask)
    for row in range(rows.shape[0]):
        counts[_part_of_row(rows, row, factors, word, shift) & low] += 1


@compiled
def scatter_rows(
    rows: NDArray[np.uint64],
    factors: NDArray[np.uint64],
    word: int,
    shift: int,
    mask: int,
    at: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """Write rows to where their part stands in ``out``; ``at`` moves on."""
    low = np.uint64(mask)
    for row in range(rows.shape[0]):
        part = _part_of_row(rows, row, factors, word, shift) & low
        to = at[part]
        if to < out.shape[0]:  # see scatter
            _copy_row(rows, row, out, to)
        at[part] = to + 1


@compiled
def tally_rows(
    rows: NDArray[np.uint64],
    factors: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    kept: NDArray[np.uint64],
    counts: NDArray[Any],
    used: int,
) -> int:
    """Add rows to a hash table; rows are equal only where all their words are.

    Args:
        rows: shape ``(m, words)``.
        factors: shape ``(words,)``, of the hash.
        slots: shape ``(size,)``, a power of two and more than ``len(kept)``: the upper half of
            the hash, and which kept row stands there, from 1; 0 marks a free slot.
        kept: shape ``(limit, words)``, the different rows so far.
        counts: shape ``(limit,)``, how often each occurs.
        used: rows kept so far.

    Returns:
        Rows kept, or ``OVERFULL``.
    """
    mask = np.uint64(slots.size - 1)
    one = counts.dtype.type(1)
    patience = CROWDED * rows.shape[0] + slots.size
    for row in range(rows.shape[0]):
        hashed = _hash_row(rows, row, factors)
        tag = hashed & ~_LOW32
        slot = hashed & mask
        while True:
            entry = slots[slot]
            if entry == 0:
                if used >= kept.shape[0]:
                    return OVERFULL
                _copy_row(rows, row, kept, used)
                counts[used] = one
                used += 1
                slots[slot] = tag | np.uint64(used)
                break
            if (entry & ~_LOW32) == tag:
                at = int(entry & _LOW32) - 1
                if _same_row(rows, row, kept, at):
                    counts[at] += one
                    break
            slot = (slot + _ONE) & mask
            patience -= 1
            if patience < 0:
                return OVERFULL
    return used


@compiled
def count_rows(
    rows: NDArray[np.uint64],
    bounds: NDArray[np.int64],
    factors: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    kept: NDArray[np.uint64],
    counts: NDArray[Any],
    small: NDArray[np.int64],
    large: NDArray[np.int64],
    failed: NDArray[np.bool_],
) -> int:
    """Count every part of scattered rows; the counterpart of :func:`count_integers`."""
    found = 0
    for part in range(bounds.size - 1):
        slots[:] = 0
        block = rows[bounds[part] : bounds[part + 1]]
        used = tally_rows(block, factors, slots, kept, counts, 0)
        if used == OVERFULL:
            failed[part] = True
        else:
            found = note_sizes(counts[:used], small, large, found)
    return found
