"""Codes with metadata: what each quasi-identifier beside the code costs in anonymity.

An observer who knows the camera and the hour beside the code looks for the tuple of all three.
More columns only ever split classes, so k falls and the unique records grow. Each column is
weighed twice: left out of everything that is stored, and added alone to the code. Columns that
say the same (a postcode and its town) cost nothing when one of them is left out, and much when
one is added alone; that is why both stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping, group_table, join, join_all
from privkit.anonymity.people import smallest_classes
from privkit.errors import InputError
from privkit.features.values import looks_missing, missing, refuse_unbounded

__all__ = ["Anonymity", "Column", "Metadata", "anonymity", "metadata", "missing_values"]

K = 5


@dataclass(frozen=True)
class Anonymity:
    """How anonymous one choice of quasi-identifiers leaves records, or people.

    Attributes:
        k: smallest class, in records; in people where they are known.
        classes: equivalence classes.
        uniques: records, or people, with k = 1.
        share_unique: the same as a share.
        share_below: share of the records, or people, whose k is below the threshold.
    """

    k: int
    classes: int
    uniques: int
    share_unique: float
    share_below: float


@dataclass(frozen=True)
class Column:
    """One column of metadata.

    Attributes:
        name: its name.
        values: different values, a missing one among them.
        missing: records without a value: null, NaN or empty text. Missing is equal to missing.
        marked: records with a text that looks like a missing value, such as NA.
        without: everything but this column; ``None`` where nothing is left.
        alone: this column beside the code alone, or by itself where there is no code.
    """

    name: str
    values: int
    missing: int
    marked: int
    without: Anonymity | None
    alone: Anonymity


@dataclass(frozen=True)
class Metadata:
    """k with and without the metadata.

    Attributes:
        n: what is counted, records or people.
        of: ``"records"`` or ``"people"``.
        records: records.
        threshold: the k of ``share_below``.
        code: the code alone; ``None`` where there is no code.
        metadata: the columns alone.
        joined: code and columns.
        columns: one entry a column, in the order of the table.
    """

    n: int
    of: str
    records: int
    threshold: int
    code: Anonymity | None
    metadata: Anonymity
    joined: Anonymity
    columns: tuple[Column, ...]

    @property
    def costliest(self) -> Column | None:
        """The column whose leaving out helps most; ``None`` where none helps at all.

        By the share below the threshold, then by the unique ones, then by k.
        """
        kept = [column for column in self.columns if column.without is not None]
        best = max(kept, key=self._gain, default=None)
        return best if best is not None and self._gain(best) > (0.0, 0, 0) else None

    def _gain(self, column: Column) -> tuple[float, int, int]:
        left = column.without or self.joined
        return (
            self.joined.share_below - left.share_below,
            self.joined.uniques - left.uniques,
            left.k - self.joined.k,
        )


def metadata(
    table: Any,
    *,
    code: Grouping | None = None,
    persons: NDArray[np.int64] | None = None,
    threshold: int = K,
) -> Metadata:
    """Weigh the columns that go with a code, or those of a table of quasi-identifiers.

    Args:
        table: a ``pyarrow.Table``, one row a record.
        code: the class of each record by its code; without it the table stands for itself.
        persons: shape ``(n,)``, the person of each record, to count people instead of records.
        threshold: the k below which records or people are counted.

    Raises:
        InputError: if code, people and table are not of equally many records, there is no column
            or two of one name, Arrow cannot group one, or it holds floats that nearly all differ.
    """
    if not 0 < table.num_columns == len(set(table.column_names)):
        raise InputError(
            "these columns cannot be weighed",
            where="--with",
            rule="at least one column, each of another name",
            found=", ".join(table.column_names) or "no column",
        )
    for name in table.column_names:
        refuse_unbounded(name, table.column(name), where="--with")
    columns = {name: group_table(table.select([name])) for name in table.column_names}

    def measured(grouping: Grouping) -> Anonymity:
        return anonymity(grouping, persons=persons, threshold=threshold)

    together = join_all(columns.values())
    base = [] if code is None else [code]
    people = None if persons is None else np.unique(persons, return_counts=True)[0].size
    without = _without_each(base, list(columns.values()))
    return Metadata(
        n=len(together) if people is None else people,
        of="records" if people is None else "people",
        records=len(together),
        threshold=threshold,
        code=None if code is None else measured(code),
        metadata=measured(together),
        joined=measured(join_all([*base, together])),
        columns=tuple(
            Column(
                name=name,
                values=grouping.classes,
                missing=missing_values(table.column(name)),
                marked=_true(looks_missing(table.column(name).combine_chunks())),
                without=None if rest is None else measured(rest),
                alone=measured(join_all([*base, grouping])),
            )
            for (name, grouping), rest in zip(columns.items(), without, strict=True)
        ),
    )


def anonymity(
    grouping: Grouping, *, persons: NDArray[np.int64] | None = None, threshold: int = K
) -> Anonymity:
    """Measure one grouping, in records or, with ``persons``, in people.

    Raises:
        InputError: if there is not one person a record.
    """
    if persons is None:
        own = grouping.sizes().sizes[grouping.labels]
    else:
        own = smallest_classes(grouping, persons)
    uniques = int((own == 1).sum())
    return Anonymity(
        k=int(own.min()),
        classes=grouping.classes,
        uniques=uniques,
        share_unique=uniques / own.size,
        share_below=float((own < threshold).mean()),
    )


def missing_values(column: Any) -> int:
    """Count nulls, NaN and, in text, empty fields of an Arrow column."""
    return _true(missing(column))


def _true(marks: Any) -> int:
    return int(pc.sum(marks).as_py() or 0)


def _without_each(base: list[Grouping], columns: list[Grouping]) -> list[Grouping | None]:
    """Join all but one column, for each: those before it with those after it."""
    nothing: list[Grouping | None] = [None]
    ahead = [*([] if base else nothing), *accumulate([*base, *columns], join)]
    behind = [*nothing, *accumulate(reversed(columns), join)]
    out: list[Grouping | None] = []
    for place in range(len(columns)):
        sides = (ahead[place], behind[-2 - place])
        present = [side for side in sides if side is not None]
        out.append(join_all(present) if present else None)
    return out
