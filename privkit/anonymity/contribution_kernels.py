"""Compiled pieces that the counts of single bits share: the sides of a node and their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["WORD", "compare", "first_with_one"]

WORD = 64


@njit(cache=True)
def first_with_one(words: Any, low: int, high: int, bit: int) -> int:
    """Find the first code of a node whose bit is 1; the codes share all bits before it.

    Args:
        words: ``(m, W)``, the distinct codes, ascending in the node.
        low: the first code of the node.
        high: the code after its last one.
        bit: the bit at which its sides part.
    """
    word, shift = bit // WORD, np.uint64(WORD - 1 - bit % WORD)
    while low < high:
        middle = (low + high) // 2
        if (words[middle, word] >> shift) & np.uint64(1):
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True)
def compare(words: Any, a: int, b: int, bit: int) -> int:
    """Compare two codes by their bits after the one at which they part: -1, 0 or 1."""
    word = bit // WORD
    after = (np.uint64(1) << np.uint64(WORD - 1 - bit % WORD)) - np.uint64(1)
    x, y = words[a, word] & after, words[b, word] & after
    while x == y:
        word += 1
        if word == words.shape[1]:
            return 0
        x, y = words[a, word], words[b, word]
    return -1 if x < y else 1
