"""``privkit videoqa evaluate``: how many questions a trained model answers right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privkit.cli.console import (
    DeviceOption,
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    check_device,
    command_line,
    deliver,
)
from privkit.cli.videoqa.options import RunArgument, TaskOption, VideosOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from privkit.data.questions.record import QuestionSet
    from privkit.videoqa.saved import SavedModel

    Tick = Callable[[str, int, int], None]

__all__ = ["evaluate", "questions_for"]


def evaluate(
    context: typer.Context,
    run: RunArgument,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="generated, or a folder or annotation file. Default: generated, for a model that "
            "was trained on it.",
        ),
    ] = None,
    task: TaskOption = None,
    videos: VideosOption = None,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    clips: Annotated[
        str,
        typer.Option(
            "--clips",
            help="Times the clips of the training: 4x stores 4 codes of N bits, from one encoder.",
        ),
    ] = "1x",
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Answer the questions of a split with a trained model; each question counts once."""
    output = Output(out, as_json, quiet)
    from privkit.data.locations import cache_folder
    from privkit.videoqa.answering import answer, source_of, split_named, split_videos, times_of
    from privkit.videoqa.distributed import Processes
    from privkit.videoqa.logs import write_left_out
    from privkit.videoqa.results import evaluation_result
    from privkit.videoqa.saved import load_model

    times, chosen = times_of(clips), split_named(split)
    place = check_device(device)
    saved = load_model(run)
    with output.progress() as tick:
        opened = questions_for(saved, data, task, videos, tick)
        saved.check_kind(opened)
        source = source_of(
            saved,
            split_videos(opened, chosen),
            times=times,
            cache=cache_folder() / "videoqa",
            device=place,
            tick=tick,
        )
        asked = opened.split(chosen)
        left_out = {
            q.video: source.skipped.get(q.video, "not found")
            for q in asked
            if q.video not in source.row
        }
        usable = opened.with_questions([q for q in opened.questions if q.video not in left_out])
        predictions = answer(
            saved.variant,
            saved.model,
            saved.batches(usable.split(chosen)),
            source,
            saved.vocabulary,
            seed=saved.seed,
            group=Processes(device=place),
        )
    result = evaluation_result(
        saved,
        usable,
        left_out,
        split,
        predictions,
        times=times,
        command=command_line(context),
    )
    return deliver(
        "videoqa-evaluate",
        result,
        output,
        write=lambda folder: write_left_out(folder / "left-out.csv", left_out),
    )


def questions_for(
    saved: SavedModel, data: str | None, task: str | None, videos: Path | None, tick: Tick
) -> QuestionSet:
    """The questions for a trained model; of its own task where the data has several.

    Raises:
        InputError: it is not said which data, or the data cannot be opened.
    """
    from privkit.data.locations import cache_folder
    from privkit.data.questions.open import tasks_in
    from privkit.errors import InputError
    from privkit.videoqa.task import open_set

    if data is None and not saved.generated:
        raise InputError(
            "it is not said which questions",
            where="--data",
            rule="a folder or annotation file, or generated",
            found=f"a model that was trained on {saved.set_name} {saved.task}",
        )
    named = data or "generated"
    if task is None and (named == "generated" or saved.task in tasks_in(Path(named))):
        task = saved.task
    cache = cache_folder() / "videoqa"
    return open_set(named, task=task, videos=videos, seed=saved.seed, cache=cache, tick=tick)
