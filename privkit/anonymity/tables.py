"""Equal tuples of columns: as Arrow batches that any engine can group, and counted by Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.stored import Form, StoredCodes
from privkit.features.values import comparable

__all__ = ["count_table", "key_batches", "key_types"]

BLOCK = 1 << 17
"""Records a batch where codes are made into Arrow batches."""


def key_types(stored: StoredCodes) -> list[Any]:
    """Return the Arrow types of the columns that :func:`key_batches` yields.

    Raises:
        InputError: if a column is of a type that cannot be compared.
    """
    if stored.quasi is not None:
        kinds = [field.type for field in stored.quasi.schema]
        return [c.type for c in _comparable(stored, [pa.array([], kind) for kind in kinds])]
    if _as_integers(stored):
        return [pa.from_numpy_dtype(_integer_type(stored))]
    return [pa.binary(-(-(stored.bits or 0) // 8))]


def key_batches(stored: StoredCodes) -> Iterator[list[Any]]:
    """Yield what makes up a class, in order: equal records are equal in every column.

    Args:
        stored: columns of a table, or codes of any form.

    Yields:
        One ``pyarrow.Array`` a column: the columns of a table as
        :func:`~privkit.features.values.comparable` ones; of codes a single one, of whole numbers
        up to 64 bits and of packed bytes above.

    Raises:
        InputError: if a column cannot be compared, or a file turns out to be damaged.
    """
    if stored.quasi is not None:
        for batch in stored.quasi.read():
            yield _comparable(stored, batch.columns)
    elif _as_integers(stored):
        dtype = _integer_type(stored)
        for chunk in stored.integer_chunks(BLOCK):
            yield [pa.array(np.ascontiguousarray(chunk, dtype))]
    else:
        (kind,) = key_types(stored)
        for packed in stored.packed_chunks(max(1, 8 * BLOCK // kind.byte_width)):
            rows = pa.py_buffer(np.ascontiguousarray(packed))
            yield [pa.Array.from_buffers(kind, len(packed), [None, rows])]


def count_table(stored: StoredCodes) -> NDArray[np.int64]:
    """Count equal tuples of the quasi-identifier columns exactly, in memory.

    Args:
        stored: columns of a table.

    Returns:
        shape ``(classes,)``, the size of each class.

    Raises:
        InputError: if Arrow cannot group a column of this type.
    """
    # Names of our own: those of the file may be there twice, or be anything.
    keys = [f"k{place}" for place in range(len(stored.columns))]
    schema = pa.schema(list(zip(keys, key_types(stored), strict=True)))
    batches = [pa.record_batch(columns, schema=schema) for columns in key_batches(stored)]
    table = pa.Table.from_batches(batches, schema=schema)
    try:
        counted = table.group_by(keys).aggregate([([], "count_all")])
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise _not_countable(stored, error) from error
    return np.asarray(counted.column("count_all").to_numpy(), dtype=np.int64)


def _comparable(stored: StoredCodes, columns: list[Any]) -> list[Any]:
    try:
        return [comparable(column) for column in columns]
    except pa.ArrowException as error:
        raise _not_countable(stored, error) from error


def _not_countable(stored: StoredCodes, error: Exception) -> InputError:
    return InputError(
        "these columns cannot be counted",
        where=stored.source,
        rule="a quasi-identifier has one plain value a record",
        found=str(error)[:300],
        remedy="store the column as text or whole numbers",
    )


def _as_integers(stored: StoredCodes) -> bool:
    return stored.form is Form.INTEGERS or (stored.bits is not None and stored.bits <= 64)


def _integer_type(stored: StoredCodes) -> np.dtype[Any]:
    """The type of the integers in every batch; shards may have narrower ones."""
    return stored.dtype if stored.form is Form.INTEGERS else np.dtype(np.uint64)
