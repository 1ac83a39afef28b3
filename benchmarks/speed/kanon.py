"""Counting equivalence classes: privkit beside ``np.bincount``, pandas and DuckDB.

Writes one memory-mapped npy file of codes into a temporary folder and lets every contender count
it, all of them alternately in one process, so that they share the machine's good and bad moments.
The yardstick is ``np.bincount`` in blocks of 64Ki codes over the same memory map; privkit may take
at most four times its time.

    python benchmarks/speed/kanon.py --codes 100000000 --bits 10 --out reports/speed_kanon
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from privkit.anonymity import count_classes
from privkit.features import open_codes

LIMIT = 4.0
CHUNK = 1 << 16
YARDSTICK = "np.bincount, 64Ki chunks"


def main() -> int:
    """Run the benchmark; exit with 1 where privkit is slower than it may be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--codes", type=int, default=100_000_000)
    parser.add_argument("--bits", type=int, default=10, help="1 to 16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path, help="folder for kanon.json and kanon.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="privkit-bench-") as folder:
        path = Path(folder) / "codes.npy"
        write_codes(path, options.codes, options.bits, options.seed)
        contenders = contenders_for(path, options.bits, peers=options.peers)
        times = measure(contenders, options.rounds)
    report = summary(times, options)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "kanon.json").write_text(
            json.dumps(report, indent=2) + "\n", encoding="utf-8"
        )
        (options.out / "kanon.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def write_codes(path: Path, codes: int, bits: int, seed: int) -> None:
    """Write ``codes`` uniform codes of ``bits`` bits as uint16, a block at a time."""
    rng = np.random.default_rng(seed)
    values = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=(codes,))
    for start in range(0, codes, 1 << 22):
        stop = min(codes, start + (1 << 22))
        values[start:stop] = rng.integers(0, 1 << bits, stop - start, dtype=np.uint16)
    values.flush()


def contenders_for(path: Path, bits: int, *, peers: bool) -> dict[str, Callable[[], int]]:
    """Return the contenders; each counts the file and returns the size of the smallest class."""

    def bincount() -> int:
        values = np.load(path, mmap_mode="r")
        counts = np.zeros(1 << bits, dtype=np.int64)
        for start in range(0, len(values), CHUNK):
            counts += np.bincount(values[start : start + CHUNK], minlength=1 << bits)
        return int(counts[counts > 0].min())

    def privkit() -> int:
        return int(count_classes(open_codes(path, bits=bits)).sizes.min())

    def privkit_unknown_bits() -> int:
        return int(count_classes(open_codes(path)).sizes.min())

    def privkit_hashed() -> int:
        stored = open_codes(path, bits=bits)
        return int(count_classes(stored).sizes.min()) if stored.sha256 else 0

    found: dict[str, Callable[[], int]] = {
        YARDSTICK: bincount,
        "privkit, --bits given": privkit,
        "privkit, bits unknown": privkit_unknown_bits,
        "privkit with SHA-256 of the file": privkit_hashed,
    }
    if peers and importlib.util.find_spec("pandas"):
        pd = importlib.import_module("pandas")

        found["pandas value_counts"] = lambda: int(
            pd.Series(np.asarray(np.load(path, mmap_mode="r"))).value_counts().min()
        )
    if peers and importlib.util.find_spec("duckdb"):
        duckdb = importlib.import_module("duckdb")
        pa = importlib.import_module("pyarrow")

        def with_duckdb() -> int:
            table = pa.table({"code": np.asarray(np.load(path, mmap_mode="r"))})
            with duckdb.connect() as connection:
                connection.register("codes", table)
                query = "SELECT min(n) FROM (SELECT count(*) AS n FROM codes GROUP BY code)"
                row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0

        found["DuckDB over Arrow"] = with_duckdb
    return found


def measure(
    contenders: dict[str, Callable[[], int]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Run all contenders in turn, ``rounds`` times after one warm-up; they must agree.

    Returns:
        for each, wall and CPU seconds of each round.
    """
    answers = {name: run() for name, run in contenders.items()}
    if len(set(answers.values())) != 1:
        raise SystemExit(f"the contenders disagree on k: {answers}")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def summary(
    times: dict[str, list[tuple[float, float]]], options: argparse.Namespace
) -> dict[str, object]:
    """Return medians and the median of the round-by-round ratios to the yardstick."""
    rows = []
    for name, seconds in times.items():
        ratios = [a[1] / b[1] for a, b in zip(seconds, times[YARDSTICK], strict=True)]
        rows.append(
            {
                "contender": name,
                "wall_s": round(statistics.median(wall for wall, _ in seconds), 4),
                "cpu_s": round(statistics.median(cpu for _, cpu in seconds), 4),
                "cpu_ratio": round(statistics.median(ratios), 2),
            }
        )
    judged = [row for row in rows if str(row["contender"]).startswith("privkit, ")]
    return {
        "codes": options.codes,
        "bits": options.bits,
        "rounds": options.rounds,
        "seed": options.seed,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "limit": LIMIT,
        "passed": all(float(str(row["cpu_ratio"])) <= LIMIT for row in judged),
        "rows": rows,
    }


def markdown(report: dict[str, object]) -> str:
    """Return the report as a Markdown table."""
    rows = report["rows"]
    lines = [
        f"# Counting {report['codes']:,} codes of {report['bits']} bits (uint16, memory-mapped)",
        "",
        f"Median of {report['rounds']} alternating rounds, {report['cores']} cores, Python "
        f"{report['python']}, numpy {report['numpy']}, seed {report['seed']}. The ratio is CPU "
        f"time over that of {YARDSTICK}; privkit may take at most {report['limit']}: "
        f"{'passed' if report['passed'] else 'FAILED'}.",
        "",
        "| contender | wall seconds | CPU seconds | ratio |",
        "|---|---|---|---|",
    ]
    for row in rows if isinstance(rows, list) else []:
        lines.append(
            f"| {row['contender']} | {row['wall_s']} | {row['cpu_s']} | {row['cpu_ratio']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
