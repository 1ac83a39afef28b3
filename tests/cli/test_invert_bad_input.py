"""Bad input to ``privkit invert``: one line that says what, where and what to do; exit code 2."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from privkit.cli.app import run
from privkit.data.face_set import Faces
from privkit.data.generated_faces import generate_faces


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, without the user's data; nothing may be written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRIVKIT_DATA", raising=False)
    yield tmp_path
    assert not (tmp_path / "reports").exists()
    assert not list(tmp_path.glob(".*unfinished*"))


@pytest.fixture(scope="module")
def generated() -> Faces:
    return generate_faces(people=4, photos=4, size=(32, 28))


@pytest.fixture
def folder(here: Path, generated: Faces) -> Callable[[int, int], Path]:
    """Writes so many photos of so many people."""

    def write(people: int, photos: int) -> Path:
        for person in range(people):
            for photo in range(photos):
                path = here / "faces" / f"p{person}" / f"{photo}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(generated.images[4 * person + photo]).save(path)
        return here / "faces"

    return write


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bits", "0"], "--bits: .*found: 0"),
        (["--bits", "-1"], "--bits: .*found: -1"),
        (["--bits", "16", "--bits", "0"], "--bits: .*found: 0"),
        (["--bits", "1000000000"], "--bits: .*found: 1000000000"),
        (["--bits", "x"], "'--bits': .*valid integer.*found: x"),
        (["--bits", ""], "'--bits'"),
        (["--round", "0"], "--round: .*rule: from 0.000001 to 1.*found: 0"),
        (["--round", "-0.1"], "--round: .*found: -0.1"),
        (["--round", "nan"], "--round: .*found: nan"),
        (["--round", "inf"], "--round: .*found: inf"),
        (["--round", "x"], "'--round': .*valid (float|number).*found: x"),
        (["--attack", "nosuch"], "--attack: unknown attack; rule: one of linkage, .*found: nosuch"),
        (["--seeds", "0"], "'--seeds'"),
        (["--seeds", "1001"], "'--seeds'"),
        (["--seed", "-1"], "'--seed'"),
        (["--device", "nosuch"], "--device: unknown device; rule: one of auto, cpu, cuda"),
        (["--faces", "missing"], "--faces: there is no such face folder.*found: missing; remedy"),
        (["--faces", "att"], "att"),
        (["--faces", "generated", "--person-pattern", "x"], "--person-pattern: "),
        (["--faces", ".", "--person-pattern", "("], "--person-pattern: the person pattern is"),
    ],
)
def test_options(options: list[str], words: str, one_line: Callable[..., str]) -> None:
    line = one_line("invert", *options)
    assert re.search(words, line), line


def test_no_gpu(one_line: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = one_line("invert", "--device", "cuda")
    assert "--device: no usable GPU; found: cuda; remedy: use --device cpu" in line


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_out_that_exists(here: Path, kind: str, one_line: Callable[..., str]) -> None:
    if kind == "folder":
        (here / "out").mkdir()
    elif kind == "file":
        (here / "out").write_text("earlier")
    else:
        (here / "out").symlink_to("nowhere")
    assert "out: the output folder exists already" in one_line("invert", "--out", "out")


def test_a_folder_of_text_files(here: Path, one_line: Callable[..., str]) -> None:
    (here / "anna_1.txt").write_text("hello")
    line = one_line("invert", "--faces", here)
    assert f"{here}: there are no pictures" in line
    assert "anna_1.txt: not a picture by its ending" in line


def test_text_under_the_name_of_a_picture(
    folder: Callable[[int, int], Path], one_line: Callable[..., str]
) -> None:
    faces = folder(4, 4)
    (faces / "p1" / "2.png").write_text("hello")
    assert "p1/2.png: the file is not a picture" in one_line("invert", "--faces", faces)


def test_an_empty_folder(here: Path, one_line: Callable[..., str]) -> None:
    assert "there are no pictures" in one_line("invert", "--faces", here)


def test_one_person(folder: Callable[[int, int], Path], one_line: Callable[..., str]) -> None:
    line = one_line("invert", "--faces", folder(1, 4))
    assert "too few people; rule: at least 4 people" in line
    assert "found: 1 (p0)" in line


def test_one_photo_a_person(
    folder: Callable[[int, int], Path], one_line: Callable[..., str]
) -> None:
    line = one_line("invert", "--faces", folder(4, 1))
    assert "too few pictures; rule: at least 4 pictures of each person" in line
    assert "found: 1 of p0 and 3 more people" in line


@pytest.mark.parametrize(
    ("keep", "words"), [(0, "the picture is empty; found: 0 bytes"), (300, "cannot be read")]
)
def test_a_damaged_picture(
    keep: int, words: str, folder: Callable[[int, int], Path], one_line: Callable[..., str]
) -> None:
    faces = folder(4, 4)
    damaged = faces / "p2" / "3.png"
    whole = damaged.read_bytes()
    assert len(whole) > keep
    damaged.write_bytes(whole[:keep])
    line = one_line("invert", "--faces", faces)
    assert "p2/3.png" in line
    assert words in line
    assert "remedy: replace the file" in line


def test_too_few_codes_for_the_people(
    here: Path, one_line: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = one_line("invert", "--faces", "generated", "--bits", "2", "--attack", "linkage")
    assert "40" in line
    assert "bits" in line
    assert list(here.iterdir()) == []


def test_the_same_folder_without_damage_is_taken(
    here: Path, folder: Callable[[int, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused above is refused for its damage, not for its size or its form."""
    opened = []
    monkeypatch.setattr(
        "attacks.inversion.run_study", lambda faces, *_, **__: opened.append(faces.n) or 1 / 0
    )
    assert run(["invert", "--faces", str(folder(4, 4)), "--bits", "8"]) == 70
    assert opened == [16]
