"""Rows of words as keys: codes of more than 64 bits, compared in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.counting import plain
from privkit.anonymity.counting.keys import (
    Block,
    check_unchanged,
    counter_type,
    parts_for,
    power_of_two,
    room_for_large,
)
from privkit.anonymity.counting.sizes import Sizes

__all__ = ["Rows"]

_HASH_BITS = 64
_SLACK = 1.25  # different rows a part may have, as a share of what it has on average


class Rows:
    """Rows of unsigned words, divided by a hash of 64 bits and then by the words themselves.

    Args:
        words: of a row, at least 1.
    """

    def __init__(self, words: int) -> None:
        self.words = words
        self.nbytes = 8 * words
        self.name = f"w{words}"
        self.factors = hash_factors(words)

    def take(self, data: NDArray[np.uint8]) -> Block:
        """Read keys from the bytes of a block."""
        return data.view(np.uint64).reshape(-1, self.words)

    def levels(self, bits: int) -> int:
        """Return after how many levels of ``bits`` bits all keys of a part are equal."""
        return (1 + self.words) * -(-_HASH_BITS // bits)

    def split(self, block: Block, bits: int, level: int) -> tuple[Block, NDArray[np.int64]]:
        """Order a block by part; returns it with the ``2**bits + 1`` bounds of the parts."""
        word, step = divmod(level, -(-_HASH_BITS // bits))
        return self._split([block], word - 1, bits, max(0, _HASH_BITS - bits * (step + 1)))

    def count(self, blocks: Sequence[Block], bits: int, level: int, sizes: Sizes) -> None:
        """Count keys in memory, all from one part after ``level`` levels of ``bits`` bits."""
        n = sum(len(block) for block in blocks)
        if n * self.words < plain.COMPILED_FROM:
            sizes.add(_sorted(np.concatenate(blocks)))
            return
        from privkit.anonymity.counting import row_kernels

        left = max(0, _HASH_BITS - bits * level)
        parts = parts_for(n * self.nbytes, left)
        rows, bounds = self._split(blocks, -1, parts, left - parts)
        limit = 64 + int(_SLACK * n / (1 << parts))
        large = room_for_large(n, sizes)
        failed = np.zeros(1 << parts, dtype=np.bool_)
        found = row_kernels.count_rows(
            rows,
            bounds,
            self.factors,
            np.empty(power_of_two(1.6 * limit), np.uint64),
            np.empty((limit, self.words), np.uint64),
            np.empty(limit, counter_type(n)),
            sizes.small,
            large,
            failed,
        )
        sizes.add(large[:found])
        for part in np.flatnonzero(failed):
            sizes.add(_sorted(rows[bounds[part] : bounds[part + 1]]))

    def tally(self, blocks: Iterable[Block], memory: int) -> NDArray[np.int64] | None:
        """Count keys in one table of at most ``memory`` bytes; ``None`` if they do not fit."""
        from privkit.anonymity.counting import row_kernels

        limit = max(8, memory // (self.nbytes + 8 + 32))
        slots = np.zeros(power_of_two(1.6 * limit), np.uint64)
        kept = np.empty((limit, self.words), np.uint64)
        counts = np.zeros(limit, np.int64)
        used = 0
        for block in blocks:
            used = row_kernels.tally_rows(block, self.factors, slots, kept, counts, used)
            if used == row_kernels.OVERFULL:
                return None
        return counts[:used]

    def _split(
        self, blocks: Sequence[Block], word: int, bits: int, shift: int
    ) -> tuple[Block, NDArray[np.int64]]:
        from privkit.anonymity.counting import row_kernels

        mask = (1 << bits) - 1
        counts = np.zeros(1 << bits, dtype=np.int64)
        for block in blocks:
            row_kernels.count_row_parts(block, self.factors, word, shift, mask, counts)
        bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        rows = np.empty((int(bounds[-1]), self.words), dtype=np.uint64)
        at = bounds[:-1].copy()
        for block in blocks:
            row_kernels.scatter_rows(block, self.factors, word, shift, mask, at, rows)
        check_unchanged(at, bounds)
        return rows, bounds


def hash_factors(words: int) -> NDArray[np.uint64]:
    """Return the odd factors of the hash of rows, the same on every run, shape ``(words,)``."""
    drawn = np.random.default_rng(words).integers(0, 1 << 64, words, dtype=np.uint64)
    return drawn | np.uint64(1)


def _sorted(rows: NDArray[np.uint64]) -> NDArray[np.int64]:
    return plain.count_rows(np.ascontiguousarray(rows).view(np.uint8))
