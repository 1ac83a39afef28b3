"""Capacity tables as a result, as Markdown and as CSV."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

from privkit.capacity.items import Item
from privkit.capacity.tables import BOUND, verdicts
from privkit.result import DataUsed, Measure, Result, Table

__all__ = ["capacity_result", "table_to_markdown", "write_tables"]


def capacity_result(
    items: Sequence[Item], bits: Sequence[int], *, command: str, source: str
) -> Result:
    """The result of ``privkit capacity``.

    Args:
        items: the items to judge.
        bits: the levels.
        command: the command line, for the record.
        source: name of the item list.

    Raises:
        InputError: a level out of range.
    """
    rows = verdicts(items, bits)
    listing = "\n".join(f"{i.name}\t{i.space}\t{i.source}" for i in items)
    findings = []
    for n, level in enumerate(bits):
        fit = [row.item.name for row in rows if row.possible[n]]
        findings.append(
            f"{level:,} {'bit' if level == 1 else 'bits'} can take 2^{level:,} values: "
            f"{len(fit)} of {len(rows)} items fit"
            + (f", the largest is '{fit[-1]}'." if fit else ".")
        )
    return Result(
        command=command,
        configuration={"bits": list(bits), "items": source},
        seed=None,
        data=[DataUsed(source, "items", hashlib.sha256(listing.encode()).hexdigest(), len(rows))],
        findings=[BOUND, *findings],
        measures=[
            Measure(
                "bits to carry the item",
                row.bits,
                "bits",
                "higher protects",
                method="log2 of the size of the value space",
                where={"item": row.item.name, "source": row.item.source},
            )
            for row in rows
        ],
        tables=[
            Table(
                "What N bits could carry",
                ["item", "values", "bits", *(f"N = {b:,}" for b in bits), "source of the size"],
                [
                    [
                        row.item.name,
                        str(row.item.space),
                        f"{row.bits:,.1f}",
                        *("possible" if p else "impossible" for p in row.possible),
                        row.item.source,
                    ]
                    for row in rows
                ],
                note=BOUND,
            )
        ],
    )


def table_to_markdown(table: Table) -> str:
    """A table as GitHub-flavoured Markdown; cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_cell(c) for c in cells) + " |"

    parts = [f"### {table.title}", "", line(table.columns), line(["---"] * len(table.columns))]
    parts += [line(row) for row in table.rows]
    if table.note:
        parts += ["", table.note]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """One line in which no character ends the cell or starts an HTML tag."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def write_tables(folder: Path, result: Result) -> None:
    """Write the result's first table as ``capacity.md`` and ``capacity.csv``."""
    table = result.tables[0]
    (folder / "capacity.md").write_text(table_to_markdown(table), encoding="utf-8")
    with (folder / "capacity.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(table.rows)
