"""Columns of Parquet and CSV files as a matrix of numbers.

Which columns are the features:

* those that are named, each of numbers, or one of lists of equally many numbers;
* without names, the one column of lists if there is one, else all columns of numbers, without
  those that are said to hold something else (identifiers, people, sensitive values). A column of
  a CSV file is one of numbers if its first records are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.files import Files
from privkit.features.shards import Shard
from privkit.features.table_files import TableFile, chosen_columns, csv_schema, open_table_files

__all__ = ["feature_columns", "numeric_shards"]

_LARGE, _PACKED_AT_MOST = 1 << 30, 2000
"""More bytes of values than the first are refused where the file is smaller by more than the
second: a few bytes of Parquet may stand for any number of equal values."""


def feature_columns(
    files: Files, columns: Sequence[str] | None, exclude: Collection[str], *, option: str
) -> tuple[list[TableFile], list[str]]:
    """Open the files and choose the columns by the rules of this module.

    Raises:
        InputError: a file is broken, or it is not clear which columns are the features.
    """
    tables = open_table_files(files)
    names = list(columns or _numeric(tables[0], files.kind, exclude))
    if not names:
        raise InputError(
            "there is no column of numbers",
            where=tables[0].path,
            rule="features are numbers, in columns or in one column of lists",
            found=f"the columns {', '.join(tables[0].there[:50])}",
        )
    names = chosen_columns(tables, names, option=option, nested=True)
    kinds = [tables[0].schema([name]).field(0).type for name in names]
    for name, kind in zip(names, kinds, strict=True):
        if not (_is_number(kind) or _is_list(kind) or files.kind == "CSV"):
            raise InputError(
                f"the column {name!r} does not hold numbers",
                where=tables[0].path,
                rule="features are numbers, in columns or in one column of lists",
                found=kind,
            )
    lists = [name for name, kind in zip(names, kinds, strict=True) if _is_list(kind)]
    if lists and len(names) > 1:
        raise InputError(
            "it is not clear which column holds the features",
            where=tables[0].path,
            rule="one column of lists, or several columns of numbers",
            found=f"the columns {', '.join(names[:50])}",
            remedy="name one with --columns",
        )
    return tables, names


def numeric_shards(tables: Sequence[TableFile], names: Sequence[str], kind: str) -> list[Shard]:
    """Look at chosen columns of each file as one matrix.

    Args:
        tables: the files.
        names: of the columns.
        kind: ``"CSV"``, whose text is read once here to check and to count it, or ``"Parquet"``.

    Raises:
        InputError: a value is missing or no number, or a file announces more than it can hold.
    """
    return [(_of_csv if kind == "CSV" else _of_parquet)(table, names) for table in tables]


def _numeric(table: TableFile, kind: str, exclude: Collection[str]) -> list[str]:
    types = table.types
    if kind == "CSV":
        schema = csv_schema(table.path)
        types = dict(zip(schema.names, schema.types, strict=True))
    kinds = {name: types[name] for name in table.names if name not in exclude}
    lists = [name for name, kind in kinds.items() if _is_list(kind)]
    return lists or [name for name, kind in kinds.items() if _is_number(kind)]


def _is_number(kind: Any) -> bool:
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(test(kind) for test in numbers)


def _is_list(kind: Any) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists) and _is_number(kind.value_type)


def _of_parquet(table: TableFile, names: Sequence[str]) -> Shard:
    kinds = [table.types[name] for name in names]
    width = len(names)
    if _is_list(kinds[0]):
        width = _list_width(table, names[0])
        kinds = [kinds[0].value_type]
    dtype = np.result_type(*(_dtype(kind) for kind in kinds))
    rows = table.rows or 0
    announced, size = rows * width * dtype.itemsize, table.path.stat().st_size
    if announced > max(_LARGE, _PACKED_AT_MOST * size):
        raise InputError(
            "the file announces far more than it can hold",
            where=table.path,
            rule=f"at most {_PACKED_AT_MOST} bytes of values for each byte of the file",
            found=f"{announced:,} bytes of values in a file of {size:,}",
        )

    def read(step: int) -> Iterator[NDArray[Any]]:
        return _cut(_matrices(table, names, width, dtype), step)

    return Shard(table.path, dtype, (rows, width), read=read)


def _of_csv(table: TableFile, names: Sequence[str]) -> Shard:
    rows, binary = 0, True
    for block in _matrices(table, names, len(names), np.dtype(np.float64)):
        rows += len(block)
        binary = binary and bool(((block == 0) | (block == 1)).all())
    # Text has no type: only zeros and ones are the bits of codes.
    dtype = np.dtype(np.uint8 if binary else np.float64)

    def read(step: int) -> Iterator[NDArray[Any]]:
        return _cut(_matrices(table, names, len(names), dtype), step)

    return Shard(table.path, dtype, (rows, len(names)), read=read)


def _dtype(kind: Any) -> np.dtype[Any]:
    return np.dtype(np.float64 if pa.types.is_decimal(kind) else kind.to_pandas_dtype())


def _cut(blocks: Iterator[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    for block in blocks:
        for start in range(0, len(block), rows):
            yield block[start : start + rows]


def _matrices(
    table: TableFile, names: Sequence[str], width: int, dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    first = 0
    for batch in table.batches(names):
        columns = [
            _numbers(batch.column(i), name, table.path, first) for i, name in enumerate(names)
        ]
        if _is_list(batch.schema.field(0).type):
            yield _lists(columns[0], names[0], table.path, first, width, dtype)
        elif batch.num_rows:
            yield np.column_stack(
                [np.asarray(c.to_numpy(zero_copy_only=False)) for c in columns]
            ).astype(dtype, copy=False)
        first += batch.num_rows


def _numbers(column: Any, name: str, path: Path, first: int) -> Any:
    """Return a column without missing values, text and decimals as floats."""
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise InputError(
            f"the value in row {first + row}, column {name!r} is missing",
            where=path,
            rule="every feature is a finite number",
            remedy="leave that record out, or name other --columns",
        )
    if pa.types.is_decimal(column.type):
        return pc.cast(column, pa.float64())
    if not pa.types.is_string(column.type):
        return column
    text = pc.utf8_trim_whitespace(column)
    try:
        return pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        row = next(i for i, value in enumerate(text) if not _casts(value))
    raise InputError(
        f"the value in row {first + row}, column {name!r} is not a number",
        where=path,
        rule="every feature is a finite number",
        found=repr(column[row].as_py()[:80]),
        remedy="name other --columns",
    )


def _casts(value: Any) -> bool:
    try:
        value.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _list_width(table: TableFile, name: str) -> int:
    kind = table.types[name]
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for batch in table.batches([name]):
        for value in batch.column(0):
            return len(value.as_py() or ())
    return 0


def _lists(
    column: Any, name: str, path: Path, first: int, width: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    lengths = np.asarray(pc.list_value_length(column))
    other = np.flatnonzero(lengths != width)
    if len(other):
        raise InputError(
            f"the list in row {first + other[0]}, column {name!r} has another length",
            where=path,
            rule=f"equally many numbers in each record, here {width} as in the first",
            found=int(lengths[other[0]]),
        )
    values = column.flatten()
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // width
        raise InputError(
            f"a value in row {first + row}, column {name!r} is missing",
            where=path,
            rule="every feature is a finite number",
        )
    plain = pc.cast(values, pa.float64()) if pa.types.is_decimal(values.type) else values
    return (
        np.asarray(plain.to_numpy(zero_copy_only=False))
        .reshape(-1, width)
        .astype(dtype, copy=False)
    )
