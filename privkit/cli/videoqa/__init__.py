"""``privkit videoqa``: Few-Bit VideoQA, one module a command."""

from __future__ import annotations

import typer

from privkit.cli.videoqa import (
    check,
    encode,
    evaluate,
    generate,
    maps,
    several,
    supervision,
    sweep,
    tiny,
    train,
    transfer,
    words,
)

__all__ = ["app"]

app = typer.Typer(
    help="Train Few-Bit VideoQA, and find out what its bits hold and give away.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.callback()(several.one_process)
app.command("check")(check.check)
app.command("generate")(generate.generate)
app.command("supervision")(supervision.supervision)
app.command("sweep")(sweep.sweep)
app.command("transfer")(transfer.transfer)
app.command("words")(words.words)
app.command("maps")(maps.maps)
app.command("tiny")(tiny.tiny)
app.command("encode")(encode.encode)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
