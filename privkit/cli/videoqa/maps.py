"""``privkit videoqa maps``: which places and frames of a video move the bits of its code."""

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
    SeedOption,
    command_line,
    deliver,
)
from privkit.cli.videoqa.options import (
    BitsOption,
    ConfigOption,
    DataOption,
    InitOption,
    NotStrictOption,
    SetOption,
    TasksOption,
    VideosOption,
    VocabularyOption,
    check_fits,
    task_source,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privkit.report.html import Picture
    from privkit.videoqa.map_study import MapStudy

__all__ = ["draw", "maps"]


def maps(
    context: typer.Context,
    data: DataOption = "generated",
    task: TasksOption = None,
    bits: BitsOption = 10,
    video: Annotated[
        list[Path] | None,
        typer.Option("--video", help="A video to look at; repeatable. Default: test videos."),
    ] = None,
    config: ConfigOption = "small",
    settings: SetOption = None,
    init: InitOption = None,
    vocabulary: VocabularyOption = None,
    not_strict: NotStrictOption = False,
    videos: VideosOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Draw where the bits look, by Grad-CAM, and check the maps where it is known what is where.

    On generated videos the maps are checked against the half of the picture in which the figure
    stands, beside a bottleneck that was not trained, and against the changes of scenes.
    """
    from privkit.models.featcomp import check_bits

    output = Output(out, as_json, quiet)
    check_bits(bits, where="--bits")
    from privkit.videoqa.findings_maps import maps_result
    from privkit.videoqa.map_study import map_tasks, study_maps

    tasks = map_tasks(data, task or ())
    source = task_source(
        data,
        None,
        videos,
        seed=seed,
        config=config,
        settings=settings,
        device=device,
        init=init,
        vocabulary=vocabulary,
        not_strict=not_strict,
    )
    check_fits(source, bits)
    with output.progress() as tick:
        study = study_maps(source, tasks, bits=bits, seed=seed, videos=video or (), tick=tick)
    result = maps_result(study, source, seed=seed, command=command_line(context))
    return deliver(
        "videoqa-maps",
        result,
        output,
        draw=lambda folder: draw(folder, study, () if video else result.notices),
    )


def draw(folder: Path, study: MapStudy, notices: Sequence[str]) -> list[Picture]:
    """Draw the figures of a study: the maps, and the frames where there are curves."""
    from privkit.report.activation_maps import draw_curves, draw_maps

    pictures = [draw_maps(folder, study.shown, notices)]
    if study.curves:
        pictures.append(draw_curves(folder, study.curves, notices))
    return pictures
