"""Keep a computed table as Markdown, CSV and JSON, below one folder."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privkit.capacity.report import table_to_markdown
from privkit.result import Table

__all__ = ["SHORT_ORIGIN", "keep_table"]

SHORT_ORIGIN = "computed; the item is of privkit's own list"


def keep_table(
    name: str,
    description: str,
    table: Table,
    cells: Sequence[Sequence[Any]],
    record: Any,
    *,
    out: Path | None = None,
    more: Sequence[Table] = (),
) -> None:
    """Write the table in three forms, and print the Markdown.

    Args:
        name: of the files.
        description: of the command, for its ``--help``.
        table: for people, as Markdown.
        cells: for programs, as CSV, the header first; the origin is added to each row.
        record: for programs, as JSON.
        out: folder for the three files; read as ``--out`` from the command line by default.
        more: further tables for the Markdown.
    """
    if out is None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
        out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(table_to_markdown(one) for one in (table, *more))
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*cells[0], "origin"])
        writer.writerows([*row, SHORT_ORIGIN] for row in cells[1:])
    (out / f"{name}.json").write_text(
        json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    sys.stdout.write(text)
