"""``privkit videoqa supervision``: how many bits of supervision a task's questions carry."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import (
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    SeedOption,
    command_line,
    deliver,
)

__all__ = ["supervision"]


def supervision(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Annotation file or folder of any known format; all its tasks are measured.",
            show_default=False,
        ),
    ],
    seed: SeedOption = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Measure the compressed size of training questions and answers, in bits a pair.

    The serialisation, the order of the lines and the compressor stand beside each figure.
    """
    from privkit.capacity.supervision import supervision_result
    from privkit.data.questions.open import read_questions, tasks_in

    output = Output(out, as_json, quiet)
    started = time.perf_counter()
    sets = [
        read_questions(file, task=task, seed=seed)
        for file in dict.fromkeys(files)
        for task in tasks_in(file)
    ]
    output.seconds["read"] = time.perf_counter() - started
    started = time.perf_counter()
    result = supervision_result(sets, command=command_line(context), seed=seed)
    output.seconds["compress"] = time.perf_counter() - started
    return deliver("videoqa-supervision", result, output)
