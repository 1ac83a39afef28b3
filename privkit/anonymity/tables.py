"""Exact counting of equal tuples of table columns with Arrow, a block of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.stored import StoredCodes

__all__ = ["count_table"]

BLOCK = 1 << 20
PENDING = 1 << 22
"""Groups of the blocks so far that are kept before they are added up again."""


def count_table(stored: StoredCodes) -> NDArray[np.int64]:
    """Count equal tuples of the quasi-identifier columns, exactly.

    Args:
        stored: columns of a table.

    Returns:
        shape ``(classes,)``, the size of each class.

    Raises:
        InputError: if Arrow cannot group a column of this type.
    """
    names = list(stored.columns)
    # Short internal names: a column of the file may be called 'rows'.
    keys = [f"k{position}" for position in range(len(names))]
    parts: list[Any] = []
    pending = 0
    try:
        plain = pa.table([_plain(stored.table.column(name)) for name in names], names=keys)
        for start in range(0, stored.n, BLOCK):
            block = plain.slice(start, BLOCK)
            ones = pa.array(np.ones(block.num_rows, dtype=np.int64))
            parts.append(_summed(block.append_column("rows", ones), keys))
            pending += parts[-1].num_rows
            if pending > PENDING:
                parts = [_summed(pa.concat_tables(parts), keys)]
                pending = 0
        total = _summed(pa.concat_tables(parts), keys)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise InputError(
            "these columns cannot be counted",
            where=stored.source,
            rule="a quasi-identifier has one plain value a record",
            found=str(error)[:300],
            remedy="store the column as text or whole numbers",
        ) from error
    return np.asarray(total.column("rows").to_numpy(), dtype=np.int64)


def _summed(table: Any, keys: list[str]) -> Any:
    grouped = table.group_by(keys).aggregate([("rows", "sum")])
    # Which side the sums stand on has changed between versions of Arrow.
    return grouped.select([*keys, "rows_sum"]).rename_columns([*keys, "rows"])


def _plain(column: Any) -> Any:
    """Bring a column into the form in which equal values are equal bytes."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pc.cast(column, column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.cast(column, pa.float64())
        column = pc.add(column, 0.0)  # -0.0 becomes 0.0
        column = pc.if_else(pc.is_nan(column), float("nan"), column)
    return column
