"""``privkit data``: fetch, find and generate face sets."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from privkit.cli.console import SeedOption

__all__ = ["app"]

app = typer.Typer(
    help="Fetch, find and generate face sets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Fetchable(StrEnum):
    """The face sets that can be fetched."""

    att = "att"
    olivetti = "olivetti"


@app.command("fetch")
def fetch(
    name: Annotated[Fetchable, typer.Argument(help="The face set.", show_default=False)],
    url: Annotated[
        str | None,
        typer.Option("--url", help="Fetch att from this zip, tar or tar.gz archive instead."),
    ] = None,
) -> int:
    """Download a face set, verify it, and keep it in the cache.

    This is the only command that uses the network. A download that is cut or does not verify
    leaves nothing behind. Set PRIVKIT_CACHE to keep sets elsewhere than in the user's cache.
    """
    from privkit.data.fetch import FETCHERS

    print(f"{name.value}: fetched and verified: {FETCHERS[name.value](url)}")
    return 0


@app.command("list")
def list_sets() -> int:
    """Say which face sets are found, and where; nothing is downloaded."""
    from privkit.data.faces import found_sets
    from privkit.data.locations import cache_folder, data_folder

    print(f"PRIVKIT_DATA: {data_folder() or 'not set'}")
    print(f"cache: {cache_folder()}")
    for name, state in found_sets().items():
        print(f"{name}: {state}")
    return 0


@app.command("generate")
def generate(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="New folder to write.", show_default=False)
    ],
    people: Annotated[int, typer.Option("--people", min=1, help="Number of people.")] = 40,
    photos: Annotated[int, typer.Option("--photos", min=1, help="Pictures of each person.")] = 10,
    seed: SeedOption = 0,
) -> int:
    """Draw faces of nobody: a PNG a picture, a folder a person, and attributes.csv.

    Open them with --faces OUT; results on them say that the faces are generated.
    """
    from privkit.data.face_folder import write_face_folder
    from privkit.data.generated_faces import generate_faces
    from privkit.errors import InputError
    from privkit.runs import check_out, write_run

    if out.exists() or out.is_symlink():
        raise InputError("the folder exists already", where=out, remedy="name a new folder")
    check_out(out)
    faces = generate_faces(people=people, photos=photos, seed=seed)
    folder = write_run("generate", out, lambda work: write_face_folder(faces, work))
    print(f"{faces.n} pictures of {people} people: {folder}")
    print(f"NOTE: {faces.notice}", file=sys.stderr)
    return 0
