"""``privkit videoqa words``: which words have similar codes."""

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
    BitsOption,
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

__all__ = ["words"]


def words(
    context: typer.Context,
    data: DataOption = "generated",
    task: TaskOption = None,
    bits: BitsOption = 10,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", help="A word to show; repeatable. Default: the most frequent."),
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=2, help="Training videos that a word must have.")
    ] = 20,
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
    """Find the words whose videos have similar codes, and tell them from chance.

    The code of a word is the mean code of the videos whose question or answer contains it; the
    baseline shuffles the codes over the videos.
    """
    from privkit.models.featcomp import check_bits

    output = Output(out, as_json, quiet)
    check_bits(bits, where="--bits")
    from privkit.videoqa.findings_words import words_result, write_words
    from privkit.videoqa.from_codes import trained_codes
    from privkit.videoqa.words import chosen_words, content_words, study_words

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
    with output.progress() as tick:
        opened = source.open(tick)
        train = opened.questions.split("train")
        shown = chosen_words(content_words(train, least), word or ())
        stored = trained_codes(opened, bits, seed=seed, device=source.device, tick=tick)
        study = study_words(
            train,
            opened.questions.split("validation") + opened.questions.split("test"),
            stored.videos,
            stored.codes.to_signs(),
            least=least,
            seed=seed,
            tick=tick,
        )
    result = words_result(
        study,
        opened,
        source,
        shown=shown,
        bits=bits,
        least=least,
        seed=seed,
        command=command_line(context),
    )
    return deliver(
        "videoqa-words",
        result,
        output,
        write=lambda folder: write_words(folder / "words.csv", study),
    )
