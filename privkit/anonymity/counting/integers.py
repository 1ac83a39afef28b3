"""Integers of 32 or 64 bits as keys, and histograms of narrower ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

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
from privkit.errors import InputError

__all__ = ["Histogram", "Integers"]

_WORDWISE_BITS = 16
_TABLES = 4  # of the compiled histogram
_COMPILED_HISTOGRAM_FROM = 1 << 23  # np.bincount is good enough for longer than sorting is


class Integers:
    """Integers that no histogram can hold, divided by a mixing bijection.

    Args:
        bits: 32 or 64, as stored.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.narrow = bits == 32
        self.dtype = np.dtype(f"u{bits // 8}")
        self.nbytes = bits // 8
        self.name = f"u{bits}"

    def take(self, data: NDArray[np.uint8]) -> Block:
        """Read keys from the bytes of a block."""
        return data.view(self.dtype)

    def levels(self, bits: int) -> int:
        """Return after how many levels of ``bits`` bits all keys of a part are equal."""
        return -(-self.bits // bits)

    def split(self, block: Block, bits: int, level: int) -> tuple[Block, NDArray[np.int64]]:
        """Order a block by part; returns it with the ``2**bits + 1`` bounds of the parts."""
        return self._split([block], bits, max(0, self.bits - bits * (level + 1)))

    def count(self, blocks: Sequence[Block], bits: int, level: int, sizes: Sizes) -> None:
        """Count keys in memory, all from one part after ``level`` levels of ``bits`` bits."""
        n = sum(len(block) for block in blocks)
        if n < plain.COMPILED_FROM:
            sizes.add(plain.runs(np.sort(np.concatenate(blocks)))[1])
            return
        from privkit.anonymity.counting import kernels

        left = max(0, self.bits - bits * level)
        parts = parts_for(n * self.nbytes, left)
        keys, bounds = self._split(blocks, parts, left - parts)
        slots = power_of_two(1.6 * n / (1 << parts))
        large = room_for_large(n, sizes)
        failed = np.zeros(1 << parts, dtype=np.bool_)
        found = kernels.count_integers(
            keys,
            bounds,
            self.narrow,
            np.empty(slots, self.dtype),
            np.empty(slots, counter_type(n)),
            sizes.small,
            large,
            failed,
        )
        sizes.add(large[:found])
        for part in np.flatnonzero(failed):
            sizes.add(plain.runs(np.sort(keys[bounds[part] : bounds[part + 1]]))[1])

    def tally(self, blocks: Iterable[Block], memory: int) -> NDArray[np.int64] | None:
        """Count keys in one table of at most ``memory`` bytes; ``None`` if they do not fit."""
        from privkit.anonymity.counting import kernels

        slots = max(16, power_of_two(memory / (self.nbytes + 8) + 1) // 2)
        table = np.empty(slots, self.dtype)
        counts = np.zeros(slots, np.int64)
        used = 0
        for block in blocks:
            used = kernels.tally(block, self.narrow, table, counts, used, slots - slots // 5)
            if used == kernels.OVERFULL:
                return None
        return counts

    def _split(
        self, blocks: Sequence[Block], bits: int, shift: int
    ) -> tuple[Block, NDArray[np.int64]]:
        from privkit.anonymity.counting import kernels

        mask = (1 << bits) - 1
        counts = np.zeros(1 << bits, dtype=np.int64)
        for block in blocks:
            kernels.count_parts(block, self.narrow, shift, mask, counts)
        bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        keys = np.empty(int(bounds[-1]), dtype=self.dtype)
        at = bounds[:-1].copy()
        for block in blocks:
            kernels.scatter(block, self.narrow, shift, mask, at, keys)
        check_unchanged(at, bounds)
        return keys, bounds


class Histogram:
    """How often each of ``2**bits`` values occurs.

    Args:
        bits: the values lie below ``2**bits``.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.table: NDArray[np.int64] = np.zeros(1 << bits, dtype=np.int64)
        self._seen = 0
        self._n = 0
        self._narrow: NDArray[np.uint32] | None = None

    def add(self, values: NDArray[Any], *, compiled: bool | None = None) -> None:
        """Add unsigned integers.

        Args:
            values: shape ``(m,)``, native byte order.
            compiled: whether to use the compiled loops; by default once there are many values.

        Raises:
            InputError: if a value does not lie below ``2**bits``.
        """
        self._n += values.size
        if compiled is None:
            compiled = self._n >= _COMPILED_HISTOGRAM_FROM
        top = self._add_compiled(values) if compiled else self._add_plain(values)
        if top >> self.bits:
            raise InputError(
                f"there is a code with bits set above the {self.bits} bits of a code",
                where="codes",
                rule=f"a code of {self.bits} bits lies from 0 to {(1 << self.bits) - 1}",
                remedy="give the right number of bits",
            )

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram of as many bits."""
        self.table += other.table

    def count(self, sizes: Sizes) -> None:
        """Add the class sizes to ``sizes``."""
        sizes.add(self.table[self.table > 0])

    def _add_plain(self, values: NDArray[Any]) -> int:
        for start in range(0, values.size, 1 << 16):  # a block that stays in the cache
            # Safe: what lies above 2**bits is found by the length, and bincount refuses uint64.
            part = np.bincount(values[start : start + (1 << 16)].astype(np.intp, copy=False))
            if part.size > self.table.size:
                return part.size - 1
            self.table[: part.size] += part
        return 0

    def _add_compiled(self, values: NDArray[Any]) -> int:
        from privkit.anonymity.counting import kernels

        step = 8 * values.dtype.itemsize
        mask = (1 << self.bits) - 1
        if step > _WORDWISE_BITS:
            return int(kernels.histogram(values, mask, self.table))
        if values.ctypes.data % 8:
            values = values.copy()
        whole = values.size - values.size % (64 // step)
        if self._narrow is None:
            self._narrow = np.empty((_TABLES, self.table.size), dtype=np.uint32)
        self._narrow[:] = 0  # 32 bits are enough for one block and move half the bytes
        words = values[:whole].view(np.uint64)
        seen = int(kernels.histogram_words(words, step, mask, self._narrow))
        for table in self._narrow:
            self.table += table
        return _joined(seen, step) | self._add_plain(values[whole:])


def _joined(word: int, step: int) -> int:
    """Join the values of a word by *or*."""
    joined = 0
    while word:
        joined |= word & ((1 << step) - 1)
        word >>= step
    return joined
