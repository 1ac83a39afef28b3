"""A result as Markdown, and the files by which it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privkit.capacity.report import table_to_markdown
from privkit.result import Result, Table

__all__ = ["keep_result", "result_markdown"]


def result_markdown(
    title: str, result: Result, *, shown: Sequence[str] = (), more: Sequence[Table] = ()
) -> str:
    """Command, notices, findings, warnings and tables.

    Args:
        title: heading.
        result: what was found.
        shown: paragraphs before the tables, e.g. a figure with its caption.
        more: further tables, e.g. of times, which a result does not hold.
    """
    return "\n".join(
        [
            f"# {title}",
            "",
            f"    {result.command}",
            "",
            *(f"**{notice}**\n" for notice in result.notices),
            *(f"- {finding}" for finding in result.findings),
            *(f"- Warning: {warning}" for warning in result.warnings),
            "",
            *(f"{paragraph}\n" for paragraph in shown),
            *(table_to_markdown(table) for table in (*result.tables, *more)),
        ]
    )


def keep_result(folder: Path, name: str, result: Result, text: str) -> None:
    """Write ``result.json`` and ``NAME.md`` into a folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(result.to_json(), encoding="utf-8")
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
