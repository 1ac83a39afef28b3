"""Error of a sketch's estimates and coverage of their 95% intervals, on streams of known truth.

Each stream is counted into sketches of a given size under many keys; the truth is counted exactly.

    python benchmarks/statistics/sketch_error.py --keys 400 --out reports/sketch_error
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.sketch import Key, Sketch, SketchEstimates, estimate

CLASSES = 20_000
K = 5
BITS = 32


def main() -> int:
    """Run the simulation; exit with 1 where an interval covers less than it may by chance."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keys", type=int, default=400)
    parser.add_argument("--most", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for sketch_error.json and sketch_error.md")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = []
    for name, (codes, persons) in streams(rng).items():
        truth = truths(estimate(filled(codes, persons, Key.from_seed(0), 1 << 20), (2, K)))
        for most in options.most:
            rows += measured(name, most, codes, persons, truth, options.keys)
    text = markdown(rows, options.keys)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        data = json.dumps(rows, indent=2) + "\n"
        (options.out / "sketch_error.json").write_text(data, encoding="utf-8")
        (options.out / "sketch_error.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    least = 0.95 - 4 * (0.95 * 0.05 / options.keys) ** 0.5
    return 0 if all(row["covered"] >= least for row in rows) else 1


def streams(
    rng: np.random.Generator,
) -> dict[str, tuple[NDArray[np.uint32], NDArray[np.int64]]]:
    """Return codes and whose they are: heavy tails with 1 or 6 records a person, and rare ones."""
    heavy = np.maximum(1, rng.pareto(1.2, CLASSES).astype(np.int64))
    rare = np.where(rng.random(CLASSES) < 0.002, 2, 30)
    out = {}
    for name, sizes, each in (
        ("heavy tail, 1 record a person", heavy, 1),
        ("heavy tail, 6 records a person", heavy, 6),
        ("1 class in 500 is small", rare, 1),
    ):
        codes = np.repeat(rng.permutation(2**24)[:CLASSES].astype(np.uint32), sizes)
        out[name] = codes, rng.permutation(len(codes)) // each
    return out


def filled(codes: NDArray[np.uint32], persons: NDArray[np.int64], key: Key, most: int) -> Sketch:
    """Count a stream."""
    sketch = Sketch(BITS, key, most=most)
    sketch.update(codes, persons)
    return sketch


def ends(found: SketchEstimates) -> dict[str, tuple[float | None, float, float]]:
    """Return the estimate, lower and upper end of every figure."""
    small, people = found.records.below[1], found.people_below[1]
    plain = {
        "classes": found.classes,
        "unique classes": found.records.uniques,
        f"share of classes below {K}": small.share,
        f"records below {K}": small.members,
        "people": found.crowd,
    }
    out: dict[str, tuple[float | None, float, float]] = {
        name: (e.value, e.low, e.high) for name, e in plain.items() if e is not None
    }
    out[f"people below {K}, a range"] = None, people.low, people.high
    return out


def truths(exact: SketchEstimates) -> dict[str, float]:
    """Return the true figures, from a sketch with room for everything."""
    if not exact.exact:
        raise ValueError("the truth was not counted exactly")
    return {name: low for name, (_, low, _) in ends(exact).items()}


def measured(
    name: str,
    most: int,
    codes: NDArray[np.uint32],
    persons: NDArray[np.int64],
    truth: dict[str, float],
    keys: int,
) -> list[dict[str, str | int | float | None]]:
    """Return one row a figure: error, coverage and width over all keys."""
    found = [
        ends(estimate(filled(codes, persons, Key.from_seed(seed), most), (2, K)))
        for seed in range(1, keys + 1)
    ]
    rows: list[dict[str, str | int | float | None]] = []
    for figure, true in truth.items():
        lows, highs = (np.array([one[figure][side] for one in found]) for side in (1, 2))
        values = [one[figure][0] for one in found]
        scale = true or 1.0
        rows.append(
            {
                "stream": name,
                "most": most,
                "figure": figure,
                "truth": true,
                "bias": None if None in values else float(np.mean(values) / scale - 1),
                "error": None if None in values else float(np.std(values) / scale),
                "width": float((highs - lows).mean() / scale),
                "covered": float(((lows <= true) & (true <= highs)).mean()),
            }
        )
    return rows


def markdown(rows: list[dict[str, str | int | float | None]], keys: int) -> str:
    """Return the table; bias, error and width are shares of the truth."""
    lines = [
        f"Sketches of streams of {CLASSES:,} classes under {keys} keys.",
        "",
        "| stream | classes held | figure | truth | bias | standard error | mean width of the "
        "interval | covered (of 95%) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        bias, error = (
            "" if r[part] is None else f"{100 * float(r[part] or 0):.1f}%"
            for part in ("bias", "error")
        )
        lines.append(
            f"| {r['stream']} | {r['most']} | {r['figure']} | {float(r['truth'] or 0):.4g} | "
            f"{bias} | {error} | {100 * float(r['width'] or 0):.0f}% | "
            f"{100 * float(r['covered'] or 0):.1f}% |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
