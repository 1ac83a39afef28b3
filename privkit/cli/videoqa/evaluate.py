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
from privkit.cli.videoqa.options import ClipsOption, RunArgument, TaskOption, VideosOption
from privkit.cli.videoqa.several import shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from privkit.data.questions.record import QuestionSet, Split
    from privkit.videoqa.distributed import Processes
    from privkit.videoqa.frames import Frames
    from privkit.videoqa.grid_cache import GridFeatures
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
    clips: ClipsOption = "1x",
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Answer the questions of a split with a trained model; each question counts once.

    With torchrun (torchrun --nproc-per-node 2 -m privkit videoqa evaluate ...) several processes
    share the questions.
    """
    output = Output(out, as_json, quiet)
    from privkit.videoqa.answering import answer, split_named, times_of
    from privkit.videoqa.logs import write_left_out
    from privkit.videoqa.results import evaluation_result
    from privkit.videoqa.saved import load_model

    times, chosen = times_of(clips), split_named(split)
    with shared(check_device(device)) as group:
        saved = load_model(run)
        speaking = output if group.first else Output(quiet=True)
        with speaking.progress() as tick:
            opened, source = group.first_alone(
                lambda: _opened(saved, data, task, videos, chosen, times, group, tick)
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
                group=group,
            )
        if not group.first:
            return 0
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


def _opened(
    saved: SavedModel,
    data: str | None,
    task: str | None,
    videos: Path | None,
    split: Split,
    times: int,
    group: Processes,
    tick: Tick,
) -> tuple[QuestionSet, GridFeatures | Frames]:
    """The questions, and what the model reads of the videos of a split; both kept in the cache."""
    from privkit.data.locations import cache_folder
    from privkit.videoqa.answering import source_of, split_videos

    questions = questions_for(saved, data, task, videos, tick)
    saved.check_kind(questions)
    source = source_of(
        saved,
        split_videos(questions, split),
        times=times,
        cache=cache_folder() / "videoqa",
        device=group.device,
        tick=tick,
    )
    return questions, source


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
