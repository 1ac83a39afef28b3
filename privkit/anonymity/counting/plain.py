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

    The rows are hashed, the hashes sorted and the full neighbouring rows compared. Where two
    different rows share a hash, the rows themselves are sorted instead.

    Args:
        rows: shape ``(n, width)``, uint8.

    Returns:
        shape ``(classes,)``, the size of each class.
    """
    wide = as_words(rows)
    if wide.shape[1] == 1:
        return runs(np.sort(wide[:, 0]))[1]
    keys = np.zeros(len(wide), dtype=np.uint64)
    for column in range(wide.shape[1]):
        keys ^= wide[:, column]
        keys *= _ODD
        keys ^= keys >> _HALF
    # The hash's upper bits and the row's place as one number: sorting it takes half the time of an
    # argsort, and its lower bits are the order.
    places = np.uint64((1 << max(1, (len(wide) - 1).bit_length())) - 1)
    keys &= ~places
    keys |= np.arange(len(wide), dtype=np.uint64)
    keys.sort()
    ordered = np.take(wide, (keys & places).astype(np.intp), axis=0)  # faster than wide[order]
    other_row = ordered[1:, 0] != ordered[:-1, 0]
    for column in range(1, wide.shape[1]):
        other_row |= ordered[1:, column] != ordered[:-1, column]
    same_hash = (keys[1:] ^ keys[:-1]) <= places
    if (other_row & same_hash).any():  # different rows of one hash may lie in any order
        whole = np.ascontiguousarray(wide).view(np.dtype((np.void, 8 * wide.shape[1])))[:, 0]
        return np.unique(whole, return_counts=True)[1].astype(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], other_row)))
    return np.diff(starts, append=len(wide)).astype(np.int64)
