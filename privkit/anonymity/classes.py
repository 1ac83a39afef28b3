"""Exact counting of equivalence classes.

Three ways, chosen by how wide the values are:

* a histogram, filled in blocks by ``np.bincount``, where the values lie below about 2**24;
* sort and measure the runs, for integers of up to 64 bits;
* hash the rows to 64 bits, sort the hashes and compare the full neighbouring rows, for wider
  codes. Where two different rows share a hash, the rows themselves are sorted instead, so that
  the counts stay exact.

Columns of a table are grouped by Arrow, see :mod:`privkit.anonymity.tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.tables import count_table
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import CHUNK, Form, StoredCodes

__all__ = ["ClassCounts", "count_classes", "count_rows"]

Scalar = TypeVar("Scalar", bound=np.generic)

HISTOGRAM_BITS = 24
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: mixes neighbouring words apart
_HALF = np.uint64(32)


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """How large the equivalence classes are.

    Args:
        sizes: shape ``(classes,)``, int64, records in each class, in any order, all at least 1.
        n: records, the sum of ``sizes``.

    Raises:
        InputError: if the sizes are not those of ``n`` records.
    """

    sizes: NDArray[np.int64]
    n: int

    def __post_init__(self) -> None:
        sizes = np.asarray(self.sizes)
        if sizes.ndim != 1 or not sizes.size or sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise InputError(
                "these are not the sizes of equivalence classes",
                where="sizes",
                rule="whole numbers of at least 1, in one dimension, at least one",
                found=f"{sizes.dtype} of shape {sizes.shape}",
            )
        if int(sizes.sum()) != self.n:
            raise InputError(
                "the sizes do not add up to the records",
                where="n",
                rule=f"n is the sum of the sizes, {int(sizes.sum())}",
                found=self.n,
            )
        object.__setattr__(self, "sizes", sizes.astype(np.int64, copy=False))

    @classmethod
    def from_sizes(cls, sizes: NDArray[np.integer]) -> ClassCounts:
        """Build from the sizes alone."""
        return cls(np.asarray(sizes, dtype=np.int64), int(np.sum(sizes)))

    @cached_property
    def sizes_of_sizes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The sizes that occur, ascending, and how many classes have each; both ``(m,)``.

        The frequencies of frequencies of the species literature. There are at most
        ``sqrt(2 n)`` different sizes, so every measure is quick to compute from them.
        """
        return runs(np.sort(self.sizes))

    @property
    def classes(self) -> int:
        """Number of equivalence classes that occur."""
        return int(self.sizes.size)

    def classes_of_size(self, size: int) -> int:
        """Return how many classes have exactly ``size`` records."""
        sizes, classes = self.sizes_of_sizes
        return int(classes[sizes == size].sum())


def count_classes(stored: StoredCodes | Codes) -> ClassCounts:
    """Count the equivalence classes of stored codes exactly.

    Args:
        stored: what ``open_codes`` returned, or codes in memory.

    Returns:
        The class sizes.

    Raises:
        InputError: if there is no record, or more classes than the declared bits allow.
    """
    if isinstance(stored, Codes):
        stored = StoredCodes.from_codes(stored)
    if stored.form is Form.TABLE:
        sizes = count_table(stored)
    elif stored.form is Form.INTEGERS or (stored.bits is not None and stored.bits <= 64):
        sizes = _count_integers(stored)
    else:
        sizes = count_rows(np.concatenate(list(stored.packed_chunks())))
    if stored.bits is not None and stored.bits < 63 and sizes.size > 1 << stored.bits:
        raise InputError(
            f"there are {sizes.size} classes, more than {stored.bits} bits allow",
            where=stored.source,
            rule=f"{stored.bits} bits have {1 << stored.bits} values",
            remedy="give the right --bits, or leave it out",
        )
    return ClassCounts(sizes, stored.n)


def runs(ordered: NDArray[Scalar]) -> tuple[NDArray[Scalar], NDArray[np.int64]]:
    """Return the different values of a sorted array and how often each occurs."""
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(starts, append=ordered.size).astype(np.int64)


def _count_integers(stored: StoredCodes) -> NDArray[np.int64]:
    """Count integers by a histogram where it is not larger than the data, else by sorting."""
    width = _width(stored)
    if 1 << width <= max(CHUNK, stored.n) and width <= HISTOGRAM_BITS:
        return _histogram(stored.integer_chunks(max(CHUNK, 1 << width)), width)
    values = np.concatenate([np.asarray(chunk) for chunk in stored.integer_chunks(1 << 20)])
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    values.sort()
    return runs(values)[1]


def _width(stored: StoredCodes) -> int:
    """Return the bits that a histogram of these integers needs."""
    values = stored.values
    if stored.bits is not None and stored.bits <= 16:
        return stored.bits
    if stored.form is not Form.INTEGERS:
        return stored.bits or 64
    if values is not None and values.dtype.itemsize <= 2:
        return 8 * values.dtype.itemsize
    return max(int(chunk.max()) for chunk in stored.integer_chunks()).bit_length()


def _histogram(chunks: Iterator[NDArray[Any]], width: int) -> NDArray[np.int64]:
    counts = np.zeros(1 << width, dtype=np.int64)
    for chunk in chunks:
        # Safe: the values are known to lie below 2**width, and bincount refuses uint64.
        part = np.bincount(chunk.astype(np.intp, copy=False))
        counts[: part.size] += part
    return counts[counts > 0]


def count_rows(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count equal rows of bytes, exactly.

    Args:
        rows: shape ``(n, width)``, uint8.

    Returns:
        shape ``(classes,)``, the size of each class.
    """
    n, width = rows.shape
    words = np.zeros((n, -(-width // 8) * 8), dtype=np.uint8)
    words[:, :width] = rows
    wide: NDArray[np.uint64] = words.view(np.uint64)
    if wide.shape[1] == 1:
        return runs(np.sort(wide[:, 0]))[1]
    hashes = np.zeros(n, dtype=np.uint64)
    for column in range(wide.shape[1]):
        hashes = (hashes ^ wide[:, column]) * _ODD
        hashes ^= hashes >> _HALF
    order = np.argsort(hashes)
    hashes = hashes[order]
    if _rows_differ(wide, order, hashes[1:] == hashes[:-1]):
        whole = np.ascontiguousarray(rows).view(np.dtype((np.void, width)))[:, 0]
        return np.unique(whole, return_counts=True)[1].astype(np.int64)
    return runs(hashes)[1]


def _rows_differ(
    wide: NDArray[np.uint64], order: NDArray[np.intp], same_hash: NDArray[np.bool_]
) -> bool:
    """Tell whether two neighbours of equal hash are different rows."""
    pairs = np.flatnonzero(same_hash)
    for start in range(0, pairs.size, CHUNK):
        block = pairs[start : start + CHUNK]
        if (wide[order[block]] != wide[order[block + 1]]).any():
            return True
    return False
