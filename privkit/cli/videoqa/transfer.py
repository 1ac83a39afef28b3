"""``privkit videoqa transfer``: which tasks the stored codes serve."""

from __future__ import annotations

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
    TasksOption,
    VideosOption,
    VocabularyOption,
    check_fits,
    task_source,
)

__all__ = ["transfer"]


def transfer(
    context: typer.Context,
    data: DataOption = "generated",
    task: TasksOption = None,
    bits: BitsOption = 10,
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
    """Answer every task from the stored codes of every other one.

    An encoder is trained on each task and the codes of all videos are stored. Then a new decoder
    and a new answerer are trained for each task on those codes alone, beside models that see no
    video.
    """
    from privkit.models.featcomp import check_bits

    output = Output(out, as_json, quiet)
    check_bits(bits, where="--bits")
    from privkit.report.transfer import draw_transfer
    from privkit.videoqa.findings_bits import transfer_result
    from privkit.videoqa.transfer import run_transfer, tasks_for

    tasks = tasks_for(data, task or ())
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
        found = run_transfer(source, tasks, bits=bits, seeds=range(seed, seed + seeds), tick=tick)
    result = transfer_result(found, source, command=command_line(context))
    return deliver(
        "videoqa-transfer",
        result,
        output,
        draw=lambda folder: [draw_transfer(folder, result, tasks, bits)],
    )
