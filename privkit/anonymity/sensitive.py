"""A sensitive column: what must not be learnt of a person, beside what identifies them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping, group_labels, group_table, join_all
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
        counts: shape ``(m,)``, records, or people, of that value in that class, at least 1.
        sizes: shape ``(classes,)``, records, or people, in each class. People may have several
            values, so that their counts may add up to more.
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
    how CSV holds numbers: texts of the same number, compared exactly, are then one value. A
    column with missing values is not ordered, because a missing value has no place among the
    others.

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
        text = pc.cast(column, kind)
        try:
            finite = pc.all(pc.is_finite(pc.cast(text, pa.float64()))).as_py()
        except pa.ArrowInvalid:
            return None
        if not finite:
            return None
        try:
            # Not as floats, to which 2**53 and 2**53 + 1 are one number.
            return pc.cast(text, pa.int64())
        except pa.ArrowInvalid:
            return _ranked_decimals(text)
    if pa.types.is_decimal256(kind):
        return _ranked_decimals(pc.cast(column, pa.string()))
    ranked = pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind)
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return comparable(column) if ranked or numbers else None


def _ranked_decimals(text: Any) -> Any:
    """Rank texts of numbers exactly; ``None`` where Python reads one of them as no number."""
    encoded = text.combine_chunks().dictionary_encode()
    try:
        values = [Decimal(value) for value in encoded.dictionary.to_pylist()]
    except InvalidOperation:
        return None
    rank = {value: place for place, value in enumerate(sorted(set(values)))}
    ranks = np.array([rank[value] for value in values], dtype=np.int64)
    return pa.array(ranks[np.asarray(encoded.indices)])


def class_values(
    grouping: Grouping, sensitive: Sensitive, persons: NDArray[np.int64] | None = None
) -> ClassValues:
    """Count each value in each class, in records or in people.

    Args:
        grouping: the class of each record.
        sensitive: the value of each record.
        persons: shape ``(n,)``, the person of each record: a person then counts once for each
            of their values in a class, and once for the size of the class.

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
    if persons is not None:
        once = join_all([grouping, values, group_labels(persons, records=len(grouping))])
        rows = np.empty(once.classes, dtype=np.int64)
        rows[once.labels] = np.arange(len(grouping))  # one record of each class, value and person
        sizes = grouping.people(persons).sizes
    else:
        rows = np.arange(len(grouping))
        sizes = grouping.sizes().sizes
    keys = grouping.labels[rows] * values.classes + values.labels[rows]
    pairs, counts = np.unique(keys, return_counts=True)
    classes, value = np.divmod(pairs, values.classes)
    starts = np.searchsorted(classes, np.arange(grouping.classes)).astype(np.int64)
    return ClassValues(classes, value, counts.astype(np.int64), sizes, starts)
