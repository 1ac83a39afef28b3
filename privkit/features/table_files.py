"""Reading columns of Parquet and CSV files, a batch of records at a time.

* CSV is comma-separated UTF-8 text with a header line. Values are text, exactly as they stand:
  ``7`` and ``07`` differ. An empty field, quoted or not, is missing. An empty line is no record.
* Several files are one table: they have the chosen columns in common, with the same types.
* A folder named ``key=value`` adds a column, see :mod:`privkit.features.files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from privkit.errors import InputError
from privkit.features.files import Files
from privkit.features.stored import IN_MEMORY, Columns
from privkit.features.values import plain_type

__all__ = [
    "TableFile",
    "chosen_columns",
    "csv_names",
    "csv_schema",
    "open_table_files",
    "read_columns",
]

_CSV = pa_csv.ParseOptions(newlines_in_values=True)
# The longest record that is read; Arrow's own limit of 1 MiB is short for text.
_BLOCK = pa_csv.ReadOptions(block_size=8 << 20)


@dataclass(frozen=True)
class TableFile:
    """A file of records.

    Attributes:
        path: the file.
        names: of its columns, without those of ``keys``.
        types: of its columns by name, dictionaries and extensions as what they stand for.
        rows: records, where the file says it.
        keys: columns that the names of its folders give, one value for all records each.
        size: returns about how many bytes some of the columns are in memory.
        no_nulls: tells whether the file says that a column has no nulls.
        lowest: returns the lowest value of a column, where the file says it.
        read: yields some of the columns.
    """

    path: Path
    names: tuple[str, ...]
    types: dict[str, Any]
    rows: int | None
    keys: dict[str, str | None]
    size: Callable[[Sequence[str]], int]
    no_nulls: Callable[[str], bool]
    lowest: Callable[[str], Any]
    read: Callable[[Sequence[str]], Iterator[Any]]

    @property
    def there(self) -> list[str]:
        """The names of all columns."""
        return [*self.names, *self.keys]

    def schema(self, columns: Sequence[str]) -> Any:
        """The ``pyarrow.Schema`` of some columns."""
        return pa.schema(
            [(name, self.types[name] if name in self.types else pa.string()) for name in columns]
        )

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Yield some columns of all records in order, as ``pyarrow.RecordBatch``.

        Raises:
            InputError: if the file turns out to be damaged.
        """
        schema = self.schema(columns)
        own = [name for name in columns if name in self.types]
        for batch in self.read(own or list(self.names[:1])):
            values = [
                pc.cast(batch.column(name), schema.field(name).type)
                if name in own
                else pa.repeat(pa.scalar(self.keys[name], pa.string()), batch.num_rows)
                for name in columns
            ]
            yield pa.record_batch(values, schema=schema)


def open_table_files(files: Files) -> list[TableFile]:
    """Open Parquet or CSV files without reading their records.

    Raises:
        InputError: if one of them is broken.
    """
    return [
        _OPENERS[files.kind](path, keys) for path, keys in zip(files.paths, files.keys, strict=True)
    ]


def chosen_columns(
    tables: Sequence[TableFile],
    columns: Sequence[str] | None,
    *,
    option: str,
    every: bool = False,
    nested: bool = False,
) -> list[str]:
    """Check the names of the columns in all files, or take those that are meant without a name.

    Args:
        tables: the files.
        columns: the names, each once.
        option: the option that named them, for the errors.
        every: whether all columns are meant where none is named, or only a single one.
        nested: whether lists are welcome.

    Raises:
        InputError: if a column is missing, there several times, nested, or of different types.
    """
    first = tables[0]
    chosen = list(dict.fromkeys(columns or ()))
    if not chosen and (every or len(first.there) == 1):
        chosen = list(first.there)
    if not chosen:
        raise InputError(
            "it is not said which columns are the quasi-identifiers",
            where=first.path,
            rule=f"name one or several columns with {option}",
            found=f"the columns {_listed(first.there)}" if first.there else "no columns",
        )
    for table in tables:
        for name in chosen:
            _check_column(table, name, option, nested)
            kind, wanted = (t.schema([name]).field(0).type for t in (table, first))
            if kind != wanted:
                raise InputError(
                    f"the column {name!r} is of different types",
                    where=table.path,
                    rule=f"the same type in all files, here {wanted} as in {first.path}",
                    found=kind,
                    remedy="write the files with one schema",
                )
    return chosen


