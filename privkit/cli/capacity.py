"""``privkit capacity``: which sensitive information fits in N bits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import JsonOption, OutOption, Output, QuietOption, command_line, deliver

__all__ = ["capacity"]

_LEVELS_SHOWN = (1, 2, 4, 10, 16, 100, 128, 1000, 1024, 1280)


def capacity(
    context: typer.Context,
    bits: Annotated[
        list[int] | None,
        typer.Option("--bits", help="Bits stored for each face or video; repeat for several."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option("--items", help="CSV with the columns item, values (as 26^3*10^4), source."),
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Say which sensitive information N bits could carry, and which they cannot.

    The bound is on carrying the whole item for everybody, not on narrowing it down.
    """
    from privkit.capacity.items import SENSITIVE_ITEMS, read_items
    from privkit.capacity.report import capacity_result, write_tables

    output = Output(out, as_json, quiet)
    chosen = tuple(dict.fromkeys(bits)) if bits else _LEVELS_SHOWN
    result = capacity_result(
        read_items(items) if items is not None else SENSITIVE_ITEMS,
        chosen,
        command=command_line(context),
        source=items.name if items is not None else "privkit's items",
    )
    return deliver("capacity", result, output, write=lambda folder: write_tables(folder, result))
