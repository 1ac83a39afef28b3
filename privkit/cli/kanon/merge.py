"""``privkit kanon merge``: several sketches as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import JsonOption, Output, QuietOption, command_line, deliver
from privkit.cli.kanon.sketch_file import check_sketch_out

__all__ = ["merge"]


def merge(
    context: typer.Context,
    sketches: Annotated[list[Path], typer.Argument(help="Sketches of one key and one N.")],
    out: Annotated[
        Path, typer.Option("--out", help="File for the merged sketch, NAME.sketch; a new one.")
    ],
    key: Annotated[
        Path | None,
        typer.Option("--key", help="File with the secret, to check that it is the sketches'."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Merge sketches that --approximate kept; the result is that of the joined stream.

    A stream that is in two of them, as in a copy or in a sum beside its part, is refused.
    """
    from privkit.anonymity.report import THRESHOLDS, part_result
    from privkit.anonymity.sketch import Key, merge_files, records_of, save_sketch
    from privkit.anonymity.sketch.part import sketch_part
    from privkit.features.stored import files_sha256
    from privkit.result import DataUsed

    check_sketch_out(out)
    merged = merge_files(sketches, None if key is None else Key.from_file(key))
    part = sketch_part(merged, THRESHOLDS)
    save_sketch(merged, out)
    result = part_result(
        [part],
        command=command_line(context),
        data=[
            DataUsed(path.name, "sketch", files_sha256([path]), records_of(path))
            for path in sketches
        ],
        configuration={"sketches": [path.name for path in sketches], "written": out.name},
        seed=None,
    )
    return deliver("kanon", result, Output(None, as_json, quiet))
