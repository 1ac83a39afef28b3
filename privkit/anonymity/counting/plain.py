"""Counting by numpy alone, for inputs that are counted before a compiler would have started."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPILED_FROM", "as_words", "count_rows", "runs"]

Scalar = TypeVar("Scalar", bound=np.generic)

COMPILED_FROM = 1 << 20
"""Records from which on the compiled loops pay: sorting fewer takes less time than loading them."""

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: mixes neighbouring words apart
_HALF = np.uint64(32)
_BLOCK = 1 << 16


def runs(ordered: NDArray[Scalar]) -> tuple[NDArray[Scalar], NDArray[np.int64]]:
    """Return the different values of a sorted array and how often each occurs."""
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(starts, append=ordered.size).astype(np.int64)


def as_words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Read rows of bytes as unsigned words, filled up with zeros; a view where that is possible.

    Args:
        rows: shape ``(n, width)``.

    Returns:
        shape ``(n, ceil(width / 8))``, contiguous and aligned. Equal rows are equal words; their
        order means nothing.
    """
    n, width = rows.shape
    if width % 8 == 0 and rows.flags.c_contiguous and rows.ctypes.data % 8 == 0:
        return rows.view(np.uint64)
    words = np.zeros((n, -(-width // 8) * 8), dtype=np.uint8)
    words[:, :width] = rows
    return words.view(np.uint64)


def count_rows(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count equal rows of bytes, exactly.

    The rows are hashed to 64 bits, the hashes sorted and the full neighbouring rows compared.
    Where two different rows share a hash, the rows themselves are sorted instead.

    Args:
        rows: shape ``(n, width)``, uint8.

    Returns:
        shape ``(classes,)``, the size of each class.
    """
    wide = as_words(rows)
    if wide.shape[1] == 1:
        return runs(np.sort(wide[:, 0]))[1]
    hashes = np.zeros(len(wide), dtype=np.uint64)
    for column in range(wide.shape[1]):
        hashes = (hashes ^ wide[:, column]) * _ODD
        hashes ^= hashes >> _HALF
    order = np.argsort(hashes)
    hashes = hashes[order]
    if _rows_differ(wide, order, hashes[1:] == hashes[:-1]):
        whole = np.ascontiguousarray(wide).view(np.dtype((np.void, 8 * wide.shape[1])))[:, 0]
        return np.unique(whole, return_counts=True)[1].astype(np.int64)
    return runs(hashes)[1]


def _rows_differ(
    wide: NDArray[np.uint64], order: NDArray[np.intp], same_hash: NDArray[np.bool_]
) -> bool:
    """Tell whether two neighbours of equal hash are different rows."""
    pairs = np.flatnonzero(same_hash)
    for start in range(0, pairs.size, _BLOCK):
        block = pairs[start : start + _BLOCK]
        if (wide[order[block]] != wide[order[block + 1]]).any():
            return True
    return False
