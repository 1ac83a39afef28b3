"""``privkit videoqa tiny``: a data set of codes, its bytes, and what can be learned from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    SeedsOption,
    SetOption,
    TaskOption,
    VideosOption,
    VocabularyOption,
    check_fits,
    task_source,
)

__all__ = ["tiny"]


def tiny(
    context: typer.Context,
    data: DataOption = "generated",
    task: TaskOption = None,
    bits: BitsOption = 10,
    mpeg4_videos: Annotated[
        int,
        typer.Option(
            "--mpeg4-videos",
            min=2,
            help="Most videos to encode as MPEG-4; the total of more is extrapolated.",
        ),
    ] = 500,
    config: ConfigOption = "small",
    settings: SetOption = None,
    init: InitOption = None,
    vocabulary: VocabularyOption = None,
    not_strict: NotStrictOption = False,
    videos: VideosOption = None,
    seed: SeedOption = 0,
    seeds: SeedsOption = 1,
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Write a tiny set of codes and questions, and train from it alone.

    Its bytes stand beside those of the features, of the videos as they are and as MPEG-4, each
    measured on files that were written. The run holds the set in tiny/.
    """
    import tempfile

    from privkit.models.featcomp import check_bits

    output = Output(out, as_json, quiet)
    check_bits(bits, where="--bits")
    from privkit.videoqa.findings_tiny import tiny_result
    from privkit.videoqa.tiny import study_tiny

    source = task_source(
        data,
        task,
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
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with output.progress() as tick:
            study = study_tiny(
                source,
                work,
                bits=bits,
                seeds=range(seed, seed + seeds),
                mpeg4_videos=mpeg4_videos,
                tick=tick,
            )
        result = tiny_result(
            study, source, mpeg4_videos=mpeg4_videos, command=command_line(context)
        )
        return deliver(
            "videoqa-tiny",
            result,
            output,
            write=lambda folder: _keep(work / "tiny", folder / "tiny"),
        )


def _keep(made: Path, final: Path) -> None:
    import shutil

    shutil.copytree(made, final)
