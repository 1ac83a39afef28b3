"""``StoredCodes``: codes or quasi-identifiers as they lie in files, ready to be counted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import Codes, integers_to_packed, packed_to_integers

__all__ = [
    "CHUNK",
    "IN_MEMORY",
    "TO_PACKED",
    "Columns",
    "Form",
    "StoredCodes",
    "Stream",
    "chunk_rows",
    "files_sha256",
]

CHUNK = 1 << 16
"""Integers read at a time: a block that stays in the processor's cache."""

IN_MEMORY = 64 << 20
"""Bytes of values that are read into memory at opening where they cannot be mapped; above, they
are read from the files a block at a time, each time they are asked for."""


class Form(Enum):
    """How codes lie in a file."""

    INTEGERS = "integers"
    BITS = "0/1 matrix"
    SIGNS = "±1 matrix"
    PACKED = "packed bytes"
    TABLE = "columns"


TO_PACKED: dict[Form, Callable[[NDArray[Any], int], NDArray[np.uint8]]] = {
    Form.INTEGERS: integers_to_packed,
    Form.BITS: lambda chunk, _bits: np.packbits(chunk.astype(bool), axis=1, bitorder="big"),
    Form.SIGNS: lambda chunk, _bits: np.packbits(chunk > 0, axis=1, bitorder="big"),
    Form.PACKED: lambda chunk, _bits: np.ascontiguousarray(chunk),
}