def read_columns(tables: Sequence[TableFile], columns: Sequence[str]) -> Columns:
    """Return columns of all files: read now where they are small, else when they are asked for.

    Raises:
        InputError: if a file turns out to be damaged.
    """

    def read() -> Iterator[Any]:
        for table in tables:
            yield from table.batches(columns)

    schema = tables[0].schema(columns)
    if sum(table.size(columns) for table in tables) > IN_MEMORY:
        return Columns(schema, read, in_memory=False)
    batches = list(read())
    return Columns(schema, lambda: iter(batches), in_memory=True)


def _check_column(table: TableFile, name: str, option: str, nested: bool) -> None:
    times = table.there.count(name)
    if times != 1:
        what = f"the column {name!r} is there {times} times"
        raise InputError(
            what if times else f"there is no column {name!r}",
            where=table.path,
            rule=f"{option} names columns of the file",
            found=f"the columns {_listed(table.there)}",
        )
    kind = table.schema([name]).field(0).type
    if pa.types.is_nested(kind) and not nested:
        raise InputError(
            f"the column {name!r} is nested",
            where=table.path,
            rule="one plain value a record",
            found=kind,
            remedy="store codes as whole numbers, or as an npz of packed bytes",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")


def _open_csv(path: Path, keys: dict[str, str | None]) -> TableFile:
    if path.stat().st_size == 0:
        raise InputError(
            "this CSV file is empty", where=path, rule="a header line and rows", found="0 bytes"
        )

    def read(columns: Sequence[str]) -> Iterator[Any]:
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        )
        try:
            with pa_csv.open_csv(path, _BLOCK, _CSV, convert) as reader:
                yield from reader
        except (pa.ArrowException, UnicodeError) as error:
            raise _broken(path, "CSV", error) from error

    names = csv_names(path)
    types = dict.fromkeys(names, pa.string())
    size = path.stat().st_size
    return TableFile(
        path, names, types, None, keys, lambda _: size, lambda _: False, lambda _: None, read
    )


def csv_names(path: Path) -> tuple[str, ...]:
    """Return the names in the header line of a CSV file.

    Raises:
        InputError: if it is no CSV file.
    """
    return tuple(csv_schema(path).names)


def csv_schema(path: Path) -> Any:
    """Return the ``pyarrow.Schema`` of a CSV file, with the types that its first records suggest.

    Raises:
        InputError: if it is no CSV file.
    """
    try:
        with pa_csv.open_csv(path, _BLOCK, _CSV) as reader:
            schema = reader.schema
            tuple(schema.names)  # decodes them
            return schema
    except (pa.ArrowException, UnicodeError) as error:
        raise _broken(path, "CSV", error) from error


def _open_parquet(path: Path, keys: dict[str, str | None]) -> TableFile:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise _broken(path, "Parquet", error) from error
    parts = [
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    ]

    def of(name: str) -> list[Any]:
        return [part for part in parts if f"{part.path_in_schema}.".startswith(f"{name}.")]

    def size(columns: Sequence[str]) -> int:
        # Text that repeats is stored once: count what Arrow will hold a record, at the least.
        stored = sum(part.total_uncompressed_size for name in columns for part in of(name))
        return max(int(stored), 4 * len(columns) * int(metadata.num_rows))

    def no_nulls(name: str) -> bool:
        said = [part.statistics for part in of(name)]
        return all(s is not None and s.has_null_count and s.null_count == 0 for s in said)

    def lowest(name: str) -> Any:
        said = [part.statistics for part in of(name)]
        known = all(s is not None and s.has_min_max for s in said)
        return min((s.min for s in said), default=None) if known else None

    def read(columns: Sequence[str]) -> Iterator[Any]:
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                row = max(1, size(columns) // max(1, int(metadata.num_rows)))
                # At most 64Ki records, and of wide ones as many as 64 MiB hold.
                step = max(1, min(1 << 16, (1 << 26) // row))
                yield from file.iter_batches(step, columns=list(columns))
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise _broken(path, "Parquet", error) from error

    names = tuple(schema.names)
    types = {field.name: plain_type(field.type) for field in schema}
    return TableFile(path, names, types, metadata.num_rows, keys, size, no_nulls, lowest, read)


_OPENERS: dict[str, Callable[[Path, dict[str, str | None]], TableFile]] = {
    "CSV": _open_csv,
    "Parquet": _open_parquet,
}
_RULES = {"CSV": "comma-separated UTF-8 text with a header line", "Parquet": "a whole Parquet file"}


def _broken(path: Path, kind: str, error: Exception) -> InputError:
    empty = path.stat().st_size == 0
    found = "an empty file, 0 bytes" if empty else str(error)[:300]
    what = f"this is not a readable {kind} file"
    return InputError(what, where=path, rule=_RULES[kind], found=found)
