"""``privkit videoqa generate``: write the embedded VideoQA set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import Output, QuietOption, SeedOption

__all__ = ["generate"]


def generate(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="New folder to write.", show_default=False)
    ],
    videos: Annotated[
        int, typer.Option("--videos", min=1, max=1_000_000, help="Number of videos.")
    ] = 3000,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> int:
    """Draw videos of nobody: MP4 and GIF files, questions about them, and attributes.csv.

    3,000 videos take about half a minute on two cores. Results on them say that the videos are
    generated.
    """
    from privkit.data.videos.generated import NOTICE, generate_videos
    from privkit.errors import InputError

    if out.exists() or out.is_symlink():
        raise InputError("the folder exists already", where=out, remedy="name a new folder")
    with Output(out, quiet=quiet).progress() as tick:
        generate_videos(out, videos=videos, seed=seed, tick=tick)
    print(out if quiet else f"{videos} videos, 8 questions each: {out}")
    print(f"NOTE: {NOTICE}", file=sys.stderr)
    return 0
