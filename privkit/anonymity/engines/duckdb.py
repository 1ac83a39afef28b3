"""Counting by DuckDB on one machine: any form, any size, spilling to disk beyond a memory limit.

DuckDB sees Arrow batches, never a file: what a record is, which values are equal and which files
are meant is decided once, in :mod:`privkit.features`, and no name of a file or column ever becomes
SQL. It has no access to files or the network but its own folder for spilling.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.counting.folder import SpillFolder, interrupted
from privkit.anonymity.tables import key_batches, key_types
from privkit.errors import InputError
from privkit.features.stored import StoredCodes

__all__ = ["count", "count_people"]

_RECORDS = """
    SELECT size, count(*) AS classes
    FROM (SELECT *, count(*) AS size FROM records GROUP BY ALL)
    GROUP BY size ORDER BY size
"""
_PEOPLE = """
    SELECT size, count(*) AS classes
    FROM (
        SELECT * EXCLUDE (person), count(*) AS size
        FROM (SELECT DISTINCT * FROM records) GROUP BY ALL
    )
    GROUP BY size ORDER BY size
"""


def count(
    stored: StoredCodes, *, memory: int | None = None, tmp: Path | None = None
) -> ClassCounts:
    """Count the records in each class.

    Args:
        stored: what ``open_codes`` returned.
        memory: bytes that DuckDB may hold; by default 80% of the machine's, as DuckDB has it.
        tmp: folder to spill to; by default the system's temporary folder.

    Raises:
        InputError: if a file turns out to be damaged or a value to be no code, the memory is too
            little, or there is no room to spill.
    """
    return _run(stored, _RECORDS, None, memory, tmp)


def count_people(
    stored: StoredCodes,
    persons: NDArray[np.int64],
    *,
    memory: int | None = None,
    tmp: Path | None = None,
) -> ClassCounts:
    """Count the distinct people in each class.

    Args:
        stored: what ``open_codes`` returned.
        persons: shape ``(n,)``, the person of each record, see
            :func:`privkit.features.columns.persons_of`.
        memory: bytes that DuckDB may hold; by default 80% of the machine's, as DuckDB has it.
        tmp: folder to spill to; by default the system's temporary folder.

    Returns:
        The sizes in people. Their ``n`` counts a person once for each of their classes.

    Raises:
        InputError: as :func:`count`, and if there is not one person a record.
    """
    if persons.shape != (stored.n,) or persons.dtype.kind not in "iu":
        raise InputError(
            "these are not the people of the records",
            where="persons",
            rule=f"whole numbers of shape ({stored.n},), one a record",
            found=f"{persons.dtype} of shape {persons.shape}",
        )
    return _run(stored, _PEOPLE, persons, memory, tmp)


class _Batches:
    """The records as one Arrow stream; keeps the error that ended it, which DuckDB rewords."""

    def __init__(self, stored: StoredCodes, persons: NDArray[np.int64] | None) -> None:
        self.failed: Exception | None = None
        self._stored, self._persons = stored, persons
        fields = [(f"k{place}", kind) for place, kind in enumerate(key_types(stored))]
        if persons is not None:
            fields.append(("person", pa.from_numpy_dtype(persons.dtype)))
        self.schema = pa.schema(fields)

    def __iter__(self) -> Iterator[Any]:
        first = 0
        try:
            for columns in key_batches(self._stored):
                rows = len(columns[0])
                people = [] if self._persons is None else [self._persons[first : first + rows]]
                first += rows
                yield pa.record_batch([*columns, *map(pa.array, people)], schema=self.schema)
        except Exception as error:
            self.failed = error
            raise


def _run(
    stored: StoredCodes,
    query: str,
    persons: NDArray[np.int64] | None,
    memory: int | None,
    tmp: Path | None,
) -> ClassCounts:
    import duckdb

    batches = _Batches(stored, persons)
    # A killed run's folder has the same name, so that the next one finds and empties it.
    folder = SpillFolder(tmp, "duckdb")
    settings: dict[str, Any] = {
        "temp_directory": str(folder.path),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    if memory is not None:
        settings["memory_limit"] = f"{memory}B"
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            # Not among the settings above: once it is off, no temp_directory is taken any more.
            connection.execute("SET enable_external_access = false")
            stream = pa.RecordBatchReader.from_batches(batches.schema, iter(batches))
            connection.register("records", stream)
            found = _asked(connection, query)
    except duckdb.Error as error:
        if batches.failed is not None:
            raise batches.failed from None
        raise _failed(error, memory, folder.path.parent) from error
    except KeyboardInterrupt:
        raise interrupted() from None
    finally:
        folder.close()
    return ClassCounts.from_frequencies(
        np.asarray(found["size"], dtype=np.int64), np.asarray(found["classes"], dtype=np.int64)
    )


def _asked(connection: Any, query: str) -> Any:
    """Ask in a thread of its own: DuckDB waits for its workers without listening to Ctrl-C."""
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(lambda: connection.execute(query).fetchnumpy())
        try:
            return asked.result()
        except KeyboardInterrupt:
            while not asked.done():  # the first call may come before the query has begun
                connection.interrupt()
                wait([asked], timeout=0.1)
            raise


def _failed(error: Exception, memory: int | None, tmp: Path) -> InputError:
    text = str(error).splitlines()[0][:300]
    return InputError(
        "DuckDB could not count this",
        where="--engine duckdb",
        rule="enough --memory for the engine, and room to spill to in --tmp",
        found=f"{text} (--memory {memory if memory is not None else 'not given'}, --tmp {tmp})",
        remedy="give more --memory, or a --tmp with more room",
    )
