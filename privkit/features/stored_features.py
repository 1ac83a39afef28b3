"""``StoredFeatures``: floats or codes as they lie in files, ready to be attacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.files import Given
from privkit.features.shards import Shard
from privkit.features.stored import TO_PACKED, Form, files_sha256

__all__ = ["LARGEST", "StoredFeatures"]

#: Records that are looked at for lost digits, in runs of so many, and bytes of them at most.
_SOME, _RUN, _SOME_BYTES = 4096, 64, 64 << 20
#: Share of whole numbers that may change, and of other values from which on enough are left.
_CHANGED, _LEFT = 0.01, 0.25
LARGEST = 16 << 30
"""Bytes of the most that :meth:`StoredFeatures.to_matrix` reads into memory."""


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """Features in files: of each record ``width`` floats, or a code of ``bits`` bits.

    Args:
        source: the name of the file, or words for several files.
        kind: how they lie there, in words, e.g. ``"float32 matrix, 40 columns"``.
        n: records.
        width: numbers of a record as attacks take them: floats, or bits of -1 or +1.
        bits: N of codes, ``None`` for floats.
        paths: the files, in the order of the records.
        notes: what somebody who reads a result should know, a sentence each.
        columns: the names of the columns, for Parquet and CSV.
        unread: the names of what lies beside the features and is not read, as nobody said what
            it holds: columns, arrays, the numbers that somebody gave the vectors of an index.
        form: how codes lie in the files, ``None`` for floats.
        shards: the arrays, one a file.
        own_ids: ``(n,)`` the numbers that a FAISS index gives its vectors.
        given: what was opened.
    """

    source: str
    kind: str
    n: int
    width: int
    bits: int | None
    paths: tuple[Path, ...]
    form: Form | None
    shards: tuple[Shard, ...]
    given: Given
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    own_ids: NDArray[np.int64] | None = None

    @cached_property
    def sha256(self) -> str:
        """:func:`privkit.features.stored.files_sha256` of the files; reads all of them."""
        return files_sha256(self.paths)

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read some records; where the files are mapped, nothing else of them is read.

        Args:
            index: numbers of records, sorted, shape ``(m,)``.

        Returns:
            ``(m, width)``: floats as they are, codes as -1 and +1.

        Raises:
            InputError: a value is NaN or infinite, or a file turns out to be damaged.
            IndexError: the numbers are not sorted or there is no such record.
        """
        index = np.asarray(index, np.int64)
        if index.size and (index[0] < 0 or index[-1] >= self.n or (np.diff(index) < 0).any()):
            raise IndexError(f"rows are sorted and lie from 0 to {self.n - 1}")
        parts, first = [np.empty((0, self.width), np.float32)], 0
        for shard in self.shards:
            after = first + shard.shape[0]
            here = index[np.searchsorted(index, first) : np.searchsorted(index, after)]
            if here.size:
                taken = shard.take(here - first)
                if len(taken) != len(here):
                    raise _too_few(shard)
                parts.append(self._numbers(taken, shard, here))
            first = after
        return np.concatenate(parts)

    def chunks(self, rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield all records in order, a block of ``(m, width)`` at a time, as :meth:`rows`.

        Args:
            rows: how many at most; by default as many as hold about 64Ki numbers.

        Raises:
            InputError: a value is NaN or infinite, or a file turns out to be damaged.
        """
        first = 0
        for shard in self.shards:
            start = first
            for block in shard.blocks(rows):
                yield self._numbers(block, shard, start + np.arange(len(block)))
                start += len(block)
            first += shard.shape[0]
            if start != first:
                raise _too_few(shard)

    def to_matrix(self) -> NDArray[np.float32]:
        """Read everything into memory, ``(n, width)``.

        Raises:
            InputError: as :meth:`chunks`, or it is more than ``LARGEST`` bytes.
        """
        if 4 * self.n * self.width > LARGEST:
            raise InputError(
                "the features are too large to be read whole",
                where=self.source,
                rule=f"at most {LARGEST >> 30} GiB as 32-bit floats",
                found=f"{self.n:,} records of {self.width:,} numbers",
                remedy="read some of the rows",
            )
        matrix = np.empty((self.n, self.width), np.float32)
        done = 0
        for chunk in self.chunks():
            matrix[done : done + len(chunk)] = chunk
            done += len(chunk)
        return matrix

    def merged(self) -> tuple[str, ...]:
        """Columns of which 32-bit floats merge values that the file tells apart.

        Whole numbers, where one in a hundred is not kept as it is; other numbers, where of their
        values a quarter is left at most, so that it is not the rounding of one computation beside
        that of another. Told from some records of all files, in runs, for they may be sorted.

        Returns:
            Their names, or numbers from 0 where they have none; nothing for codes.
        """
        rows = min(_SOME, max(_RUN, _SOME_BYTES // (8 * self.width)))
        blocks = [
            shard.take(_runs(shard.shape[0], max(_RUN, rows // len(self.shards))))
            for shard in (self.shards if self.bits is None else ())
            if shard.shape[0] and not np.can_cast(shard.dtype, np.float32)
        ]
        if not blocks:
            return ()
        stored = np.concatenate([block.reshape(len(block), -1) for block in blocks])
        with np.errstate(over="ignore", invalid="ignore"):
            kept = stored.astype(np.float32)
            if stored.dtype.kind in "iu":
                changed = kept.astype(np.longdouble) != stored.astype(np.longdouble)
                lost = changed.mean(0) > _CHANGED
            else:
                lost = _values(kept) <= _LEFT * _values(stored)
        named = len(self.columns) == self.width
        return tuple(self.columns[i] if named else str(i) for i in np.flatnonzero(lost))

    def ids(self, name: str | None = None) -> NDArray[np.object_]:
        """Return the identifiers of the records as text, ``(n,)``.

        Args:
            name: the column of the table, or the array of the same file, that holds them; ``None``
                for the numbers that a FAISS index gives its vectors.

        Raises:
            InputError: there are none of that name, or one is missing.
        """
        from privkit.features.columns import identifiers

        if name is not None:
            return identifiers(self.given, name, rows=self.n)
        if self.own_ids is None:
            raise InputError(
                "the features have no numbers of their own",
                where=self.source,
                rule="only a FAISS index has them",
                remedy="name the column that holds the identifiers",
            )
        return self.own_ids.astype(str).astype(object)

    def _numbers(
        self, block: NDArray[Any], shard: Shard, row: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Turn records as stored, whose numbers are ``row``, into what attacks take."""
        if self.form is not None and self.bits is not None:
            packed = TO_PACKED[self.form](block, self.bits)
            return Codes.from_packed(packed, self.bits).to_signs()
        with np.errstate(over="ignore", invalid="ignore"):
            values = block.reshape(len(block), -1).astype(np.float32)
        if not np.isfinite(values).all():
            at, column = (int(i[0]) for i in np.nonzero(~np.isfinite(values)))
            place = repr(self.columns[column]) if len(self.columns) == self.width else column
            raise InputError(
                f"the value in row {row[at]}, column {place} is not a finite number",
                where=shard.path,
                rule="every feature is a finite 32-bit float",
                found=block.reshape(len(block), -1)[at, column],
                remedy="leave that record out, or repair it",
            )
        return values


def _runs(rows: int, some: int) -> NDArray[np.int64]:
    """Sorted numbers of some rows: runs of neighbours, spread over all."""
    if rows <= some:
        return np.arange(rows)
    starts = np.linspace(0, rows - _RUN, max(1, some // _RUN)).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(_RUN))


def _values(block: NDArray[Any]) -> NDArray[np.int64]:
    """How many values each column has."""
    ordered = np.sort(block, axis=0)
    values: NDArray[np.int64] = 1 + (ordered[1:] != ordered[:-1]).sum(0)
    return values


def _too_few(shard: Shard) -> InputError:
    return InputError(
        "the file holds fewer or more records than it announces",
        where=shard.path,
        rule=f"{shard.shape[0]:,} records, as it says itself",
        remedy="write it again: it is damaged",
    )
