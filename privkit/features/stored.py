"""``StoredCodes``: codes or quasi-identifiers as they lie in a file, ready to be counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import Codes, integers_to_packed, packed_to_integers

__all__ = ["CHUNK", "Form", "StoredCodes", "chunk_rows"]

CHUNK = 1 << 16
"""Integers read at a time: a block that stays in the processor's cache."""


class Form(Enum):
    """How codes lie in a file."""

    INTEGERS = "integers"
    BITS = "0/1 matrix"
    SIGNS = "±1 matrix"
    PACKED = "packed bytes"
    TABLE = "columns"


_TO_PACKED: dict[Form, Callable[[NDArray[Any], int], NDArray[np.uint8]]] = {
    Form.INTEGERS: integers_to_packed,
    Form.BITS: lambda chunk, _bits: np.packbits(chunk.astype(bool), axis=1, bitorder="big"),
    Form.SIGNS: lambda chunk, _bits: np.packbits(chunk > 0, axis=1, bitorder="big"),
    Form.PACKED: lambda chunk, _bits: np.ascontiguousarray(chunk),
}


def chunk_rows(values: NDArray[Any]) -> int:
    """Return how many rows to read at a time so that a block holds about 64Ki values."""
    return max(1, CHUNK // max(1, int(np.prod(values.shape[1:]))))


@dataclass(frozen=True, eq=False)
class StoredCodes:
    """Codes in a file, or the quasi-identifier columns of a table.

    Args:
        source: the name of the file, or words for what was given in memory.
        form: how the codes lie there.
        kind: the same in words, e.g. ``"uint16 integers"``.
        n: records.
        bits: N, or ``None`` where the file does not say it and nobody gave it.
        values: the array as it lies in the file, possibly memory-mapped: ``(n,)`` integers,
            ``(n, bits)`` 0/1 or ±1, or ``(n, ceil(bits / 8))`` packed bytes; ``None`` for a table.
        table: a ``pyarrow.Table`` of the quasi-identifiers; ``None`` for an array.
        columns: the names of the columns, for a table.
        nulls: records with at least one null among the columns; null is a value of its own.
        path: the file, if there is one.
    """

    source: str
    form: Form
    kind: str
    n: int
    bits: int | None
    values: NDArray[Any] | None = None
    table: Any = None
    columns: tuple[str, ...] = ()
    nulls: int = 0
    path: Path | None = None

    @classmethod
    def from_codes(cls, codes: Codes, *, source: str = "codes in memory") -> StoredCodes:
        """Treat codes that are already in memory like stored ones.

        Raises:
            InputError: if there are no codes.
        """
        if not len(codes):
            raise InputError("there are no codes", where=source, rule="at least one record")
        kind = f"packed bytes, {codes.bits} bits a code"
        return cls(source, Form.PACKED, kind, len(codes), codes.bits, values=codes.packed)

    @cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the file, in hex, read as a stream; ``None`` where there is no file."""
        if self.path is None:
            return None
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def chunks(self, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield the array as stored, a block of rows at a time.

        Raises:
            InputError: for a table, which has no array.
        """
        if self.values is None:
            raise InputError(
                "the columns of a table are not codes",
                where=self.source,
                rule="codes are integers, a 0/1 matrix, a ±1 matrix or packed bytes",
                found=self.kind,
                remedy="give one column of whole numbers together with the number of bits",
            )
        step = rows or chunk_rows(self.values)
        for start in range(0, self.n, step):
            yield self.values[start : start + step]

    def integer_chunks(self, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield the codes as integers, shape ``(m,)``, in blocks; needs codes of <= 64 bits."""
        if self.form is Form.INTEGERS:
            yield from self.chunks(rows)
            return
        bits = self._known_bits()
        for chunk in self.chunks(rows):
            yield packed_to_integers(_TO_PACKED[self.form](chunk, bits), bits)

    def packed_chunks(self, rows: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Yield the codes as packed bytes, shape ``(m, ceil(bits / 8))``, in blocks."""
        bits = self._known_bits()
        for chunk in self.chunks(rows):
            yield _TO_PACKED[self.form](chunk, bits)

    def to_codes(self) -> Codes:
        """Read everything into memory.

        Raises:
            InputError: if the number of bits is not known, or this is a table.
        """
        return Codes.from_packed(np.concatenate(list(self.packed_chunks())), self._known_bits())

    def _known_bits(self) -> int:
        if self.bits is None:
            raise InputError(
                "the number of bits of these codes is not known",
                where=self.source,
                found=self.kind,
                remedy="give --bits (or bits=)",
            )
        return self.bits
