"""``Counter``: exact counts of codes as they come.

Up to 16 bits it keeps a histogram; above, it keeps copies of the keys, which are divided by hash
into parts that fit the cache and counted part by part. What is more than the memory allows is
divided on disk first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts, count_classes
from privkit.anonymity.counting.folder import check_tmp
from privkit.anonymity.counting.integers import Histogram
from privkit.anonymity.counting.keys import Block
from privkit.anonymity.counting.sizes import Sizes
from privkit.anonymity.counting.source import (
    HISTOGRAM_BITS,
    as_array,
    check_memory,
    checked_keys,
    keys_of,
    memory_needed,
)
from privkit.anonymity.counting.spill import Spill, spill_rows
from privkit.errors import InputError
from privkit.features.codes import Codes, check_bits

__all__ = ["Counter", "count"]

_ARRAY = 128  # bytes that numpy takes for an array beside its values


def count(values: Codes | NDArray[Any] | Sequence[Any], *, bits: int | None = None) -> ClassCounts:
    """Count codes in memory exactly.

    Args:
        values: ``Codes``, ``(n,)`` whole numbers, an ``(n, bits)`` 0/1 matrix or
            ``(n, ceil(bits / 8))`` packed bytes; lists of Python's whole numbers as well.
        bits: N; by default the columns of a matrix, or what the type of the integers can hold.

    Returns:
        The class sizes.

    Raises:
        InputError: if there is no code, or a code does not fit into N bits.
    """
    if isinstance(values, Codes):
        if bits not in (None, values.bits):
            raise InputError(
                "the number of bits contradicts the codes",
                where="bits",
                rule=f"these codes have {values.bits} bits",
                found=bits,
            )
        return count_classes(values)
    array = as_array(values)
    if bits is None:
        bits = array.shape[1] if array.ndim == 2 else 8 * array.dtype.itemsize
    counter = Counter(bits)
    counter.update(array)
    return counter.counts()


class Counter:
    """Exact counts of codes that come in chunks.

    Args:
        bits: N, from 1 to 65536.
        memory: bytes to use at most, apart from some 2 MB of fixed tables; by default half of
            what the machine has available when the counter is made.
        tmp: folder for what does not fit into it; by default the system's temporary folder.

    Use it in a ``with`` statement, or call :meth:`close`, where files on disk should not have to
    wait for the garbage collector.

    Raises:
        InputError: if ``bits`` or ``memory`` cannot be used.
    """

    def __init__(self, bits: int, *, memory: int | None = None, tmp: Path | None = None) -> None:
        self.bits = check_bits(bits)
        self.memory = check_memory(memory)
        check_tmp(tmp)
        self.tmp = tmp
        self.n = 0
        self._closed = False
        self._histogram = Histogram(self.bits) if self.bits <= HISTOGRAM_BITS else None
        self._keys = keys_of(self.bits)
        self._blocks: list[Block] = []
        self._held = 0
        self._spill: Spill | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the codes and remove what lies on disk; nothing can be added or counted then."""
        self._closed = True
        self.n, self._histogram = 0, None
        self._blocks, self._held = [], 0
        if self._spill is not None:
            self._spill.close()
            self._spill = None

    def update(self, chunk: Codes | NDArray[Any]) -> None:
        """Add codes; the chunk is copied and may be used again.

        Args:
            chunk: ``(m,)`` whole numbers, ``(m, bits)`` 0/1, ``(m, ceil(bits / 8))`` packed bytes,
                or ``Codes``; ``m`` may be 0.

        Raises:
            InputError: if a code does not fit into N bits, the counter is closed, or the disk is
                full. After a full disk the counter is closed.
        """
        self._check_open()
        self._add(checked_keys(chunk, self.bits))

    def merge(self, other: Counter) -> None:
        """Add all codes of another counter, which stays as it is.

        Raises:
            InputError: if it counts codes of another N, or one of the two is closed.
        """
        self._check_open()
        other._check_open()
        if other.bits != self.bits or other is self:
            raise InputError(
                "these counters cannot be merged",
                where="other",
                rule=f"another counter of codes of {self.bits} bits",
                found="the same counter" if other is self else f"{other.bits} bits",
            )
        if self._histogram is not None and other._histogram is not None:
            self._histogram.merge(other._histogram)
            self.n += other.n
            return
        for block in list(other._blocks):
            self._add(block)
        if other._spill is not None:
            for block in other._spill.blocks():
                self._add(block)

    def counts(self) -> ClassCounts:
        """Return the class sizes of all codes so far; more may be added afterwards.

        Raises:
            InputError: if there is no code yet, the counter is closed, or the disk is full.
        """
        self._check_open()
        if not self.n:
            raise InputError("there are no codes", where="codes", rule="at least one record")
        sizes = Sizes()
        if self._histogram is not None:
            self._histogram.count(sizes)
        elif self._spill is not None:
            self._flush()
            self._spill.count(sizes)
        else:
            self._keys.count(self._blocks, 0, 0, sizes)
        return sizes.counts()

    def _add(self, block: Block) -> None:
        self.n += len(block)
        if self._histogram is not None:
            self._histogram.add(block)
            return
        self._blocks.append(block)
        self._held += block.nbytes + _ARRAY
        # Once on disk, what is held is only a buffer that is not divided as a whole.
        room = self.memory - memory_needed(self._keys, self.n, copies=1)
        most = self.memory // 4 if self._spill else room
        if self._held > most:
            try:
                if self._spill is None:
                    self._spill = Spill(self._keys, memory=self.memory // 2, tmp=self.tmp)
                self._flush()
            except BaseException:  # what was on disk is gone, so the rest means nothing
                self.close()
                raise

    def _check_open(self) -> None:
        if self._closed:
            raise InputError(
                "this counter is closed",
                where="counter",
                rule="a closed counter has forgotten its codes",
                remedy="count before it is closed, or make a new one",
            )

    def _flush(self) -> None:
        if self._spill is None or not self._blocks:
            return
        step = spill_rows(self._keys, self._spill.memory)
        pieces: list[Block] = []
        rows = 0
        for block in self._blocks:
            for start in range(0, len(block), step):
                piece = block[start : start + step]
                if rows + len(piece) > step:
                    self._spill.add(np.concatenate(pieces))
                    pieces, rows = [], 0
                pieces.append(piece)
                rows += len(piece)
        if rows:
            self._spill.add(np.concatenate(pieces))
        self._blocks, self._held = [], 0
