"""``privkit kanon``: how many people hide behind each stored code."""

import typer

from privkit.cli.kanon.command import kanon
from privkit.cli.kanon.merge import merge

__all__ = ["app"]

app = typer.Typer()
app.callback(invoke_without_command=True)(kanon)
app.command("merge")(merge)
