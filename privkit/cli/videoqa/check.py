"""``privkit videoqa check``: what is in a set of questions and videos, and what is wrong."""

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

__all__ = ["check"]


def check(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Folder or annotation file of questions about videos.",
            show_default=False,
        ),
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="Which task, where there are several.")
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option("--videos", help="Folder that holds the videos. [below DATA]"),
    ] = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Count the questions, decode the videos, compare the splits, and score guesses.

    TGIF-QA's, MSVD-QA's and MSRVTT-QA's official files, ClipBERT's, privkit's own, and folders of
    videos with and without a fight are read.
    """
    from privkit.data.questions.check import check_questions, write_video_problems
    from privkit.data.questions.open import open_questions
    from privkit.evaluation.question_check import question_check_result
    from privkit.report.questions import draw_answers

    output = Output(out, as_json, quiet)
    started = time.perf_counter()
    questions = open_questions(data, task=task, videos=videos, seed=seed)
    output.seconds["read the questions"] = time.perf_counter() - started
    with output.progress() as tick:
        found = check_questions(questions, tick=tick)
    result = question_check_result(found, command=command_line(context), seed=seed)
    return deliver(
        "videoqa-check",
        result,
        output,
        draw=lambda folder: draw_answers(folder, found),
        write=lambda folder: write_video_problems(folder / "videos.csv", found),
    )
