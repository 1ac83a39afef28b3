"""``Shard``: one array of one file, before it is decided what kind of codes it holds."""

from __future__ import annotations

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

__all__ = ["Shard", "codes_and_bits", "own_bits"]

NAMED = ("packed", "codes")
"""The names that say which of several arrays holds the codes; ``bits`` may stand beside it."""


@dataclass(frozen=True)
class Shard:
    """One array of a file.

    Attributes:
        path: the file.
        dtype: of its values.
        shape: rows first.
        array: returns it whole: mapped, or already in memory. ``None`` where it has to be read.
        read: yields it so many rows at a time, for what cannot be mapped.
        bits: N, where the file itself says it.
        packed: whether the file itself says that these are packed bytes.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    array: Callable[[], NDArray[Any]] | None = None
    read: Callable[[int], Iterator[NDArray[Any]]] | None = None
    bits: int | None = None
    packed: bool = False

    @classmethod
    def of(cls, path: Path, values: NDArray[Any], *, bits: int | None, name: str = "") -> Shard:
        """Take an array that is in memory or mapped and may stay so."""
        return cls(path, values.dtype, values.shape, lambda: values, None, bits, name == "packed")

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

    def words(self) -> str:
        """Say type and shape, e.g. ``uint8 of shape (3, 2)``."""
        return f"{self.dtype} of shape {self.shape}"


def codes_and_bits(path: Path, names: Sequence[str], save: str) -> tuple[str, bool]:
    """Choose the array that holds the codes, and tell whether ``bits`` stands beside it.

    Args:
        path: the file.
        names: of its arrays.
        save: how to save codes under a name, for the error.

    Raises:
        InputError: if it is not clear which array holds the codes.
    """
    arrays = [name for name in names if name != "bits"]
    named = [name for name in NAMED if name in arrays]
    if not named and len(arrays) != 1:
        raise InputError(
            "it is not clear which array holds the codes",
            where=path,
            rule="the array is named 'codes', or it is the only one",
            found=f"{len(arrays)} arrays: {', '.join(arrays[:50])}" if arrays else "no array",
            remedy=save,
        )
    return (named or arrays)[0], "bits" in names


def own_bits(path: Path, stored: NDArray[Any]) -> int:
    """Return the N that the file carries.

    Raises:
        InputError: if it is no number of bits.
    """
    value = stored.item() if stored.size == 1 else stored.shape
    return check_bits(value, where=f"{path}: the array 'bits'")
