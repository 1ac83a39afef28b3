"""``Grouping``: which equivalence class each record is in, not only how large the classes are.

Counting needs sizes alone (:mod:`privkit.anonymity.classes`). Who the people in a class are, what
else is known of them and what they have in common needs a label a record: 8 bytes each, in memory.
Grouping is exact: Arrow's hash tables compare the full values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.tables import key_batches
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes
from privkit.features.values import comparable

__all__ = ["Grouping", "group_codes", "group_labels", "group_table", "join", "join_all"]


@dataclass(frozen=True, eq=False)
class Grouping:
    """The class of every record.

    Args:
        labels: shape ``(n,)``, int64, from 0 to ``classes - 1``, each of them used.
        classes: number of classes, at least 1.
    """

    labels: NDArray[np.int64]
    classes: int

    def __len__(self) -> int:
        return int(self.labels.size)

    def sizes(self) -> ClassCounts:
        """Count the records in each class; the sizes stand in the order of the labels."""
        return ClassCounts(np.bincount(self.labels, minlength=self.classes), len(self))

    def people(self, persons: NDArray[np.int64]) -> ClassCounts:
        """Count the distinct people in each class; the sizes stand in the order of the labels.

        Args:
            persons: shape ``(n,)``, the person of each record, any whole numbers.

        Returns:
            The sizes in people. Their ``n`` counts a person once for each of their classes.

        Raises:
            InputError: if there is not one person a record.
        """
        pairs = join(self, group_labels(persons, records=len(self)))
        first = np.empty(pairs.classes, dtype=np.int64)
        first[pairs.labels] = self.labels  # the class of each pair of class and person
        return ClassCounts.from_sizes(np.bincount(first, minlength=self.classes))


def group_codes(stored: StoredCodes | Codes) -> Grouping:
    """Group the records of equal stored code, or of equal quasi-identifiers.

    Args:
        stored: what ``open_codes`` returned, or codes in memory.

    Raises:
        InputError: if there is no record, or a column cannot be grouped.
    """
    if isinstance(stored, Codes):
        stored = StoredCodes.from_codes(stored)
    columns = zip(*key_batches(stored), strict=True)
    return join_all(_encoded(stored.source, pa.chunked_array(column)) for column in columns)


def group_labels(values: NDArray[Any], *, records: int | None = None) -> Grouping:
    """Group equal whole numbers.

    Args:
        values: shape ``(n,)``, at least one.
        records: how many there have to be, where other values go with them.

    Raises:
        InputError: if these are not whole numbers in one dimension, one a record.
    """
    import pandas as pd

    wrong = records is not None and values.shape != (records,)
    if wrong or values.ndim != 1 or not values.size or values.dtype.kind not in "iub":
        many = "at least one" if records is None else f"{records}, one a record"
        raise InputError(
            "these values cannot be grouped",
            where="labels",
            rule=f"whole numbers in one dimension, {many}",
            found=f"{values.dtype} of shape {values.shape}",
        )
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    labels, uniques = pd.factorize(native)
    return Grouping(labels.astype(np.int64, copy=False), len(uniques))


def group_table(table: Any) -> Grouping:
    """Group the records whose values are equal in every column of a ``pyarrow.Table``.

    Null is equal to null, NaN to NaN and -0.0 to 0.0.

    Raises:
        InputError: if there is no column or no row, or Arrow cannot group a column of this type.
    """
    if not table.num_columns or not table.num_rows:
        raise InputError(
            "there is nothing to group",
            where="columns",
            rule="at least one column and one record",
            found=f"{table.num_columns} columns, {table.num_rows} records",
        )
    columns = []
    for name in table.column_names:
        where = f"column {name!r}"
        try:
            column = comparable(table.column(name))
        except (pa.ArrowException, KeyError) as error:
            raise _not_groupable(where, error) from error
        columns.append(_encoded(where, column))
    return join_all(columns)


def join(a: Grouping, b: Grouping) -> Grouping:
    """Group the records that are together in both groupings.

    Raises:
        InputError: if they are not of equally many records.
    """
    if len(a) != len(b):
        raise InputError(
            "the groupings are not of the same records",
            where="join",
            rule="equally many records",
            found=f"{len(a)} and {len(b)}",
        )
    # No overflow: neither side has more classes than records, and 2**31 of them are 16 GB.
    return group_labels(a.labels * b.classes + b.labels)


def join_all(groupings: Iterable[Grouping]) -> Grouping:
    """Group the records that are together in all of at least one grouping."""
    return reduce(join, groupings)


def _encoded(where: str, column: Any) -> Grouping:
    """Group an Arrow column of comparable values."""
    try:
        # All chunks of the result have the same dictionary.
        encoded = column.dictionary_encode(null_encoding="encode")
    except pa.ArrowException as error:
        raise _not_groupable(where, error) from error
    labels = np.concatenate([np.asarray(chunk.indices) for chunk in encoded.chunks])
    return group_labels(labels)


def _not_groupable(where: str, error: Exception) -> InputError:
    return InputError(
        "this column cannot be grouped",
        where=where,
        rule="one plain value a record",
        found=str(error)[:300],
        remedy="store the column as text or whole numbers",
    )
