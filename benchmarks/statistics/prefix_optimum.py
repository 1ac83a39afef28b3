"""Bits that enforcing k with a length for each record keeps, beside the best possible choice.

The best choice is found by dynamic programming over the trie, for every number of records that are
passed up from a node; that takes quadratic time, so the files are small.

    python benchmarks/statistics/prefix_optimum.py --out reports/prefix_optimum
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.enforce import enforce
from privkit.errors import InputError
from privkit.features import Codes

BITS = 16


def main() -> int:
    """Compare; exit with 1 where more than the best possible is kept, which would be an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=200, help="a distribution and k")
    parser.add_argument("--records", type=int, default=200, help="a file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for prefix_optimum.json and .md")
    options = parser.parse_args()
    rows = [
        compared(name, k, options.files, options.records, options.seed)
        for name in DISTRIBUTIONS
        for k in (2, 5, 20)
    ]
    text = markdown(rows, options.files, options.records, options.seed)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        data = json.dumps(rows, indent=2) + "\n"
        (options.out / "prefix_optimum.json").write_text(data, encoding="utf-8")
        (options.out / "prefix_optimum.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(row["most"] <= 1 for row in rows) else 1


def uniform(rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
    """Every code as likely as any other."""
    return rng.integers(0, 2, (n, BITS), dtype=np.uint8)


def skewed_bits(rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
    """Bits that are 1 with a probability of their own."""
    return (rng.random((n, BITS)) < rng.beta(0.5, 0.5, BITS)).astype(np.uint8)


def clusters(rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
    """Few centres of unequal weight, each bit flipped with 5%."""
    centres = rng.integers(0, 2, (12, BITS), dtype=np.uint8)
    chosen = rng.choice(12, n, p=rng.dirichlet(np.full(12, 0.5)))
    return centres[chosen] ^ (rng.random((n, BITS)) < 0.05)


DISTRIBUTIONS = {"uniform": uniform, "bits of unequal weight": skewed_bits, "clusters": clusters}


def compared(name: str, k: int, files: int, records: int, seed: int) -> dict[str, str | float]:
    """Return the share of the best possible bits that is kept, over files."""
    shares = []
    for file in range(files):
        rng = np.random.default_rng([seed, k, file, len(name)])
        matrix = DISTRIBUTIONS[name](rng, records)
        best = most_bits(sorted("".join(map(str, row)) for row in matrix.tolist()), k)
        try:
            kept = int(enforce(Codes.from_matrix(matrix), k, "truncate-each").lengths.sum())
        except InputError:
            kept = 0
        if best:
            shares.append(kept / best)
    found = np.array(shares)
    return {
        "codes": name,
        "k": k,
        "files": len(shares),
        "mean": float(found.mean()),
        "least": float(found.min()),
        "most": float(found.max()),
    }


def most_bits(codes: list[str], k: int) -> int:
    """Return the most bits that codes of one length can keep in all, each prefix shared by k."""
    return int(_passed_up(codes, 0, k).max())


def _passed_up(codes: list[str], depth: int, k: int) -> NDArray[np.float64]:
    """By the number of records not stored below a node and at it: the most bits of the others."""
    if codes[0] == codes[-1]:
        own, best = len(codes[0]), np.full(len(codes) + 1, -np.inf)
        best[len(codes)] = 0
    else:
        own = depth
        while codes[0][own] == codes[-1][own]:  # sorted: what the ends share, all share
            own += 1
        middle = next(i for i, code in enumerate(codes) if code[own] == "1")
        left, right = (_passed_up(half, own + 1, k) for half in (codes[:middle], codes[middle:]))
        best = np.full(len(codes) + 1, -np.inf)
        for i, bits in enumerate(left):
            if np.isfinite(bits):
                best[i : i + len(right)] = np.maximum(best[i : i + len(right)], bits + right)
    # Of j records that arrive, j - i are stored here, at least k of them, or none.
    arrived = best.copy()
    for i in range(len(best) - k):
        here = arrived[i + k :] + own * np.arange(k, len(best) - i)
        best[i] = max(best[i], here.max())
    return best


def markdown(rows: list[dict[str, str | float]], files: int, records: int, seed: int) -> str:
    """Return the table."""
    lines = [
        "# Bits kept by enforcing k with a length for each record",
        "",
        f"{files} files of {records} codes of {BITS} bits a row, seed {seed}: the bits that "
        "`truncate-each` keeps, as a share of the most that any choice of lengths can keep.",
        "",
        "| codes | k | files | mean | least | most |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        shares = " | ".join(f"{100 * float(r[part]):.1f}%" for part in ("mean", "least", "most"))
        lines.append(f"| {r['codes']} | {r['k']} | {r['files']} | {shares} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
