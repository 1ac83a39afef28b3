"""The command line: one thin module a command, no maths here."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run ``privkit``; exit with 0 done, 1 a gate failed, 2 bad input or usage, 130 Ctrl-C."""
    from privkit.cli.app import run

    for stream in (sys.stdout, sys.stderr):
        # A bullet or a file name that the terminal's encoding lacks is shown as an escape.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
