"""The one HTML report: a single self-contained file, no network, no script, everything escaped."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from privkit.report.visible import shortened, visible
from privkit.result import Result, Table

__all__ = ["Picture", "text_columns", "write_page", "write_report"]

#: How a cell with a number begins; empty cells and dashes stand for a missing number.
_NUMBER = re.compile(r"[-+−–—<>≤≥~≈\s]*(\d|$)")


@dataclass(frozen=True)
class Picture:
    """A figure of a run.

    Attributes:
        path: the PNG file inside the run folder.
        caption: what it shows, how to read it.
        alt: its content in words, for those who cannot see it.
    """

    path: Path
    caption: str
    alt: str

    @property
    def data_uri(self) -> str:
        """The picture as a ``data:`` address, so that the report is one file."""
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode("ascii")


def write_report(path: Path, result: Result, pictures: Sequence[Picture] = ()) -> None:
    """Write the report of a result.

    Args:
        path: the HTML file to write; it is inside an unfinished run folder.
        result: what was found.
        pictures: the figures, in reading order.
    """
    write_page(
        path,
        "report.html.j2",
        result=result,
        pictures=pictures,
        tables=[(table, text_columns(table)) for table in result.tables],
        configuration=[
            (key, json.dumps(value, ensure_ascii=False, default=str))
            for key, value in sorted(result.configuration.items())
        ],
    )


def write_page(path: Path, template: str, **parts: Any) -> None:
    """Fill a template with everything escaped, and what cannot be seen spelt out.

    Args:
        path: the HTML file to write.
        template: a file of ``privkit/report/templates``.
        **parts: what the template shows.
    """
    environment = Environment(
        loader=PackageLoader("privkit.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = shortened
    html = environment.get_template(template).render(parts)
    path.write_text(html, encoding="utf-8")


def text_columns(table: Table) -> list[bool]:
    """Which columns hold words, which are read from the left; numbers are aligned at the right."""
    return [
        any(_NUMBER.match(row[n]) is None for row in table.rows) for n in range(len(table.columns))
    ]
