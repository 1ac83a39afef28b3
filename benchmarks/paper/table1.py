"""The paper's Table 1: the levels of compression, computed from the sizes of the codes.

    python benchmarks/paper/table1.py --out reports/table1
    python benchmarks/paper/table1.py --out reports/table1 --sizes reports/table4/result.json

The second form adds what was measured on files, by ``benchmarks/paper/table4.py`` or
``privkit videoqa tiny``. Writes ``table1.md``, ``table1.csv`` and ``table1.json``, and prints the
Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from kept_table import keep_table

from privkit.capacity.items import PAPER_LEVELS, SENSITIVE_ITEMS
from privkit.capacity.tables import BOUND, levels, verdicts
from privkit.result import Table

FLOAT_FEATURE = PAPER_LEVELS[-1]
PEOPLE = 8_200_000_000

ORIGIN = (
    "Made by `python benchmarks/paper/table1.py --out reports/table1`. "
    "The levels are the paper's, and its floating-point feature of a TGIF clip, 12 × 12 × 768 "
    f"floats of 16 bits, {FLOAT_FEATURE:,} bits, which it rounds to 1.8M. All other numbers are "
    "computed from them, not copied. The items are privkit's own list, not the paper's; the source "
    "of each item's size stands beside it. People per code are for 8.2 billion people (UN World "
    "Population Prospects 2024, for 2025) spread evenly over the codes; below 1 there are more "
    "codes than people."
)


def main() -> None:
    """Compute the table and keep it."""
    description = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    parser.add_argument("--sizes", type=Path, help="result.json of measured sizes")
    options = parser.parse_args()
    rows = computed()
    table = as_table(rows)
    record = {"title": table.title, "origin": ORIGIN, "bound": BOUND, "rows": rows}
    more = []
    if options.sizes is not None:
        notices, sizes = measured(options.sizes)
        record["measured"] = {"notices": notices, "rows": sizes}
        more.append(sizes_table(notices, sizes))
    keep_table(
        "table1",
        description,
        table,
        [list(rows[0]), *(list(row.values()) for row in rows)],
        record,
        out=options.out,
        more=more,
    )


def measured(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The sizes in a kept result, and the words that have to stand beside them."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        sizes = [
            {
                "stored as": measure["where"]["stored as"],
                "videos": int(measure["where"]["videos"]),
                "bytes": measure["value"],
                "videos measured": measure["n"],
            }
            for measure in kept["measures"]
            if measure["name"] == "bytes"
        ]
        notices = list(kept["notices"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"table1: error: {path.name}: this is no result of sizes; found: {error!r}")
    if not sizes:
        sys.exit(f"table1: error: {path.name}: there are no sizes in this result")
    return notices, sizes


def sizes_table(notices: list[str], sizes: list[dict[str, Any]]) -> Table:
    """The measured sizes as words for people."""
    return Table(
        "Measured on files",
        ["stored as", "bytes a video", "videos measured"],
        [
            [
                size["stored as"],
                f"{size['bytes'] / size['videos']:,.2f}",
                f"{size['videos measured']:,}",
            ]
            for size in sizes
        ],
        note=" ".join(notices),
    )


def computed() -> list[dict[str, Any]]:
    """One row a level; ``distinct values`` is the power, written out up to 2^10."""
    judged = verdicts(SENSITIVE_ITEMS, PAPER_LEVELS)
    rows = []
    for n, level in enumerate(
        levels(PAPER_LEVELS, reference_bits=FLOAT_FEATURE, population=PEOPLE)
    ):
        largest = [row.item for row in judged if row.possible[n]][-1]
        rows.append(
            {
                "bits": level.bits,
                "distinct values": 2**level.bits if level.bits <= 10 else f"2^{level.bits}",
                "bytes for a million videos": level.bytes_per_million,
                "compression": level.compression,
                "largest item that fits": largest.name,
                "source of the item's size": largest.source,
                "people per code": level.people_per_code,
            }
        )
    return rows


def as_table(rows: list[dict[str, Any]]) -> Table:
    """The rows as words for people."""
    return Table(
        "Levels of compression (the paper's Table 1, computed)",
        list(rows[0]),
        [
            [
                f"{row['bits']:,}" + (" (floats)" if row["bits"] == FLOAT_FEATURE else ""),
                values(row["distinct values"]),
                f"{row['bytes for a million videos']:,}",
                f"{row['compression']:,.0f}×",
                row["largest item that fits"],
                row["source of the item's size"],
                people(row["people per code"]),
            ]
            for row in rows
        ],
        note=f"{ORIGIN}\n\n{BOUND}",
    )


def values(distinct: int | str) -> str:
    """A count or a power, with commas."""
    return f"2^{int(distinct[2:]):,}" if isinstance(distinct, str) else f"{distinct:,}"


def people(per_code: float) -> str:
    """People per code: whole from 10 on, and not finer than can be said in words."""
    if per_code >= 10:
        return f"{per_code:,.0f}"
    return f"{per_code:.1f}" if per_code >= 1 else "below 1"


if __name__ == "__main__":
    main()
