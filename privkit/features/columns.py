"""Values that go with each record: people, sensitive values, metadata.

In Parquet and CSV files a column is a column, and CSV is text. In npz, safetensors and HDF5 files
each array of one dimension is a column of that name, and one of two dimensions holds the columns
``name.0``, ``name.1`` and so on; in an npy file the name is that of the file, without its ending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.arrays import npy_arrays, npz_arrays
from privkit.features.files import Files, Given, find_files
from privkit.features.hdf5 import hdf5_arrays
from privkit.features.table_files import chosen_columns, open_table_files, read_columns
from privkit.features.tensors import safetensors_arrays
from privkit.features.values import as_text, comparable, missing

__all__ = ["identifiers", "open_columns", "persons_of"]

ARRAYS: dict[str, Callable[[Path, Collection[str] | None], dict[str, NDArray[Any]]]] = {
    "npy": npy_arrays,
    "npz": npz_arrays,
    "safetensors": safetensors_arrays,
    "HDF5": hdf5_arrays,
}


def open_columns(
    path: Given, columns: Sequence[str] | None, *, rows: int | None, option: str
) -> pa.Table:
    """Read values that go with each record into memory.

    Args:
        path: a file of any kind that ``open_codes`` opens, or several.
        columns: the names of the columns; all of them where there is none.
        rows: how many records there are, or ``None`` where that is not known.
        option: the option that named them, for the errors.

    Returns:
        The columns in the order asked for, one row a record.

    Raises:
        InputError: if a file is broken, a column is missing, or there are more or fewer values
            than records.
    """
    files = find_files(path, option=option)
    read = _from_arrays if files.kind in ARRAYS else _from_tables
    table = read(files, columns, option)
    if rows is not None and table.num_rows != rows:
        raise InputError(
            "there is not one value for each record",
            where=files.source,
            rule=f"{option} has as many values as there are records, {rows}",
            found=f"{table.num_rows} values",
            remedy="give the values in the order of the records, none left out",
        )
    return table


def persons_of(table: pa.Table, *, where: object = "--person") -> NDArray[np.int64]:
    """Number the people.

    Args:
        table: one column that names the person of each record, numbers or text.
        where: the option or file, for the errors.

    Returns:
        shape ``(n,)``, from 0 to the number of people - 1, in the order in which they appear.

    Raises:
        InputError: if there is not one column, or a record has no person.
    """
    if table.num_columns != 1:
        raise InputError(
            "it is not said which column names the person",
            where=where,
            rule="one column",
            found=f"the columns {', '.join(table.column_names)}",
            remedy="name one column, or give a file of one column",
        )
    column = comparable(table.column(0))
    gone = missing(column)  # would be one person of many records
    if pc.any(gone).as_py():
        raise InputError(
            f"the person of row {pc.index(gone, True).as_py()} is missing",
            where=where,
            rule="every record belongs to a person",
            found=f"{pc.sum(gone).as_py()} records without a person",
            remedy="leave these records out, or give each a person of its own",
        )
    encoded = column.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, dtype=np.int64)


def identifiers(path: Given, name: str, *, rows: int) -> NDArray[np.object_]:
    """Read one column as text: ``7`` of a CSV file is the 7 of a Parquet file.

    Args:
        path: a file of any kind that ``open_codes`` opens, or several.
        name: of the column.
        rows: how many records there are.

    Returns:
        shape ``(rows,)``.

    Raises:
        InputError: as :func:`open_columns`, or an identifier is missing.
    """
    column = open_columns(path, [name], rows=rows, option="the identifiers").column(0)
    gone = missing(column)
    if pc.any(gone).as_py():
        raise InputError(
            f"the identifier of row {pc.index(gone, True).as_py()} is missing",
            where=f"the column {name!r}",
            rule="every record has one",
        )
    return np.asarray(as_text(column).to_pylist(), dtype=object)


def _from_tables(files: Files, columns: Sequence[str] | None, option: str) -> Any:
    tables = open_table_files(files)
    names = chosen_columns(tables, columns, option=option, every=True)
    return read_columns(tables, names).table


def _from_arrays(files: Files, columns: Sequence[str] | None, option: str) -> Any:
    # The column 'ages.0' is part of the array 'ages', unless an array has that very name.
    whole = {name.rpartition(".")[0] for name in columns or ()}
    wanted = {*columns, *whole} if columns else None
    parts = [_columns(path, ARRAYS[files.kind](path, wanted)) for path in files.paths]
    if files.kind == "npy":  # the shards of one column have names of their own
        parts = [dict(zip(parts[0], part.values(), strict=False)) for part in parts]
    chosen = list(dict.fromkeys(columns or parts[0]))
    for path, part in zip(files.paths, parts, strict=True):
        for name in chosen:
            if name not in part:
                raise InputError(
                    f"there is no column {name!r}",
                    where=path,
                    rule=f"{option} names arrays of the file",
                    found=f"the columns {', '.join(list(part)[:50])}" if part else "none of them",
                )
            if part[name].dtype.kind != parts[0][name].dtype.kind:
                raise InputError(
                    f"the column {name!r} is of different types",
                    where=path,
                    rule=f"values of one kind, here {parts[0][name].dtype} as in {files.paths[0]}",
                    found=part[name].dtype,
                )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in chosen}
    if len({len(values) for values in joined.values()}) > 1:
        raise InputError(
            "the arrays are not equally long",
            where=files.source,
            rule="one value a record in each of them",
            found=", ".join(f"{name}: {len(values)}" for name, values in joined.items()),
            remedy="name those that are meant",
        )
    return pa.table({name: _arrow(name, joined[name], files.source) for name in chosen})


def _arrow(name: str, values: NDArray[Any], where: str) -> Any:
    """A column for Arrow, which cuts numpy's own text at the first NUL: two people would be one."""
    kind = {"U": pa.string(), "S": pa.binary()}.get(values.dtype.kind)
    try:
        return pa.array(values if kind is None else values.astype(object), kind)
    # SystemError is Python's, of a number that is no character.
    except (pa.ArrowException, UnicodeError, SystemError) as error:
        raise InputError(
            f"the column {name!r} cannot be read",
            where=where,
            rule="numbers of at most 64 bits, or text that is Unicode",
            found=values.dtype,
        ) from error


def _columns(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Take arrays apart into columns of one dimension each."""
    columns: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "biufSUO" or array.ndim not in (1, 2):
            raise InputError(
                f"the array {name!r} does not hold values of records",
                where=path,
                rule="numbers or text in one or two dimensions, one row a record",
                found=f"{array.dtype} of shape {array.shape}",
            )
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        if native.ndim == 1:
            columns[name] = native
        else:
            columns |= {f"{name}.{i}": native[:, i] for i in range(native.shape[1])}
    return columns
