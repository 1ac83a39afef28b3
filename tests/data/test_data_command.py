"""`privkit data`: list, generate and fetch as a person types them."""

from pathlib import Path

import pytest
from face_archives import Loopback, write_files, zipped
from typer.testing import CliRunner

from privkit.cli.data import app
from privkit.data.faces import open_faces
from privkit.errors import InputError, PrivkitError


def typed(*arguments: object) -> str:
    answer = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)
    if answer.exception is not None:
        raise answer.exception
    return answer.stdout


def test_list_says_what_is_where(own_places: Path, canonical: dict[str, bytes]) -> None:
    assert "att: not found; privkit data fetch att" in typed("list")
    folder = write_files(own_places / "att_faces", canonical)
    assert f"att: {folder}: verified" in typed("list")
    (folder / "s1/1.pgm").unlink()
    assert "damaged: missing: s1/1.pgm" in typed("list")


def test_generate_writes_a_folder_that_opens(tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    assert "20 pictures of 4 people" in typed(
        "generate", out, "--people", 4, "--photos", 5, "--seed", 7
    )
    faces = open_faces(str(out))
    assert (faces.n, faces.generated) == (20, True)
    with pytest.raises(InputError, match="exists already"):
        typed("generate", out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["drawn"]


def test_fetch(server: Loopback, canonical: dict[str, bytes], own_places: Path) -> None:
    with pytest.raises(PrivkitError, match="404"):
        typed("fetch", "att", "--url", server.url + "/missing")
    assert str(own_places) in typed("fetch", "att", "--url", server.serve(zipped(canonical)))
    with pytest.raises(SystemExit):
        typed("fetch", "lfw")
