"""The compiled inner loops of counting integers; nothing here decides anything.

Compiled on first use and kept beside this file (or in numba's cache folder), so that only the
first large count on a machine waits for the compiler.

Keys are raw, as stored. Where a key belongs is decided by its hash, which every loop computes anew:
that is cheaper than to store it. Integers are mixed by a bijection (Wellons' ``lowbias32`` and the
finalizer of MurmurHash3), so that different integers never share all bits of their hash. Rows have
their own loops, in :mod:`~privkit.anonymity.counting.row_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "CROWDED",
    "OVERFULL",
    "Function",
    "compiled",
    "count_integers",
    "count_parts",
    "histogram",
    "histogram_words",
    "mix64",
    "note_sizes",
    "scatter",
    "tally",
]

Function = TypeVar("Function", bound=Callable[..., Any])

OVERFULL = -1
"""What a tally returns when the table is too small or its keys crowd together."""

_M32A, _M32B = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_M64A, _M64B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_ONE = np.uint64(1)
CROWDED = 32
"""Probes a key, on average, from which on a table has degenerated."""


def compiled(function: Function) -> Function:
    """Compile on first use and keep the result."""
    return cast(Function, njit(cache=True, nogil=True)(function))


@compiled
def _mix32(x: Any) -> Any:
    # numba widens every operation on 32 bits, hence the casts.
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * _M32A)
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * _M32B)
    return np.uint32(x ^ (x >> np.uint32(16)))


@compiled
def mix64(x: Any) -> Any:
    """Mix 64 bits by the finalizer of MurmurHash3, a bijection."""
    x = x ^ (x >> np.uint64(33))
    x = x * _M64A
    x = x ^ (x >> np.uint64(33))
    x = x * _M64B
    return x ^ (x >> np.uint64(33))


@compiled
def _hash(key: Any, narrow: bool) -> Any:
    """Mix 32 or 64 bits; 32 bits give a hash of 32 bits."""
    if narrow:
        return np.uint64(_mix32(np.uint32(key)))
    return mix64(np.uint64(key))


@compiled
def histogram_words(
    words: NDArray[np.uint64], step: int, mask: int, tables: NDArray[np.uint32]
) -> Any:
    """Count narrow values that lie several to a word.

    Four tables in turn: a value that repeats would otherwise wait for the store before.

    Args:
        words: the values, 16 bits (``step`` 16) or 8 bits (``step`` 8) each.
        step: bits of a value as stored.
        mask: the highest value; what lies above it is cut off here and reported by the result.
        tables: shape ``(4, mask + 1)``, added to.

    Returns:
        All words, joined by *or*: whether a value lies above ``mask``.
    """
    seen = np.uint64(0)
    low = np.uint64(mask)
    a, b, c, d = tables[0], tables[1], tables[2], tables[3]
    for word in words:
        seen |= word
        a[word & low] += np.uint32(1)
        b[(word >> np.uint64(step)) & low] += np.uint32(1)
        c[(word >> np.uint64(2 * step)) & low] += np.uint32(1)
        d[(word >> np.uint64(3 * step)) & low] += np.uint32(1)
        if step == 8:
            word = word >> np.uint64(32)  # noqa: PLW2901 - the upper four of eight bytes
            a[word & low] += np.uint32(1)
            b[(word >> np.uint64(8)) & low] += np.uint32(1)
            c[(word >> np.uint64(16)) & low] += np.uint32(1)
            d[(word >> np.uint64(24)) & low] += np.uint32(1)
    return seen


@compiled
def histogram(values: NDArray[Any], mask: int, table: NDArray[np.int64]) -> Any:
    """Count values of 32 or 64 bits into one table; returns all of them, joined by *or*."""
    seen = np.uint64(0)
    low = np.uint64(mask)
    for value in values:
        seen |= np.uint64(value)
        table[np.uint64(value) & low] += 1
    return seen


@compiled
def count_parts(
    keys: NDArray[Any], narrow: bool, shift: int, mask: int, counts: NDArray[np.int64]
) -> None:
    """Count how many integers belong to each part, by some bits of their hash."""
    by, low = np.uint64(shift), np.uint64(mask)
    for key in keys:
        counts[(_hash(key, narrow) >> by) & low] += 1


@compiled
def scatter(
    keys: NDArray[Any],
    narrow: bool,
    shift: int,
    mask: int,
    at: NDArray[np.int64],
    out: NDArray[Any],
) -> None:
    """Write integers to where their part stands in ``out``; ``at`` moves on."""
    by, low = np.uint64(shift), np.uint64(mask)
    for key in keys:
        part = (_hash(key, narrow) >> by) & low
        to = at[part]
        if to < out.size:  # else the file changes while it is read, which the caller finds out
            out[to] = key
        at[part] = to + 1


@compiled
def tally(
    keys: NDArray[Any],
    narrow: bool,
    table: NDArray[Any],
    counts: NDArray[Any],
    used: int,
    limit: int,
) -> int:
    """Add integers to a hash table of open addressing.

    Args:
        keys: shape ``(m,)``.
        narrow: whether they have 32 bits.
        table: shape ``(slots,)``, a power of two; the keys.
        counts: shape ``(slots,)``; 0 marks a free slot.
        used: slots taken so far.
        limit: slots that may be taken, fewer than there are.

    Returns:
        Slots taken, or ``OVERFULL``.
    """
    mask = np.uint64(table.size - 1)
    one = counts.dtype.type(1)
    patience = CROWDED * keys.size + table.size
    for key in keys:
        slot = _hash(key, narrow) & mask
        while True:
            if counts[slot] == 0:
                if used >= limit:
                    return OVERFULL
                table[slot] = key
                counts[slot] = one
                used += 1
                break
            if table[slot] == key:
                counts[slot] += one
                break
            slot = (slot + _ONE) & mask
            patience -= 1
            if patience < 0:
                return OVERFULL
    return used


@compiled
def note_sizes(
    counts: NDArray[Any], small: NDArray[np.int64], large: NDArray[np.int64], found: int
) -> int:
    """Add class sizes to their frequencies, or to the list of large ones."""
    for size in counts:
        if size:
            if size < small.size:
                small[size] += 1
            else:
                large[found] = size
                found += 1
    return found


@compiled
def count_integers(
    keys: NDArray[Any],
    bounds: NDArray[np.int64],
    narrow: bool,
    table: NDArray[Any],
    counts: NDArray[Any],
    small: NDArray[np.int64],
    large: NDArray[np.int64],
    failed: NDArray[np.bool_],
) -> int:
    """Count every part of scattered integers by a table that stays in the cache.

    Args:
        keys: the parts, one after the other.
        bounds: shape ``(parts + 1,)``, where they begin and end.
        narrow: whether the integers have 32 bits.
        table: room for the keys of one part.
        counts: room for their counts.
        small: ``small[s]`` classes have ``s`` records; added to.
        large: room for the sizes that are too large for that.
        failed: set for the parts that do not fit the table.

    Returns:
        How many sizes stand in ``large``.
    """
    limit = table.size - table.size // 5
    found = 0
    for part in range(bounds.size - 1):
        counts[:] = 0
        block = keys[bounds[part] : bounds[part + 1]]
        if tally(block, narrow, table, counts, 0, limit) == OVERFULL:
            failed[part] = True
        else:
            found = note_sizes(counts, small, large, found)
    return found