def chunk_rows(shape: tuple[int, ...]) -> int:
    """Return how many rows to read at a time so that a block holds about 64Ki values.

    Args:
        shape: of the array, rows first.
    """
    return max(1, CHUNK // max(1, int(np.prod(shape[1:]))))


def files_sha256(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file in hex, read as a stream.

    Of several files, the SHA-256 of the sorted lines ``sha256  name``, each ending with a
    newline, where the names start from the folder that holds them all: inside that folder,
    ``sha256sum FILES | LC_ALL=C sort | sha256sum`` gives the same.
    """
    if len(paths) == 1:
        return _sha256(paths[0])
    whole = [path.absolute() for path in paths]
    root = os.path.commonpath([path.parent for path in whole])
    lines = [f"{_sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in whole]
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, eq=False)
class Stream:
    """Codes that cannot be mapped into memory and are too many to be read into it.

    Attributes:
        dtype: of the values.
        row_bytes: bytes of one record.
        read: yields all of them, in order and from the start, at most so many rows a block, or
            as many as suits the files where ``None`` is given.
    """

    dtype: np.dtype[Any]
    row_bytes: int
    read: Callable[[int | None], Iterator[NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a table, in memory or in files.

    Attributes:
        schema: the ``pyarrow.Schema`` of the columns.
        read: yields all records, in order and from the start, as ``pyarrow.RecordBatch``.
        in_memory: whether the records are in memory already.
    """

    schema: Any
    read: Callable[[], Iterator[Any]]
    in_memory: bool

    @cached_property
    def table(self) -> Any:
        """All records as a ``pyarrow.Table``, read into memory if they are not there yet."""
        import pyarrow as pa

        return pa.Table.from_batches(self.read(), schema=self.schema)


@dataclass(frozen=True, eq=False)
class StoredCodes:
    """Codes in files, or the quasi-identifier columns of a table.

    Args:
        source: the name of the file, or words for several files or for what was given in memory.
        form: how the codes lie there.
        kind: the same in words, e.g. ``"uint16 integers"``.
        n: records.
        bits: N, or ``None`` where the file does not say it and nobody gave it.
        arrays: the arrays as they lie in the files, one a shard, possibly memory-mapped: ``(m,)``
            integers, ``(m, bits)`` 0/1 or ±1, or ``(m, ceil(bits / 8))`` packed bytes. None for a
            table, nor where ``stream`` is given.
        stream: the codes a block at a time, where they are neither mapped nor in memory.
        quasi: the quasi-identifiers, for a table.
        columns: the names of the columns that were read, for Parquet and CSV.
        nulls: records with at least one missing value among them: null, NaN or empty text; missing
            is a value of its own.
        marked: records with at least one text that looks like a missing value, as ``?`` or ``NA``;
            each such text is a value of its own.
        paths: the files, if there are any, in the order of the records.
        keys: for each file of a table, the columns that the names of its folders give.
    """

    source: str
    form: Form
    kind: str
    n: int
    bits: int | None
    arrays: tuple[NDArray[Any], ...] = ()
    stream: Stream | None = None
    quasi: Columns | None = None
    columns: tuple[str, ...] = ()
    nulls: int = 0
    marked: int = 0
    paths: tuple[Path, ...] = ()
    keys: tuple[dict[str, str | None], ...] = ()

    @classmethod
    def from_codes(cls, codes: Codes, *, source: str = "codes in memory") -> StoredCodes:
        """Treat codes that are already in memory like stored ones.

        Raises:
            InputError: if there are no codes.
        """
        if not len(codes):
            raise InputError("there are no codes", where=source, rule="at least one record")
        kind = f"packed bytes, {codes.bits} bits a code"
        return cls(source, Form.PACKED, kind, len(codes), codes.bits, (codes.packed,))

    @cached_property
    def sha256(self) -> str | None:
        """:func:`files_sha256` of the files; ``None`` where there is none."""
        return files_sha256(self.paths) if self.paths else None

    @property
    def table(self) -> Any:
        """The quasi-identifiers as a ``pyarrow.Table``, read into memory; ``None`` for codes."""
        return None if self.quasi is None else self.quasi.table

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values as stored, the widest of all shards, in native byte order.

        Raises:
            InputError: for a table, which has no array.
        """
        if self.stream is not None:
            return self.stream.dtype
        return np.result_type(*self._arrays())

    @property
    def row_bytes(self) -> int:
        """Bytes of one record as stored, the most of all shards.

        Raises:
            InputError: for a table, which has no array.
        """
        if self.stream is not None:
            return self.stream.row_bytes
        return max(a.dtype.itemsize * int(np.prod(a.shape[1:])) for a in self._arrays())

    def chunks(self, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield the codes as stored, a block of rows at a time, all shards in order.

        Raises:
            InputError: for a table, which has no array; or if a block that is read turns out to
                be damaged or no codes.
        """
        if self.stream is not None:
            yield from self.stream.read(rows)
            return
        for array in self._arrays():
            step = rows or chunk_rows(array.shape)
            for start in range(0, len(array), step):
                yield array[start : start + step]

    def integer_chunks(self, rows: int | None = None) -> Iterator[NDArray[Any]]:
        """Yield the codes as integers, shape ``(m,)``, in blocks; needs codes of <= 64 bits."""
        if self.form is Form.INTEGERS:
            yield from self.chunks(rows)
            return
        bits = self._known_bits()
        for chunk in self.chunks(rows):
            yield packed_to_integers(TO_PACKED[self.form](chunk, bits), bits)

    def packed_chunks(self, rows: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Yield the codes as packed bytes, shape ``(m, ceil(bits / 8))``, in blocks."""
        bits = self._known_bits()
        for chunk in self.chunks(rows):
            yield TO_PACKED[self.form](chunk, bits)

    def to_codes(self) -> Codes:
        """Read everything into memory.

        Raises:
            InputError: if the number of bits is not known, or this is a table.
        """
        return Codes.from_packed(np.concatenate(list(self.packed_chunks())), self._known_bits())

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        if self.form is Form.TABLE:
            raise InputError(
                "the columns of a table are not codes",
                where=self.source,
                rule="codes are integers, a 0/1 matrix, a ±1 matrix or packed bytes",
                found=self.kind,
                remedy="give one column of whole numbers together with the number of bits",
            )
        return self.arrays

    def _known_bits(self) -> int:
        if self.bits is None:
            raise InputError(
                "the number of bits of these codes is not known",
                where=self.source,
                found=self.kind,
                remedy="give --bits (or bits=)",
            )
        return self.bits


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
