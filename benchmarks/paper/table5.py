"""The paper's Table 5: which sensitive information can be stored in N bits.

    python benchmarks/paper/table5.py --out reports/table5

Writes ``table5.md``, ``table5.csv`` and ``table5.json``, and prints the Markdown.
"""

from __future__ import annotations

from typing import Any

from kept_table import keep_table

from privkit.capacity.items import PAPER_LEVELS, SENSITIVE_ITEMS
from privkit.capacity.tables import BOUND, verdicts
from privkit.result import Table

ORIGIN = (
    "Made by `python benchmarks/paper/table5.py --out reports/table5`. "
    "The items are privkit's own list, not the paper's; each row names the source of its size. "
    "The levels are the paper's, the last its floating-point feature of a TGIF clip. Bits and "
    "verdicts are computed: an item is possible where 2^N codes are enough to give every one of "
    "its values a code of its own."
)


def main() -> None:
    """Compute the table and keep it."""
    rows = computed()
    table = as_table(rows)
    keep_table(
        "table5",
        (__doc__ or "").splitlines()[0],
        table,
        [table.columns, *table.rows],
        {
            "title": table.title,
            "origin": ORIGIN,
            "bound": BOUND,
            "levels": list(PAPER_LEVELS),
            "rows": rows,
        },
    )


def computed() -> list[dict[str, Any]]:
    """One row an item, smallest first; ``possible`` has one flag a level."""
    return [
        {
            "item": row.item.name,
            "values": str(row.item.space),
            "bits": row.bits,
            "possible": dict(zip(map(str, PAPER_LEVELS), row.possible, strict=True)),
            "source of the size": row.item.source,
        }
        for row in verdicts(SENSITIVE_ITEMS, PAPER_LEVELS)
    ]


def as_table(rows: list[dict[str, Any]]) -> Table:
    """The rows as words for people."""
    return Table(
        "Which sensitive information N bits can store (the paper's Table 5, computed)",
        ["item", "values", "bits", *(f"N = {n:,}" for n in PAPER_LEVELS), "source of the size"],
        [
            [
                row["item"],
                row["values"],
                f"{row['bits']:,.1f}",
                *("possible" if fits else "impossible" for fits in row["possible"].values()),
                row["source of the size"],
            ]
            for row in rows
        ],
        note=f"{ORIGIN}\n\n{BOUND}",
    )


if __name__ == "__main__":
    main()
