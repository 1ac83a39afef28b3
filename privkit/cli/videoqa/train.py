"""``privkit videoqa train``: train a Few-Bit VideoQA model, or one of the paper's baselines."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
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
    ConfigOption,
    DataOption,
    InitOption,
    NotStrictOption,
    SetOption,
    TaskOption,
    VideosOption,
    VocabularyOption,
    check_fits,
    task_source,
)
from privkit.cli.videoqa.several import shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from privkit.videoqa.distributed import Processes
    from privkit.videoqa.evaluate import Predictions
    from privkit.videoqa.methods import Variant
    from privkit.videoqa.task import Task, TaskSource
    from privkit.videoqa.trained import Trained

    Tick = Callable[[str, int, int], None]

__all__ = ["train"]


def train(
    context: typer.Context,
    data: DataOption = "generated",
    task: TaskOption = None,
    videos: VideosOption = None,
    bits: Annotated[
        int | None, typer.Option("--bits", help="N, the bits of a code of FeatComp.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            help="floats, question-only, options-only, random, reconstruction-only or "
            "task+reconstruction; the last two with --bits.",
        ),
    ] = None,
    config: ConfigOption = "small",
    settings: SetOption = None,
    init: InitOption = None,
    vocabulary: VocabularyOption = None,
    not_strict: NotStrictOption = False,
    end_to_end: Annotated[
        bool,
        typer.Option(
            "--end-to-end", help="Train the grid encoder, too, from frames; the ResNet stays."
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, max=256, help="Processes that decode, with --end-to-end."),
    ] = 2,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="Cache of the backbone's features to read."),
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Train a model that answers questions from N bits a video, and measure it.

    A training that was killed goes on when the same command is given again. With torchrun
    (torchrun --nproc-per-node 2 -m privkit videoqa train ...) several processes share the work.
    """
    output = Output(out, as_json, quiet)
    from privkit.errors import InputError
    from privkit.videoqa.methods import Variant
    from privkit.videoqa.task import check_end_to_end

    variant = Variant.named(baseline or "featcomp", bits)
    if end_to_end:
        check_end_to_end(variant)
    if end_to_end and features is not None:
        raise InputError("features are no frames", where="--features", rule="no --end-to-end")
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
    with shared(source.device) as group:
        source = dataclasses.replace(
            source,
            device=group.device,
            features=features,
            end_to_end=end_to_end,
        )
        if variant.bits is not None:
            check_fits(source, variant.bits)
        speaking = output if group.first else Output(quiet=True)
        return _train(context, source, variant, workers, group, speaking)


def _train(
    context: typer.Context,
    source: TaskSource,
    variant: Variant,
    workers: int,
    group: Processes,
    output: Output,
) -> int:
    from privkit.data.questions.record import SPLITS
    from privkit.report.training import draw_training
    from privkit.videoqa.answering import answer
    from privkit.videoqa.results import training_result

    with output.progress() as tick:
        opened = group.first_alone(lambda: source.open(tick))
        for warning in () if output.quiet else opened.start.warnings:
            print(f"privkit: warning: {warning}", file=sys.stderr)
        made = _fit(opened, variant, source.seed, workers, group, output, tick)
        found: dict[str, Predictions] = {
            split: answer(
                variant,
                made.model,
                opened.batches(split, variant),
                opened.features,
                opened.vocabulary,
                seed=source.seed,
                group=group,
            )
            for split in SPLITS
            if split != "train" and opened.questions.split(split)
        }
    if not group.first:
        return 0
    result = training_result(opened, made, found, command=command_line(context))
    return deliver(
        "videoqa-train",
        result,
        output,
        draw=lambda folder: draw_training(folder, made.progress.history, notices=result.notices),
        write=lambda folder: _write(folder, opened, made, source.data == "generated"),
    )


def _fit(
    opened: Task,
    variant: Variant,
    seed: int,
    workers: int,
    group: Processes,
    output: Output,
    tick: Tick,
) -> Trained:
    """Train, or go on; the first process says where TensorBoard can look on."""
    from privkit.videoqa.logs import EventLog
    from privkit.videoqa.trained import live_logs, trained

    with contextlib.ExitStack() as stack:
        log = None
        if group.first and variant.method.trained:
            folder = live_logs(opened, variant, seed=seed, group=group)
            log = stack.enter_context(contextlib.closing(EventLog(folder)))
            if not output.quiet:
                print(f"live: tensorboard --logdir {folder}", file=sys.stderr)
        return trained(opened, variant, seed=seed, group=group, log=log, tick=tick, workers=workers)


def _write(folder: Path, opened: Task, made: Trained, generated: bool) -> None:
    from privkit.videoqa.logs import (
        write_events,
        write_history,
        write_initial_weights,
        write_left_out,
    )
    from privkit.videoqa.saved import MODEL_FILE, save_model

    save_model(folder / MODEL_FILE, opened, made, generated=generated)
    (folder / "configuration.toml").write_text(opened.configuration.to_toml(), encoding="utf-8")
    write_history(folder / "history.csv", made.progress.history)
    if made.progress.history:
        write_events(folder / "tensorboard", made.progress.history)
    write_left_out(folder / "left-out.csv", opened.left_out)
    write_initial_weights(folder / "initial-weights.csv", opened.start.loaded)
