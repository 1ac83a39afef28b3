"""``count_stored``: exact counts of the codes in files.

Up to 16 bits, and up to 24 where that pays, a histogram; above, the keys are divided by hash into
parts that fit the cache and counted part by part, mapped files without a copy. What is more than
the memory allows is divided on disk first, where the same command goes on after a kill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.counting.folder import check_tmp, remove_left
from privkit.anonymity.counting.integers import Histogram
from privkit.anonymity.counting.keys import Block, Keys
from privkit.anonymity.counting.sizes import Sizes
from privkit.anonymity.counting.source import (
    Progress,
    check_memory,
    fits_histogram,
    key_blocks,
    keys_of,
    memory_needed,
    stored_width,
)
from privkit.anonymity.counting.spill import Spill, spill_rows
from privkit.features.stored import Form, StoredCodes

__all__ = ["count_stored"]


def count_stored(
    stored: StoredCodes,
    *,
    memory: int | None = None,
    tmp: Path | None = None,
    progress: Progress | None = None,
) -> ClassCounts:
    """Count stored codes; see :func:`privkit.anonymity.classes.count_classes`."""
    limit = check_memory(memory)
    check_tmp(tmp)
    width = stored_width(stored)
    keys = keys_of(width)
    fingerprint = _fingerprint(stored, keys)
    sizes = Sizes()
    if fits_histogram(width, stored.n, limit):
        _forget(fingerprint, tmp)
        histogram = Histogram(width)
        for block in _told(key_blocks(stored, width), stored.n, progress):
            histogram.add(block)
        histogram.count(sizes)
        return sizes.counts()
    first = next(key_blocks(stored, width, rows=1))
    mapped = any(np.may_share_memory(first, array) for array in stored.arrays)
    if memory_needed(keys, stored.n, copies=1 if mapped else 2) <= limit:
        _forget(fingerprint, tmp)
        keys.count(list(_told(key_blocks(stored, width), stored.n, progress)), 0, 0, sizes)
        return sizes.counts()
    rows = spill_rows(keys, limit)
    with Spill(keys, memory=limit, tmp=tmp, n=stored.n, fingerprint=fingerprint) as spill:
        left = spill.done  # with another memory the blocks were of another length
        for block in _told(key_blocks(stored, width, rows), stored.n, progress):
            new = block[left:]
            left = max(0, left - len(block))
            if len(new):
                spill.add(new)
        spill.count(sizes, progress)
    return sizes.counts()


def _told(blocks: Iterator[Block], n: int, progress: Progress | None) -> Iterator[Block]:
    """Pass blocks on and tell how many records have been read."""
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if progress is not None:
            progress("read codes", done, n)


def _fingerprint(stored: StoredCodes, keys: Keys) -> str | None:
    """Name what is counted; ``None`` for codes that do not lie in files (any more)."""
    if not stored.paths or stored.form is Form.TABLE:
        return None
    try:
        files = [
            (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
            for path, stat in ((path, path.stat()) for path in stored.paths)
        ]
    except FileNotFoundError:  # removed, but still mapped
        return None
    what = [2, files, stored.columns, stored.form.value, stored.n, stored.bits, keys.name]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _forget(fingerprint: str | None, tmp: Path | None) -> None:
    """Remove what a killed process left that had less memory for the same."""
    if fingerprint is not None:
        remove_left(tmp, fingerprint)
