"""Opening quasi-identifier columns of Parquet and CSV files.

Rules:

* An equivalence class is an equal tuple of the chosen columns; which values are equal is said in
  :mod:`privkit.features.values`, how files are read in :mod:`privkit.features.table_files`.
* One column and ``bits`` given: the column holds codes, read as whole numbers below ``2**bits``,
  none missing. Several columns and ``bits`` given: ``bits`` is the declared size of the whole
  tuple, against which the number of classes is checked when they are counted.
* No column named: right only where the file has a single one.
* A missing value is a value of its own. The records with one are counted, and so are those with
  text that looks like one (:func:`privkit.features.values.looks_missing`), which stays as it is.
* Columns of at most ``IN_MEMORY`` bytes are read at once. Larger ones stay in their files; whole
  numbers are then checked when they are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.files import Files
from privkit.features.stored import Columns, Form, StoredCodes, Stream
from privkit.features.table_files import (
    TableFile,
    chosen_columns,
    open_table_files,
    read_columns,
)
from privkit.features.values import (
    JUDGED,
    looks_missing,
    may_hide_missing,
    missing,
    refuse_unbounded,
)
from privkit.features.whole_numbers import code_type, codes_of

__all__ = ["open_table"]


def open_table(files: Files, bits: int | None, columns: Sequence[str] | None) -> StoredCodes:
    """Open columns of Parquet or CSV files by the rules of this module.

    Raises:
        InputError: if a file is broken, a column is missing, nested or of unbounded floats, or a
            value is no code.
    """
    tables = open_table_files(files)
    names = chosen_columns(tables, columns, option="--columns")
    chosen = read_columns(tables, names)
    n, nulls, marked = _counted(tables, chosen)
    if n == 0:
        raise InputError(
            "there are no rows", where=tables[0].path, rule="at least one record", found="0"
        )
    words = f"{files.kind} column{'s' if len(names) > 1 else ''} {', '.join(names)}"
    stored = StoredCodes(
        files.source,
        Form.TABLE,
        words,
        n,
        bits,
        nulls=nulls,
        marked=marked,
        paths=files.paths,
        keys=files.keys,
    )
    where = f"{tables[0].path if len(tables) == 1 else files.source}: column {names[0]!r}"
    kind = chosen.schema.field(0).type
    if len(names) == 1 and bits is not None:
        return _codes(stored, chosen, where)
    if (
        len(names) == 1
        and pa.types.is_integer(kind)
        and not nulls
        and _none_negative(tables, chosen)
    ):
        return _codes(stored, chosen, where)
    _refuse_unbounded(chosen, where=files.source if len(tables) > 1 else tables[0].path)
    return replace(stored, quasi=chosen, columns=tuple(names))


def _counted(tables: Sequence[TableFile], chosen: Columns) -> tuple[int, int, int]:
    """Count the records, those with a missing value and those with one that looks like it.

    What the files say themselves is not read.
    """
    rows = [table.rows for table in tables]
    known = sum(count for count in rows if count is not None)
    silent = None in rows or not all(
        _says_none_is_missing(table, name) for table in tables for name in chosen.schema.names
    )
    if not silent:
        return known, 0, 0
    n = nulls = marked = 0
    for batch in chosen.read():
        n += batch.num_rows
        nulls += _records_with(missing, batch)
        marked += _records_with(looks_missing, batch)
    return n, nulls, marked


def _says_none_is_missing(table: TableFile, name: str) -> bool:
    """Tell whether a file says that no value is missing; of NaN and text no file says it."""
    if name in table.types:
        return not may_hide_missing(table.types[name]) and table.no_nulls(name)
    value = pa.array([table.keys[name]], pa.string())
    return not (missing(value)[0].as_py() or looks_missing(value)[0].as_py())


def _records_with(mark: Callable[[Any], Any], batch: Any) -> int:
    found = np.zeros(batch.num_rows, dtype=bool)
    for column in batch.columns:
        if column.null_count or may_hide_missing(column.type):
            found |= mark(column).to_numpy(zero_copy_only=False)
    return int(found.sum())


def _none_negative(tables: Sequence[TableFile], chosen: Columns) -> bool:
    """Tell whether the one column of whole numbers has no negative value.

    What a file says of itself is taken at first: its codes are checked when they are read.
    """
    (name,) = chosen.schema.names
    said = [table.lowest(name) for table in tables]
    if None in said:
        said = [pc.min(batch.column(0)).as_py() for batch in chosen.read() if batch.num_rows]
    return int(min(said)) >= 0


def _codes(stored: StoredCodes, chosen: Columns, where: str) -> StoredCodes:
    """Take one column as codes."""
    dtype = code_type(chosen.schema.field(0).type)
    if dtype is None:
        raise InputError(
            "this column does not hold codes",
            where=where,
            rule="codes are whole numbers, none missing",
            found=chosen.schema.field(0).type,
            remedy="leave --bits out to count the values as they are",
        )
    names = tuple(chosen.schema.names)
    stored = replace(stored, form=Form.INTEGERS, nulls=0, marked=0, columns=names)

    def read(rows: int | None) -> Iterator[NDArray[Any]]:
        for values in codes_of(chosen.read(), stored.bits, where=where):
            step = rows or max(1, len(values))
            for start in range(0, len(values), step):
                yield values[start : start + step]

    if not chosen.in_memory:
        return replace(stored, stream=Stream(dtype, dtype.itemsize, read))
    return replace(stored, arrays=(np.concatenate(list(read(None))),))


def _refuse_unbounded(chosen: Columns, *, where: object) -> None:
    """Look at the first records of each column for floats that nearly all differ."""
    batches, rows = [], 0
    for batch in chosen.read():
        batches.append(batch)
        rows += batch.num_rows
        if rows >= JUDGED:
            break
    table = pa.Table.from_batches(batches, schema=chosen.schema)
    for name in table.column_names:
        refuse_unbounded(name, table.column(name), where=where)
