"""A billion codes of 10 bits counted by the command: one file, 100 shards, Parquet, four engines.

Writes the same codes in each form, lets ``privkit kanon`` count each, and compares what it says:
k, classes, records in small classes and entropy have to be the same numbers. Memory is RssAnon at
its peak, of the command and of what it starts, which leaves mapped files out; 'beyond' is what is
more than the same command holds for 1,000 codes.

    python benchmarks/speed/kanon_billion.py --out reports/speed_kanon_billion

Takes 2 GB of disk for npy, as much for the shards, and about 1.3 GB for Parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from peak_memory import watched

BITS = 10
BLOCK = 10_000_000
MOST_BEYOND = 50 * 10**6
SHARDS = 100
MB = 10**6


def main() -> int:
    """Run; exit with 1 where the numbers differ or the memory is too large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--codes", type=int, default=1_000_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tmp", type=Path, help="folder with room for 6 GB")
    parser.add_argument("--out", type=Path, help="folder for billion.json and billion.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="privkit-billion-", dir=options.tmp) as name:
        report = measured(Path(name), options.codes, options.seed)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "billion.json").write_text(text, encoding="utf-8")
        (options.out / "billion.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def measured(folder: Path, codes: int, seed: int) -> dict[str, Any]:
    """Write the codes in every form and count each."""
    few = folder / "few.npy"
    np.save(few, next(blocks(1000, seed)))
    parquet_few = folder / "few.parquet"
    pq.write_table(pa.table({"code": next(blocks(1000, seed))}), parquet_few)
    rows = []
    for title, write, few_of, options, most in (
        ("one npy file", write_npy, few, [], MOST_BEYOND),
        (f"{SHARDS} npy shards", write_shards, few, [], MOST_BEYOND),
        ("Parquet, privkit", write_parquet, parquet_few, [], None),
        ("Parquet, DuckDB", write_parquet, parquet_few, ["--engine", "duckdb"], None),
        ("Parquet, Daft", write_parquet, parquet_few, ["--engine", "daft"], None),
    ):
        path = write(folder, codes, seed)
        base = command(folder, few_of, options)
        found = command(folder, path, options)
        beyond = found["peak"] - base["peak"]
        rows.append(
            {
                "form": title,
                "wall_s": found["wall"],
                "cpu_s": found["cpu"],
                "peak_mb": found["peak"] / MB,
                "beyond_mb": beyond / MB,
                "most_mb": most and most / MB,
                "held": most is None or beyond <= most,
                "numbers": found["numbers"],
            }
        )
        sys.stderr.write(f"{title}: {found['wall']:.1f} s\n")
    same = all(row["numbers"] == rows[0]["numbers"] for row in rows)
    return {
        "codes": codes,
        "bits": BITS,
        "seed": seed,
        "cores": os.cpu_count(),
        "same": same,
        "passed": same and all(row["held"] for row in rows),
        "rows": rows,
    }


def blocks(codes: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """The codes: of unequal frequency, so that the numbers have something to agree on."""
    weight = np.random.default_rng([seed, 0]).lognormal(0, 1.5, 1 << BITS)
    ends = np.cumsum(weight / weight.sum())
    ends[-1] = 1
    table = np.searchsorted(ends, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.uint16)
    for number, start in enumerate(range(0, codes, BLOCK)):
        rng = np.random.default_rng([seed, 1, number])
        yield table[rng.integers(0, 1 << 16, min(BLOCK, codes - start), dtype=np.uint16)]


def write_npy(folder: Path, codes: int, seed: int) -> Path:
    """One memory-mapped file."""
    path = folder / "codes.npy"
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=(codes,))
    start = 0
    for block in blocks(codes, seed):
        out[start : start + len(block)] = block
        start += len(block)
    out.flush()
    return path


def write_shards(folder: Path, codes: int, seed: int) -> Path:
    """The same in a folder of files of unequal length."""
    shards = folder / "shards"
    shards.mkdir()
    source = np.load(folder / "codes.npy", mmap_mode="r")
    rng = np.random.default_rng([seed, 2])
    ends = [0, *np.sort(rng.integers(1, codes, SHARDS - 1)).tolist(), codes]
    for number, (start, end) in enumerate(pairwise(ends)):
        np.save(shards / f"part-{number:03d}.npy", source[start:end])
    return shards


def write_parquet(folder: Path, codes: int, seed: int) -> Path:
    """The same as a column; written once."""
    path = folder / "codes.parquet"
    if not path.exists():
        schema = pa.schema([("code", pa.uint16())])
        with pq.ParquetWriter(path, schema) as writer:
            for block in blocks(codes, seed):
                writer.write_table(pa.table({"code": block}, schema=schema))
    return path


def command(folder: Path, path: Path, options: list[str]) -> dict[str, Any]:
    """Run ``privkit kanon`` on a file; its numbers, time and memory."""
    words = [sys.executable, "-m", "privkit", "kanon", "--codes", str(path), "--bits", str(BITS)]
    if path.suffix == ".parquet":
        words = [*words[:-2], "--columns", "code"]
    before, start = os.times(), time.perf_counter()
    with (
        subprocess.Popen(
            [*words, "--json", *options], cwd=folder, stdout=subprocess.PIPE, encoding="utf-8"
        ) as process,
        watched(process.pid) as peak,
    ):
        said, _ = process.communicate()
    wall, after = time.perf_counter() - start, os.times()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {"wall": wall, "cpu": cpu, "peak": peak.most, "numbers": numbers(json.loads(said))}


def numbers(result: dict[str, Any]) -> dict[str, float]:
    """What every form has to agree on."""
    wanted = {
        "k",
        "equivalence classes",
        "largest class",
        "mean class of a record",
        "records in smaller classes",
        "Shannon entropy",
        "unique records",
    }
    found = {}
    for measure in result["measures"]:
        if measure["name"] in wanted:
            where = ", ".join(f"{k} {v}" for k, v in sorted(measure["where"].items()))
            found[f"{measure['name']} {where}".strip()] = measure["value"]
    return found


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a Markdown table."""
    lines = [
        f"# {report['codes']:,} codes of {report['bits']} bits, counted by `privkit kanon`",
        "",
        f"{report['cores']} cores, seed {report['seed']}. Memory is RssAnon at its peak, without "
        "mapped files; 'beyond' is what is more than the same command holds for 1,000 codes. All "
        "forms give the same numbers: "
        f"**{'yes' if report['same'] else 'NO'}**.",
        "",
        "| form | wall s | CPU s | MB in all | MB beyond | wanted |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        wanted = ""
        if row["most_mb"]:
            verdict = "held" if row["held"] else "**missed**"
            wanted = f"at most {row['most_mb']:g} MB beyond: {verdict}"
        lines.append(
            f"| {row['form']} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['peak_mb']:.0f} | "
            f"{row['beyond_mb']:.1f} | {wanted} |"
        )
    lines += ["", "| number | value |", "|---|---|"]
    lines += [f"| {name} | {value:,} |" for name, value in report["rows"][0]["numbers"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
