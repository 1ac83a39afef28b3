"""The sides that ``kanon.py`` compares, each in a process of its own.

Started with a side and a file, it answers every line on its standard input with one line of JSON:
the smallest class, the number of classes, wall and CPU seconds. Imports and the first run, which
may compile, lie before the rounds and are timed apart. Peers get an array that is mapped already,
and privkit's sides codes that are opened already, unless they say otherwise.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SIDES"]

Answer = tuple[int, int] | None  # the smallest class and how many classes there are
Run = Callable[[], Answer]

CHUNK = 1 << 16


def mapped(path: Path) -> Any:
    """Map the array; rows of bytes become rows of 64-bit words, which is what peers can group."""
    values = np.asarray(np.load(path, mmap_mode="r"))
    return values.view(np.uint64) if values.ndim == 2 else values


def move_bytes(path: Path, _bits: int, _memory: int) -> Run:
    """Read every byte once: what no count can be faster than."""
    words = np.asarray(np.load(path, mmap_mode="r")).reshape(-1).view(np.uint64)

    def run() -> Answer:
        words.sum()
        return None

    return run


def bincount(path: Path, bits: int, _memory: int) -> Run:
    """Count by ``np.bincount`` in blocks of 64Ki codes."""
    values = mapped(path)

    def run() -> Answer:
        counts = np.zeros(1 << bits, dtype=np.int64)
        for start in range(0, len(values), CHUNK):
            counts += np.bincount(values[start : start + CHUNK], minlength=1 << bits)
        return int(counts[counts > 0].min()), int((counts > 0).sum())

    return run


def privkit_side(
    *, opening: bool = False, limited: bool = False, known: bool = True
) -> Callable[[Path, int, int], Run]:
    """Count by privkit: with opening and checking the file, with a memory limit, without N."""

    def side(path: Path, bits: int, memory: int) -> Run:
        from privkit.anonymity import count_classes
        from privkit.features import open_codes

        given = bits if known else None
        stored = open_codes(path, bits=given)

        def run() -> Answer:
            codes = open_codes(path, bits=given) if opening else stored
            counts = count_classes(
                codes, memory=memory if limited else None, tmp=path.parent if limited else None
            )
            return int(counts.sizes_of_sizes[0][0]), counts.classes

        return run

    return side


def prefixes(path: Path, bits: int, _memory: int) -> Run:
    """Count the classes of every prefix length."""
    from privkit.anonymity.prefixes import prefix_counts
    from privkit.features import open_codes

    stored = open_codes(path, bits=bits)

    def run() -> Answer:
        found = prefix_counts(stored)
        return int(found.k[-1]), int(found.classes[-1])

    return run


def pandas_value_counts(path: Path, _bits: int, _memory: int) -> Run:
    """Count by ``Series.value_counts``."""
    pd = importlib.import_module("pandas")
    values = mapped(path)

    def run() -> Answer:
        counts = pd.Series(values).value_counts()
        return int(counts.min()), len(counts)

    return run


def pandas_groupby(path: Path, _bits: int, _memory: int) -> Run:
    """Count by ``DataFrame.groupby(all columns).size()``."""
    pd = importlib.import_module("pandas")
    values = mapped(path)
    table = values if values.ndim == 2 else values[:, None]

    def run() -> Answer:
        frame = pd.DataFrame(table)
        counts = frame.groupby(list(frame.columns)).size()
        return int(counts.min()), len(counts)

    return run


def polars_value_counts(path: Path, _bits: int, _memory: int) -> Run:
    """Count by ``Series.value_counts``."""
    pl = importlib.import_module("polars")
    values = mapped(path)

    def run() -> Answer:
        counts = pl.Series("code", values).value_counts()["count"]
        return int(counts.min()), len(counts)

    return run


def duckdb_over_arrow(path: Path, _bits: int, memory: int) -> Run:
    """Count by SQL over Arrow columns; ``memory`` 0 for DuckDB's own limit."""
    duckdb = importlib.import_module("duckdb")
    pa = importlib.import_module("pyarrow")
    values = mapped(path)
    # Columns of their own, as a column store has them; 1e6 rows of 20 words in the mapped matrix
    # would be read 20 times.
    columns = [values] if values.ndim == 1 else list(np.ascontiguousarray(values.T))
    names = [f"k{place}" for place in range(len(columns))]
    table = pa.table(columns, names=names)
    query = (
        "SELECT min(n), count(*) FROM "  # noqa: S608 - our own names
        f"(SELECT count(*) AS n FROM codes GROUP BY {', '.join(names)})"
    )

    def run() -> Answer:
        with duckdb.connect() as connection:
            if memory:
                connection.execute(f"SET memory_limit = '{memory}B'")
                connection.execute(f"SET temp_directory = '{path.parent / 'duckdb'}'")
            connection.register("codes", table)
            k, classes = connection.execute(query).fetchone()
        return int(k), int(classes)

    return run


def pycanon(path: Path, _bits: int, _memory: int) -> Run:
    """Compute k by pycanon, over the columns of 64-bit words."""
    pd = importlib.import_module("pandas")
    anonymity = importlib.import_module("pycanon.anonymity")
    frame = pd.DataFrame(mapped(path))
    frame.columns = [f"k{place}" for place in frame.columns]

    def run() -> Answer:
        return int(anonymity.k_anonymity(frame, list(frame.columns))), 0

    return run


SIDES: dict[str, Callable[[Path, int, int], Run]] = {
    "moving the bytes": move_bytes,
    "np.bincount, 64Ki chunks": bincount,
    "privkit": privkit_side(),
    "privkit, bits unknown": privkit_side(known=False),
    "privkit with opening and checking": privkit_side(opening=True),
    "privkit, limited memory": privkit_side(limited=True),
    "privkit, every prefix length": prefixes,
    "pandas value_counts": pandas_value_counts,
    "pandas groupby": pandas_groupby,
    "Polars value_counts": polars_value_counts,
    "DuckDB over Arrow": duckdb_over_arrow,
    "pycanon": pycanon,
}


def main() -> None:
    """Answer every line of input with one run."""
    side, path, bits, memory = sys.argv[1:]
    run = SIDES[side](Path(path), int(bits), int(memory))
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = run()
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        sys.stdout.write(json.dumps({"answer": answer, "wall": seconds[0], "cpu": seconds[1]}))
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
