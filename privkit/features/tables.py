"""Opening quasi-identifier columns of Parquet and CSV files.

Rules:

* An equivalence class is an equal tuple of the chosen columns. Null is a value of its own, equal
  to null; NaN is equal to NaN; -0.0 is equal to 0.0.
* CSV is compared as text, exactly as it stands in the file: ``7`` and ``07`` differ. An empty
  field is the empty text.
* One column and ``bits`` given: the column holds codes, read as whole numbers below ``2**bits``,
  none missing. Several columns and ``bits`` given: ``bits`` is the declared size of the whole
  tuple, against which the number of classes is checked when they are counted.
* No column named: right only where the file has a single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from privkit.errors import InputError
from privkit.features.stored import Form, StoredCodes

__all__ = ["open_csv", "open_parquet"]

_CSV = pa_csv.ParseOptions(newlines_in_values=True)


def open_csv(path: Path, bits: int | None, columns: Sequence[str] | None) -> StoredCodes:
    """Open columns of a comma-separated UTF-8 file with a header line, as text.

    Raises:
        InputError: if the file is broken, a column is missing, or a value is no code.
    """
    if path.stat().st_size == 0:
        raise InputError(
            "this CSV file is empty", where=path, rule="a header line and rows", found="0 bytes"
        )
    try:
        with pa_csv.open_csv(path, parse_options=_CSV) as reader:
            there = list(reader.schema.names)
        chosen = _choose(path, there, columns)
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(chosen, pa.string()),
            include_columns=chosen,
            strings_can_be_null=False,
        )
        table = pa_csv.read_csv(path, parse_options=_CSV, convert_options=convert)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _broken(
            path, "CSV", "comma-separated UTF-8 text with a header line", error
        ) from error
    return _stored(path, "CSV", table, bits)


def open_parquet(path: Path, bits: int | None, columns: Sequence[str] | None) -> StoredCodes:
    """Open columns of a Parquet file.

    Raises:
        InputError: if the file is broken, a column is missing or nested, or a value is no code.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            chosen = _choose(path, list(file.schema_arrow.names), columns)
            for name in chosen:
                _countable(path, name, file.schema_arrow.field(name).type)
            table = file.read(columns=chosen)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _broken(path, "Parquet", "a whole Parquet file", error) from error
    return _stored(path, "Parquet", table, bits)


def _broken(path: Path, kind: str, rule: str, error: Exception) -> InputError:
    empty = path.stat().st_size == 0
    found = "an empty file, 0 bytes" if empty else str(error)[:300]
    return InputError(f"this is not a readable {kind} file", where=path, rule=rule, found=found)


def _choose(path: Path, there: list[str], columns: Sequence[str] | None) -> list[str]:
    """Check the names of the columns, or take the only one there is."""
    chosen = list(dict.fromkeys(columns or ()))
    listed = ", ".join(there[:50]) + (f" and {len(there) - 50} more" if len(there) > 50 else "")
    if not chosen and len(there) == 1:
        chosen = there
    if not chosen:
        raise InputError(
            "it is not said which columns are the quasi-identifiers",
            where=path,
            rule="name one or several columns with --columns",
            found=f"the columns {listed}" if there else "no columns",
        )
    for name in chosen:
        if there.count(name) != 1:
            raise InputError(
                f"there is no column {name!r}"
                if name not in there
                else f"the column {name!r} is there {there.count(name)} times",
                where=path,
                rule="--columns names columns of the file",
                found=f"the columns {listed}",
            )
    return chosen


def _countable(path: Path, name: str, kind: Any) -> None:
    if pa.types.is_nested(kind):
        raise InputError(
            f"the column {name!r} is nested",
            where=path,
            rule="a quasi-identifier has one plain value a record",
            found=kind,
            remedy="store codes as whole numbers, or as an npz of packed bytes",
        )


def _stored(path: Path, kind: str, table: Any, bits: int | None) -> StoredCodes:
    names = tuple(table.column_names)
    if table.num_rows == 0:
        raise InputError("there are no rows", where=path, rule="at least one record", found="0")
    words = f"{kind} column{'s' if len(names) > 1 else ''} {', '.join(names)}"
    if len(names) == 1 and bits is not None:
        column = _codes(path, names[0], table.column(0), bits)
        return _integers(path, words, column, bits)
    first = table.column(0)
    plain = len(names) == 1 and pa.types.is_integer(first.type) and not first.null_count
    if plain and pc.min(first).as_py() >= 0:
        return _integers(path, words, first, None)
    nulls = _null_records(table)
    return StoredCodes(
        path.name, Form.TABLE, words, table.num_rows, bits, None, table, names, nulls, path
    )


def _null_records(table: Any) -> int:
    """Count the records with at least one null."""
    missing = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        if column.null_count:
            missing |= column.is_null().to_numpy()
    return int(missing.sum())


def _integers(path: Path, words: str, column: Any, bits: int | None) -> StoredCodes:
    values = np.asarray(column.to_numpy())
    return StoredCodes(
        path.name, Form.INTEGERS, words, len(values), bits, values, columns=(), path=path
    )


def _codes(path: Path, name: str, column: Any, bits: int) -> Any:
    """Read one column as codes of ``bits`` bits and check every value."""
    rule = f"a code of {bits} bits is a whole number from 0 to {_largest(bits)}, none missing"
    where = f"{path}: column {name!r}"
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InputError(
            f"the code in row {row} is missing",
            where=where,
            rule=rule,
            found=f"{column.null_count} nulls",
            remedy="leave --bits out to count null as a value of its own",
        )
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        fine = pc.match_substring_regex(column, r"^[0-9]{1,19}$").to_numpy()
        if not fine.all():
            row = int(np.argmin(fine))
            raise InputError(
                f"row {row} is not a whole number",
                where=where,
                rule=rule,
                found=repr(column[row].as_py()),
                remedy="leave --bits out to count the values as text",
            )
        column = pc.cast(column, pa.uint64())
    if not pa.types.is_integer(column.type):
        raise InputError(
            "this column does not hold codes",
            where=where,
            rule=rule,
            found=column.type,
            remedy="leave --bits out to count the values as they are",
        )
    low, high = pc.min(column).as_py(), pc.max(column).as_py()
    if low < 0 or high >= 1 << bits:
        worst = low if low < 0 else high
        row = pc.index(column, pa.scalar(worst, column.type)).as_py()
        problem = "is negative" if low < 0 else f"has bits set above the {bits} bits of a code"
        raise InputError(
            f"the code in row {row} {problem}",
            where=where,
            rule=rule,
            found=worst,
            remedy="give the right --bits",
        )
    return column


def _largest(bits: int) -> str:
    return str((1 << bits) - 1) if bits <= 64 else f"2**{bits} - 1"
