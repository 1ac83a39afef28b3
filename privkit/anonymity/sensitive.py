"""A sensitive column: what must not be learnt of a person, beside what identifies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping, group_table
from privkit.anonymity.metadata import missing_values
from privkit.errors import InputError
from privkit.features.values import comparable, plain_type

__all__ = ["ClassValues", "Sensitive", "class_values", "sensitive_column"]


@dataclass(frozen=True, eq=False)
class Sensitive:
    """The values of one sensitive column.

    Args:
        name: the column.
        grouping: the value of each record; missing is a value of its own.
        ordered: whether the labels ascend with the values.
        missing: records without a value.
    """

    name: str
    grouping: Grouping
    ordered: bool
    missing: int = 0


@dataclass(frozen=True, eq=False)
class ClassValues:
    """How often each sensitive value occurs in each class, without the zeros.

    Entries are sorted by class, then by value.

    Attributes:
        classes: shape ``(m,)``, the class of each entry.
        values: shape ``(m,)``, the value.
        counts: shape ``(m,)``, records of that value in that class, at least 1.
        sizes: shape ``(classes,)``, records in each class.
        starts: shape ``(classes,)``, where the entries of each class begin.
    """

    classes: NDArray[np.int64]
    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]


def sensitive_column(table: Any, name: str) -> Sensitive:
    """Read a sensitive column of a ``pyarrow.Table``.

    Numbers, dates and times are ordered; text is where every value is a finite number, which is
    how CSV holds numbers: texts of the same number are then one value. A column with missing
    values is not ordered, because a missing value has no place among the others.

    Raises:
        InputError: if there is no such column, or Arrow cannot group it.
    """
    if table.column_names.count(name) != 1:
        raise InputError(
            f"there is no column {name!r}",
            where="--sensitive",
            rule="the name of a column",
            found=f"the columns {', '.join(table.column_names)}",
        )
    column = table.column(name)
    missing = missing_values(column)
    ordered = None if missing or not table.num_rows else _ordered(column)
    if ordered is not None:
        labels = np.asarray(pc.rank(ordered, tiebreaker="dense")).astype(np.int64) - 1
        return Sensitive(name, Grouping(labels, int(labels.max()) + 1), ordered=True)
    return Sensitive(name, group_table(table.select([name])), ordered=False, missing=missing)


def _ordered(column: Any) -> Any:
    """Return the column as values that Arrow can rank; ``None`` where it has no order."""
    kind = plain_type(column.type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column = pc.cast(pc.cast(column, kind), pa.float64())
        except pa.ArrowInvalid:
            return None
        return comparable(column) if pc.all(pc.is_finite(column)).as_py() else None
    ranked = pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind)
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return comparable(column) if ranked or numbers else None


def class_values(grouping: Grouping, sensitive: Sensitive) -> ClassValues:
    """Count each value in each class.

    Raises:
        InputError: if they are not of equally many records.
    """
    values = sensitive.grouping
    if len(values) != len(grouping):
        raise InputError(
            "there is not one sensitive value a record",
            where=sensitive.name,
            rule=f"{len(grouping)} values",
            found=len(values),
        )
    pairs, counts = np.unique(grouping.labels * values.classes + values.labels, return_counts=True)
    classes, value = np.divmod(pairs, values.classes)
    sizes = np.bincount(grouping.labels, minlength=grouping.classes).astype(np.int64)
    starts = np.searchsorted(classes, np.arange(grouping.classes)).astype(np.int64)
    return ClassValues(classes, value, counts.astype(np.int64), sizes, starts)
