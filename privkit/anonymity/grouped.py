"""The equivalence classes of a file: their sizes, and which of them each record is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.class_noun import CODE, ClassNoun, code_with, combination_of
from privkit.anonymity.classes import ClassCounts, count_classes
from privkit.anonymity.counting.source import check_memory
from privkit.anonymity.grouping import Grouping, group_codes, group_table, join
from privkit.anonymity.needed_memory import grouping_bytes, refuse_beyond
from privkit.anonymity.sensitive import Sensitive
from privkit.features.stored import Form, StoredCodes

__all__ = ["Beside", "Classes", "class_noun", "count_people_apart", "group_records"]


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known beside the codes, a value a record.

    Attributes:
        persons: shape ``(n,)``, dense ids from 0; ``None`` where people are not known.
        metadata: a ``pyarrow.Table`` of quasi-identifiers that are stored with the code.
        sensitive: the sensitive columns.
    """

    persons: NDArray[np.int64] | None = None
    metadata: Any = None
    sensitive: Sequence[Sensitive] = ()

    @property
    def anything(self) -> bool:
        """Whether the class of each record has to be known, not only the sizes of the classes."""
        return self.persons is not None or self.metadata is not None or bool(self.sensitive)


@dataclass(frozen=True, eq=False)
class Classes:
    """The equivalence classes of records.

    Attributes:
        counts: their sizes in records.
        records: the class of each record; ``None`` where only the sizes were counted.
        code: the same by the code alone, where metadata make the classes finer.
        metadata: the same by the metadata alone.
        people: the sizes in people, where only the sizes were counted and people are known.
    """

    counts: ClassCounts
    records: Grouping | None = None
    code: Grouping | None = None
    metadata: Grouping | None = None
    people: ClassCounts | None = None


def class_noun(stored: StoredCodes, beside: Beside) -> ClassNoun:
    """What a class of these records is, in words."""
    if stored.form is Form.TABLE and beside.metadata is not None:
        return combination_of([*stored.columns, *beside.metadata.column_names])
    if stored.form is Form.TABLE:
        return combination_of(stored.columns)
    return CODE if beside.metadata is None else code_with(beside.metadata.column_names)


def group_records(
    stored: StoredCodes,
    beside: Beside,
    *,
    memory: int | None = None,
    tmp: Path | None = None,
) -> Classes:
    """Find the class of each record: its code, joined with the metadata where there are any.

    People of codes that do not fit into memory are counted class by class on disk instead.

    Args:
        stored: the codes, or columns of a table.
        beside: what is known beside them.
        memory: bytes to use; by default half of what the machine has available.
        tmp: folder for what does not fit.

    Raises:
        InputError: if the columns cannot be grouped or are not of equally many records, or
            metadata or sensitive values do not fit into memory.
    """
    table = beside.metadata
    needed = grouping_bytes(
        stored,
        persons=beside.persons is not None,
        columns=0 if table is None else table.num_columns,
        sensitive=len(beside.sensitive),
        beside=0 if table is None else table.nbytes,
    )
    if beside.persons is not None and table is None and not beside.sensitive:
        if needed > check_memory(memory):
            counts = count_classes(stored, memory=memory, tmp=tmp)
            return count_people_apart(stored, counts, beside.persons, memory=memory, tmp=tmp)
    else:
        what = "which class each record is in, for --with and --sensitive,"
        refuse_beyond(what, needed, memory, "leave --with and --sensitive out")
    code = group_codes(stored)
    if table is None:
        return Classes(code.sizes(), code)
    metadata = group_table(table)
    joined = join(code, metadata)
    return Classes(joined.sizes(), joined, code, metadata)


def count_people_apart(
    stored: StoredCodes,
    counts: ClassCounts,
    persons: NDArray[np.int64],
    *,
    memory: int | None = None,
    tmp: Path | None = None,
) -> Classes:
    """Count the people of each class by DuckDB, without knowing the class of each record.

    Args:
        stored: the codes, or columns of a table.
        counts: the class sizes in records.
        persons: shape ``(n,)``, dense ids from 0.
        memory: bytes that DuckDB may hold; by default half of what the machine has available.
        tmp: folder to spill to.

    Raises:
        InputError: as :func:`privkit.anonymity.engines.duckdb.count_people`.
    """
    from privkit.anonymity.engines.duckdb import count_people

    people = count_people(stored, persons, memory=check_memory(memory), tmp=tmp)
    return Classes(counts, people=people)
