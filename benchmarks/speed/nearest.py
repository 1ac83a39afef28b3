"""The search of the nearest record in a large store, with FAISS and without, side by side.

    python benchmarks/speed/nearest.py --out reports/speed_nearest

Both ways search the same queries in the same store, in turn, and have to give the same
probabilities. A person's records are drawn around one of their own: of codes each bit is flipped
with probability 0.15, floats are moved by as much as people differ.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from audit import machine

from attacks import nearest
from attacks.nearest import probability_of_rank_1

WANTED_RATIO = 2.0  # times as fast with FAISS
WIDTH = {"codes": 128, "floats": 64}
RECORDS = 10  # of each person
FLIPPED = 0.15
PART = 100_000


def main(arguments: list[str] | None = None) -> int:
    """Run; exit with 1 where the wanted ratio is missed or the outcomes differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for nearest.json and nearest.md")
    options = parser.parse_args(arguments)
    if nearest._faiss() is None:
        sys.stderr.write("nearest.py needs FAISS: pip install 'privkit[faiss]'\n")
        return 2
    rows = [
        compared(kind, options.rows, options.queries, options.rounds, options.seed)
        for kind in WIDTH
    ]
    words = [f"--{name}={getattr(options, name)}" for name in ("rows", "queries", "rounds", "seed")]
    report = {
        "command": shlex.join(["python", "benchmarks/speed/nearest.py", *words]),
        "machine": machine(),
        "searches": rows,
        "passed": all(row["met"] for row in rows),
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "nearest.json").write_text(text, encoding="utf-8")
        (options.out / "nearest.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def store(kind: str, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Records ``(rows, width)`` of people, and whose each is."""
    rng = np.random.default_rng(seed)
    person = rng.permutation(np.arange(rows) // RECORDS)
    people, width = int(person.max()) + 1, WIDTH[kind]
    own = rng.standard_normal((people, width)).astype(np.float32)
    if kind == "codes":
        own = np.where(own > 0, 1, -1).astype(np.float32)
    records = own[person]
    for start in range(0, rows, PART):
        part = records[start : start + PART]
        if kind == "codes":
            part *= np.where(rng.random(part.shape, dtype=np.float32) < FLIPPED, -1, 1)
        else:
            part += rng.standard_normal(part.shape, dtype=np.float32)
    return records, person


def compared(kind: str, rows: int, queries: int, rounds: int, seed: int) -> dict[str, Any]:
    """Time both ways in turn."""
    records, person = store(kind, rows, seed)
    asked, known = np.arange(queries), np.arange(queries, rows)
    scene = (records[asked], records[known], person[known])
    del records

    def seconds(way: str) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        if way == "FAISS":
            found = probability_of_rank_1(*scene, query=asked, asked=person[asked])
        else:
            with patch.object(nearest, "_faiss", lambda: None):
                found = probability_of_rank_1(*scene, query=asked, asked=person[asked])
        return time.perf_counter() - start, found

    times: dict[str, list[float]] = {"FAISS": [], "without": []}
    outcomes = []
    for _ in range(rounds):
        for way, own in times.items():
            took, found = seconds(way)
            own.append(took)
            outcomes.append(found)
    ratio = statistics.median(
        without / with_ for with_, without in zip(times["FAISS"], times["without"], strict=True)
    )
    same = all(np.array_equal(found, outcomes[0]) for found in outcomes)
    return {
        "kind": kind,
        "rows": len(known),
        "queries": queries,
        "width": WIDTH[kind],
        "rank_1": round(float(outcomes[0].mean()), 4),
        "seconds": {way: round(statistics.median(own), 2) for way, own in times.items()},
        "ratio": round(ratio, 2),
        "same": same,
        "met": same and ratio >= WANTED_RATIO,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    of = report["machine"]
    lines = [
        "# How long the search of the nearest record takes",
        "",
        f"    {report['command']}",
        "",
        f"{of['cpu']}, {of['cores']} cores, Python {of['python']}, numpy {of['numpy']}. Medians "
        "over rounds in which both ways take turns on the same work.",
        "",
        "| store | queries | rank-1 | s with FAISS | s without | times as fast | wanted | same |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['rows']:,} {row['kind']} of {row['width']} | {row['queries']:,} | "
        f"{row['rank_1']:.1%} | {row['seconds']['FAISS']} | {row['seconds']['without']} | "
        f"{row['ratio']} | {WANTED_RATIO} | {'yes' if row['same'] else '**no**'} |"
        for row in report["searches"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
