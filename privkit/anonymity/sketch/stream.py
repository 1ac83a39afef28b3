"""Counting stored codes into a sketch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.sketch import BLOCK, MOST, PEOPLE_CAP, Sketch
from privkit.errors import InputError
from privkit.features.stored import StoredCodes

__all__ = ["sketch_stored"]


def sketch_stored(
    stored: StoredCodes,
    key: Key,
    *,
    persons: Any = None,
    most: int = MOST,
    people_cap: int = PEOPLE_CAP,
    progress: Callable[[int], None] | None = None,
) -> Sketch:
    """Count stored codes, or the columns of a table, into a new sketch.

    Args:
        stored: what ``open_codes`` returned; of arrays a block at a time is read.
        key: the key.
        persons: whose record each is, shape ``(n,)``; see :meth:`Sketch.update`.
        most: how many classes are held at most.
        people_cap: how many people of a class are told apart.
        progress: called with the records of each block after it was counted.

    Raises:
        InputError: if the number of bits is not known, or the persons do not go with the records.
    """
    if persons is not None and len(persons) != stored.n:
        raise InputError(
            "the persons do not go with the records",
            where=stored.source,
            rule=f"one person a record, {stored.n}",
            found=len(persons),
        )
    table = stored.quasi is not None
    if not table and stored.bits is None:
        raise InputError(
            "the number of bits of these codes is not known",
            where=stored.source,
            rule="sketches are of codes of a stated N, so that they can be merged",
            found=stored.kind,
            remedy="give --bits",
        )
    bits, columns = (None, stored.columns) if table else (stored.bits, ())
    sketch = Sketch(bits, key, columns=columns, most=most, people_cap=people_cap)
    start = 0
    for chunk in _chunks(stored):
        stop = start + len(chunk)
        sketch.update(chunk, None if persons is None else persons[start:stop])
        if progress is not None:
            progress(stop - start)
        start = stop
    return sketch


def _chunks(stored: StoredCodes) -> Iterator[Any]:
    if stored.quasi is None:
        yield from stored.packed_chunks(BLOCK)
    else:
        for batch in stored.quasi.read():
            yield pa.Table.from_batches([batch])
