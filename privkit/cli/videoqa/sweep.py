"""``privkit videoqa sweep``: accuracy against bits, beside every baseline."""

from __future__ import annotations

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
    ConfigOption,
    DataOption,
    InitOption,
    NotStrictOption,
    SeedsOption,
    SetOption,
    TasksOption,
    VideosOption,
    VocabularyOption,
    task_source,
)

__all__ = ["sweep"]


def sweep(
    context: typer.Context,
    data: DataOption = "generated",
    task: TasksOption = None,
    bits: Annotated[
        list[int] | None,
        typer.Option("--bits", help="N of a code; repeatable. [1 2 4 10 100 1000]"),
    ] = None,
    config: ConfigOption = "small",
    settings: SetOption = None,
    init: InitOption = None,
    vocabulary: VocabularyOption = None,
    not_strict: NotStrictOption = False,
    videos: VideosOption = None,
    seed: SeedOption = 0,
    seeds: SeedsOption = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=256,
            help="Trainings at a time, one core each. [all cores; 1 on a GPU]",
        ),
    ] = None,
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Train at every number of bits, beside floats and every baseline (the paper's Figure 3).

    All baselines of train --baseline are run, and each FeatComp answers with 4 times the clips as
    well, as evaluate --clips 4x does. Where the set names what no question asks about, the report
    also shows how well that can be read from what is stored.
    """
    from privkit.models.featcomp import check_bits

    output = Output(out, as_json, quiet)
    for n in bits or ():
        check_bits(n, where="--bits")
    from dataclasses import replace

    from privkit.data.videos.generated import usable_cores
    from privkit.report.sweep import draw_accuracy, draw_usefulness_and_privacy
    from privkit.videoqa.findings import secret_reads, sweep_result
    from privkit.videoqa.sweep import LEVELS, default_variants, run_sweep
    from privkit.videoqa.transfer import tasks_for

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
    sources = [replace(source, task=name) for name in tasks_for(data, task or (), at_least=1)]
    at_a_time = workers or (usable_cores() if source.device == "cpu" else 1)
    with output.progress() as tick:
        found = run_sweep(
            sources,
            default_variants(sorted(set(bits or LEVELS))),
            seeds=range(seed, seed + seeds),
            workers=at_a_time,
            tick=tick,
        )
    result = sweep_result(
        found.outcomes,
        found.tasks,
        privacy=secret_reads(found.outcomes),
        command=command_line(context),
    )
    return deliver(
        "videoqa-sweep",
        result,
        output,
        draw=lambda folder: [
            picture
            for picture in (
                draw_accuracy(folder, result),
                draw_usefulness_and_privacy(folder, result),
            )
            if picture is not None
        ],
    )
