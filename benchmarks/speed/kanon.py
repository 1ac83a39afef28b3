"""Counting equivalence classes: privkit beside ``np.bincount``, pandas, Polars, DuckDB, pycanon.

Every case writes one file of codes. Every side is a process of its own that has imported what it
needs and has counted once before the rounds, so that no compiler is timed; the sides then take
turns, so that they share the machine's good and bad moments. CPU seconds are of all threads of a
process. Memory is RssAnon, which leaves the mapped file out, read 200 times a second from outside;
beyond what the process held before the run.

    python benchmarks/speed/kanon.py --rounds 5 --out reports/speed_kanon
    python benchmarks/speed/kanon.py --only 32-bits --scale 0.1

pycanon pins its dependencies exactly; ``--pycanon PYTHON`` names the interpreter of an environment
that has it. The largest case takes 1 GB on disk and DuckDB, pandas about 4 GB of memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from peak_memory import watched

SIDES = Path(__file__).with_name("kanon_sides.py")
LIMIT_BYTES = "moving the bytes"
NEEDS = {"pandas": "pandas", "Polars": "polars", "DuckDB": "duckdb"}
MB = 10**6


@dataclass(frozen=True)
class Ratio:
    """The CPU time of ``slow`` has to be at least ``least`` times that of ``fast``."""

    slow: str
    fast: str
    least: float


@dataclass(frozen=True)
class Memory:
    """A side may hold at most so many bytes, beyond its imports unless it is the whole process."""

    side: str
    most: int
    whole: bool = False


@dataclass(frozen=True)
class Case:
    """One file and the sides that count it.

    Attributes:
        title: in words.
        codes: how many.
        bits: N.
        pool: different codes to draw from; 0 for all.
        sides: names, each with the memory it may use; 0 for its own limit.
        wanted: what has to hold.
    """

    title: str
    codes: int
    bits: int
    pool: int
    sides: dict[str, int]
    wanted: tuple[Ratio | Memory, ...]


def free(*names: str) -> dict[str, int]:
    """Sides without a memory limit."""
    return dict.fromkeys((LIMIT_BYTES, *names), 0)


BINCOUNT, VALUE_COUNTS = "np.bincount, 64Ki chunks", "pandas value_counts"
GROUPBY, POLARS, DUCKDB = "pandas groupby", "Polars value_counts", "DuckDB over Arrow"
PRIVKIT, OPENED = "privkit", "privkit with opening and checking"
UNKNOWN, LIMITED = "privkit, bits unknown", "privkit, limited memory"
PREFIXES, PYCANON = "privkit, every prefix length", "pycanon"

CASES = {
    "10-bits": Case(
        "1e8 codes of 10 bits, uint16",
        10**8,
        10,
        0,
        free(BINCOUNT, PRIVKIT, UNKNOWN, OPENED, VALUE_COUNTS, GROUPBY, POLARS, DUCKDB),
        (
            Ratio(VALUE_COUNTS, PRIVKIT, 4),
            Ratio(GROUPBY, PRIVKIT, 80),
            Ratio(BINCOUNT, OPENED, 0.25),
            Memory(PRIVKIT, 16 * MB),
        ),
    ),
    "32-bits": Case(
        "1e7 codes of 32 bits, about 5.9e6 classes",
        10**7,
        32,
        8_500_000,
        free(PRIVKIT, OPENED, PREFIXES, VALUE_COUNTS, POLARS, DUCKDB),
        (
            Ratio(VALUE_COUNTS, PRIVKIT, 3.5),
            Ratio(POLARS, PRIVKIT, 3.5),
            Ratio(DUCKDB, PRIVKIT, 5),
            Ratio(VALUE_COUNTS, PREFIXES, 1),
        ),
    ),
    "128-bits": Case(
        "1e7 codes of 128 bits, about 4.7e6 classes",
        10**7,
        128,
        5_700_000,
        free(PRIVKIT, OPENED, GROUPBY, DUCKDB),
        (Ratio(GROUPBY, PRIVKIT, 12), Ratio(DUCKDB, PRIVKIT, 4)),
    ),
    "1280-bits": Case(
        "1e6 codes of 1,280 bits",
        10**6,
        1280,
        570_000,
        free(PRIVKIT, OPENED, GROUPBY, DUCKDB),
        (Ratio(GROUPBY, PRIVKIT, 5),),
    ),
    "spill": Case(
        "4e7 codes of 64 bits, all different, in 150 MB; DuckDB in 600 MB",
        4 * 10**7,
        64,
        0,
        {LIMIT_BYTES: 0, LIMITED: 56 * MB, DUCKDB: 600 * MB},
        (Ratio(DUCKDB, LIMITED, 1), Memory(LIMITED, 150 * MB, whole=True)),
    ),
    "pycanon": Case(
        "3e5 codes of 128 bits",
        300_000,
        128,
        170_000,
        free(PRIVKIT, PYCANON),
        (Ratio(PYCANON, PRIVKIT, 200),),
    ),
}


class Side:
    """A process that counts when it is told to.

    Attributes:
        start_cpu: CPU seconds of the first run, with what it compiles or loads.
        rounds: what each later run reported, with its memory.
    """

    def __init__(self, name: str, case: Case, path: Path, python: str) -> None:
        self.name = name
        command = [python, str(SIDES), name, str(path), str(case.bits), str(case.sides[name])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.rounds: list[dict[str, Any]] = []
        first = self._run()
        self.start_cpu, self.answer = float(first["cpu"]), first["answer"]

    def run(self) -> None:
        """Count once more."""
        self.rounds.append(self._run())

    def stop(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def median(self, what: str) -> float:
        """The median over the rounds."""
        return float(statistics.median(float(r[what]) for r in self.rounds))

    def _run(self) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("no pipe")
        with watched(self._process.pid) as peak:
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found | {"whole": peak.most, "beyond": peak.most - peak.before}


def main() -> int:
    """Run the cases; exit with 1 where something wanted is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(CASES), action="append", help="repeat for several")
    parser.add_argument("--scale", type=float, default=1, help="of the number of codes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pycanon", metavar="PYTHON", help="interpreter that has pycanon")
    parser.add_argument("--out", type=Path, help="folder for kanon.json and kanon.md")
    options = parser.parse_args()
    cases = [run_case(name, options) for name in options.only or CASES]
    report = {
        "rounds": options.rounds,
        "scale": options.scale,
        "seed": options.seed,
        "cores": os.cpu_count(),
        "versions": versions(),
        "passed": all(w["held"] for case in cases for w in case["wanted"]),
        "cases": cases,
    }
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=2) + "\n"
        (options.out / "kanon.json").write_text(text, encoding="utf-8")
        (options.out / "kanon.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))
    return 0 if report["passed"] else 1


def run_case(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write the file, let the sides take turns and hold the result against what is wanted."""
    case = CASES[name]
    sides: dict[str, Side] = {}
    with tempfile.TemporaryDirectory(prefix="privkit-bench-") as folder, ExitStack() as stack:
        path = Path(folder) / "codes.npy"
        write_codes(path, case, options.scale, options.seed)
        for side in case.sides:
            python = options.pycanon if side == PYCANON else sys.executable
            if python and there(side):
                sides[side] = Side(side, case, path, python)
                stack.callback(sides[side].stop)
        check_answers(name, sides)
        for number in range(options.rounds):
            for side in sides.values():
                side.run()
            sys.stderr.write(f"{name}: round {number + 1} of {options.rounds}\n")
        nbytes = path.stat().st_size
    floor = sides[LIMIT_BYTES].median("cpu")
    return {
        "case": name,
        "title": case.title,
        "bytes": nbytes,
        "sides": [
            {
                "side": side.name,
                "cpu_s": side.median("cpu"),
                "wall_s": side.median("wall"),
                "first_cpu_s": side.start_cpu,
                "times_moving_the_bytes": side.median("cpu") / floor,
                "beyond_mb": side.median("beyond") / MB,
                "whole_mb": side.median("whole") / MB,
            }
            for side in sides.values()
        ],
        "wanted": [judge(wanted, sides) for wanted in case.wanted],
    }


def write_codes(path: Path, case: Case, scale: float, seed: int) -> None:
    """Write random codes, a block at a time: integers up to 64 bits, packed bytes above."""
    rng = np.random.default_rng(seed)
    codes, words = max(1000, int(case.codes * scale)), max(1, case.bits // 64)
    size = next(size for size in (2, 4, 8) if 8 * size >= min(64, case.bits))
    top = 1 << min(64, case.bits)
    pool = None
    if case.pool:
        shape = (max(600, int(case.pool * scale)), words)
        pool = rng.integers(0, top, shape, dtype=f"u{size}")
    shape = (codes,) if case.bits <= 64 else (codes, case.bits // 8)
    dtype = np.dtype(f"u{size}") if case.bits <= 64 else np.dtype(np.uint8)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    for start in range(0, codes, 1 << 20):
        n = min(codes - start, 1 << 20)
        if pool is None:
            drawn = rng.integers(0, top, (n, words), dtype=f"u{size}")
        else:
            drawn = pool[rng.integers(0, len(pool), n)]
        out[start : start + n] = drawn[:, 0] if case.bits <= 64 else drawn.view(np.uint8)
    out.flush()


def there(side: str) -> bool:
    """Tell whether the package that a side needs is installed."""
    needed = next((package for word, package in NEEDS.items() if side.startswith(word)), None)
    return needed is None or importlib.util.find_spec(needed) is not None


def check_answers(name: str, sides: dict[str, Side]) -> None:
    """All sides must agree on k, and on the classes where they count them."""
    answers = {side.name: side.answer for side in sides.values() if side.answer is not None}
    if len({k for k, _ in answers.values()}) > 1 or len({c for _, c in answers.values() if c}) > 1:
        raise SystemExit(f"{name}: the sides disagree on k and the classes: {answers}")


def judge(wanted: Ratio | Memory, sides: dict[str, Side]) -> dict[str, Any]:
    """Hold the medians of the rounds' own ratios against what is wanted."""
    if isinstance(wanted, Memory):
        found = sides[wanted.side].median("whole" if wanted.whole else "beyond") / MB
        kind = "of the whole process" if wanted.whole else "beyond the file map and the imports"
        said = f"{wanted.side}: at most {wanted.most / MB:g} MB {kind}"
        return {"wanted": said, "measured": f"{found:.1f} MB", "held": found * MB <= wanted.most}
    said = f"{wanted.slow} takes at least {wanted.least:g} times the CPU time of {wanted.fast}"
    if wanted.slow not in sides:
        return {"wanted": said, "measured": "not measured: not installed", "held": False}
    slow, fast = sides[wanted.slow].rounds, sides[wanted.fast].rounds
    ratio = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(slow, fast, strict=True))
    return {"wanted": said, "measured": f"{ratio:.2f} times", "held": ratio >= wanted.least}


def versions() -> dict[str, str]:
    """Versions of Python and of what takes part."""
    found = {"python": platform.python_version()}
    for package in ("numpy", "numba", "pandas", "polars", "duckdb", "pyarrow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown tables."""
    used = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        "# Counting equivalence classes",
        "",
        f"Medians of {report['rounds']} rounds in which the sides take turns, each a process of "
        f"its own after one run that is not counted; {report['cores']} cores; {used}; seed "
        f"{report['seed']}. Ratios are of CPU seconds of the same round. 'First run' holds the "
        "compiling or loading of compiled code. Memory is RssAnon at its peak: without the mapped "
        "file.",
    ]
    if report["scale"] != 1:
        lines += ["", f"**Scaled to {report['scale']:g} of the codes: this judges nothing.**"]
    for case in report["cases"]:
        lines += ["", f"## {case['title']} ({case['bytes'] / MB:,.0f} MB)", ""]
        lines += ["| wanted | measured | |", "|---|---|---|"]
        for wanted in case["wanted"]:
            held = "held" if wanted["held"] else "**missed**"
            lines.append(f"| {wanted['wanted']} | {wanted['measured']} | {held} |")
        lines += [
            "",
            "| side | CPU s | wall s | times moving the bytes | first run, CPU s | MB beyond | "
            "MB in all |",
            "|---|---|---|---|---|---|---|",
        ]
        for side in case["sides"]:
            lines.append(
                f"| {side['side']} | {side['cpu_s']:.4f} | {side['wall_s']:.4f} | "
                f"{side['times_moving_the_bytes']:.1f} | {side['first_cpu_s']:.2f} | "
                f"{side['beyond_mb']:.1f} | {side['whole_mb']:.1f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
