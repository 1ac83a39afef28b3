"""``Shard``: one array of one file, before it is decided what kind of codes it holds."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import check_bits
from privkit.features.stored import chunk_rows

__all__ = ["ANY", "Choice", "Shard", "codes_and_bits", "own_bits", "scanned"]

NAMED = ("packed", "codes", "features")
"""The names that say which of several arrays is meant; ``bits`` may stand beside it."""


@dataclass(frozen=True)
class Choice:
    """Which array of a file is meant.

    Attributes:
        name: of the array; ``None`` where it is found by the rules of :func:`codes_and_bits`.
        others: names of arrays that hold something else, as the people.
    """

    name: str | None = None
    others: tuple[str, ...] = ()


ANY = Choice()

_READ_AHEAD = 128 << 10
"""Bytes that the system reads ahead; rows further apart are better read alone, a hundred times
faster by measurement."""


@dataclass(frozen=True)
class Shard:
    """One array of a file.

    Attributes:
        path: the file.
        dtype: of its values.
        shape: rows first.
        array: returns it whole: mapped, or already in memory. ``None`` where it has to be read.
        read: yields it so many rows at a time, for what cannot be mapped.
        pick: returns some rows by their sorted numbers, where that needs no reading of the others.
        bits: N, where the file itself says it.
        packed: whether the file itself says that these are packed bytes.
        unread: names of other arrays of the file of which nobody said what they hold.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    array: Callable[[], NDArray[Any]] | None = None
    read: Callable[[int], Iterator[NDArray[Any]]] | None = None
    bits: int | None = None
    packed: bool = False
    pick: Callable[[NDArray[np.int64]], NDArray[Any]] | None = None
    unread: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        path: Path,
        values: NDArray[Any],
        *,
        bits: int | None,
        name: str = "",
        unread: tuple[str, ...] = (),
    ) -> Shard:
        """Take an array that is in memory or mapped and may stay so."""
        return cls(
            path,
            values.dtype,
            values.shape,
            lambda: values,
            None,
            bits,
            name == "packed",
            unread=unread,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return int(prod(self.shape)) * self.dtype.itemsize

    def blocks(self, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield the values from the start, a block of rows at a time."""
        step = rows or chunk_rows(self.shape)
        if self.read is not None:
            yield from self.read(step)
            return
        values = self.whole()
        for start in range(0, len(values), step):
            yield values[start : start + step]

    def whole(self) -> NDArray[Any]:
        """Return all values, mapped where that is possible and read into memory elsewhere."""
        if self.array is not None:
            return self.array()
        empty = np.empty((0, *self.shape[1:]), dtype=self.dtype)
        return np.concatenate([empty, *self.blocks()])

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return some rows by their sorted numbers; only these are read, where that is possible."""
        if self.array is not None:
            return _few(self.array(), index)
        if self.pick is not None:
            return self.pick(index)
        return scanned(self.blocks(), index, np.empty((0, *self.shape[1:]), self.dtype))

    def words(self) -> str:
        """Say type and shape, e.g. ``uint8 of shape (3, 2)``."""
        return f"{self.dtype} of shape {self.shape}"


def _few(values: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
    """Pick rows, and keep the system from reading ahead where few of a mapped file are picked."""
    owner: Any = values
    while isinstance(owner, np.ndarray):
        owner = owner.base
    apart = values.nbytes > _READ_AHEAD * len(index)
    if not (apart and isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_RANDOM")):
        return np.asarray(values[index])
    owner.madvise(mmap.MADV_RANDOM)
    try:
        return np.asarray(values[index])
    finally:
        owner.madvise(mmap.MADV_NORMAL)


def scanned(
    blocks: Iterator[NDArray[Any]], index: NDArray[np.int64], empty: NDArray[Any]
) -> NDArray[Any]:
    """Pick rows by their sorted numbers from blocks that come one after the other.

    Args:
        blocks: all rows from the start, at least up to the last one picked.
        index: sorted numbers of rows.
        empty: shape ``(0, ...)``, what is returned where no row is picked.
    """
    parts, start, done = [empty], 0, 0
    for block in blocks:
        upto = int(np.searchsorted(index, start + len(block)))
        if upto > done:
            parts.append(block[index[done:upto] - start])
        start, done = start + len(block), upto
        if done == len(index):
            break
    return np.concatenate(parts)


def codes_and_bits(
    path: Path, names: Sequence[str], save: str, choice: Choice = ANY
) -> tuple[str, bool, tuple[str, ...]]:
    """Choose the array that holds the codes, and tell what stands beside it.

    Args:
        path: the file.
        names: of its arrays.
        save: how to save codes under a name, for the error.
        choice: which one is meant, or not.

    Returns:
        Its name, whether ``bits`` stands beside it, and the names of which nobody said what they
        hold; none of these where the array was named.

    Raises:
        InputError: if it is not clear which array holds the codes, or the one meant is not there.
    """
    if choice.name is not None:
        if choice.name in names:
            return choice.name, choice.name in NAMED and "bits" in names, ()
        raise InputError(
            f"there is no array {choice.name!r}",
            where=path,
            found=f"the arrays {', '.join(names[:50])}" if names else "no array",
        )
    arrays = [name for name in names if name != "bits" and name not in choice.others]
    named = [name for name in NAMED if name in arrays]
    if not named and len(arrays) != 1:
        raise InputError(
            "it is not clear which array holds the codes",
            where=path,
            rule="the array is named 'codes', or it is the only one",
            found=f"{len(arrays)} arrays: {', '.join(arrays[:50])}" if arrays else "no array",
            remedy=save,
        )
    chosen = (named or arrays)[0]
    return chosen, "bits" in names, tuple(name for name in arrays if name != chosen)


def own_bits(path: Path, stored: NDArray[Any]) -> int:
    """Return the N that the file carries.

    Raises:
        InputError: if it is no number of bits.
    """
    value = stored.item() if stored.size == 1 else stored.shape
    return check_bits(value, where=f"{path}: the array 'bits'")
