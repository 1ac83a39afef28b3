"""The manifest: it sees every change of a run, and is itself read as an untrusted file."""

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from privkit.errors import InputError
from privkit.manifest import NAME, Manifest, manifest_schema, write_manifest
from privkit.result import DataUsed

DATA = [
    DataUsed("sex.csv", "sensitive", "b" * 64, 4),
    DataUsed("codes.npy", "features", "a" * 64, 4),
    DataUsed("age.csv", "sensitive", "c" * 64, 4),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("b")
    (folder / "a.txt").write_bytes(b"a" * 1000)
    (folder / "deep" / "Zoë.txt").write_text("")
    write_manifest(folder, command="privkit audit", data=DATA, versions={"privkit": "1"})
    return folder


def test_what_is_written(run: Path) -> None:
    read = json.loads((run / NAME).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(manifest_schema())
    Draft202012Validator(manifest_schema()).validate(read)
    assert [file["name"] for file in read["files"]] == ["a.txt", "b.txt", "deep/Zoë.txt"]
    assert read["files"][0] == {
        "name": "a.txt",
        "bytes": 1000,
        "sha256": hashlib.sha256(b"a" * 1000).hexdigest(),
    }
    assert [(i["role"], i["name"]) for i in read["inputs"]] == [
        ("features", "codes.npy"),
        ("sensitive", "age.csv"),
        ("sensitive", "sex.csv"),
    ]


def test_an_untouched_run_has_no_difference(run: Path) -> None:
    assert Manifest.read(run).differences(run) == []


def test_the_same_run_gives_the_same_bytes(run: Path) -> None:
    before = (run / NAME).read_bytes()
    write_manifest(run, command="privkit audit", data=DATA[::-1], versions={"privkit": "1"})
    assert (run / NAME).read_bytes() == before


def changed(run: Path) -> None:
    (run / "a.txt").write_bytes(b"a" * 999 + b"b")


def grown(run: Path) -> None:
    (run / "a.txt").write_bytes(b"a" * 1001)


def removed(run: Path) -> None:
    (run / "a.txt").unlink()


def added(run: Path) -> None:
    (run / "deep" / "more").mkdir()
    (run / "deep" / "more" / "x").touch()


def linked(run: Path) -> None:
    (run / "a.txt").rename(run.parent / "a.txt")
    (run / "a.txt").symlink_to(run.parent / "a.txt")  # the same content, but not of this run


def folder_linked(run: Path) -> None:
    (run / "other").symlink_to(run.parent)


def piped(run: Path) -> None:
    (run / "a.txt").unlink()
    os.mkfifo(run / "a.txt")  # opening it would wait for ever


def a_folder(run: Path) -> None:
    (run / "a.txt").unlink()
    (run / "a.txt").mkdir()


def second_manifest(run: Path) -> None:
    (run / "deep" / NAME).write_text("{}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed, "a.txt: has another content (sha256 "),
        (grown, "a.txt: has 1,001 bytes, the manifest says 1,000"),
        (removed, "a.txt: is missing"),
        (added, "deep/more/x: was added"),
        (linked, "a.txt: is a link or a device"),
        (folder_linked, "other: was added"),
        (piped, "a.txt: is a link or a device"),
        (a_folder, "a.txt: is missing"),
        (second_manifest, f"deep/{NAME}: was added"),
    ],
)
def test_every_change_is_seen(run: Path, change: Any, words: str) -> None:
    change(run)
    found = Manifest.read(run).differences(run)
    assert len(found) == 1
    assert found[0].startswith(words)


def test_any_flipped_bit_is_seen(run: Path) -> None:
    draw = random.Random(0)  # noqa: S311
    content = bytearray((run / "a.txt").read_bytes())
    for _ in range(20):
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (run / "a.txt").write_bytes(flipped)
        assert len(Manifest.read(run).differences(run)) == 1


def test_a_link_in_a_run_is_not_listed(run: Path) -> None:
    linked(run)
    with pytest.raises(InputError, match="plain files only"):
        write_manifest(run, command="privkit audit", data=DATA, versions={})


@pytest.mark.parametrize(
    "name",
    ["../a.txt", "/etc/passwd", "deep/../a.txt", "..", ".", "", "./a.txt", "deep//x", "a\\b",
     "a\x00b", "a\nb", NAME, "deep/..", "x/"],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(run: Path, name: str) -> None:
    read = json.loads((run / NAME).read_text())
    read["files"] = [{"name": name, "bytes": 0, "sha256": "0" * 64}]
    (run / NAME).write_text(json.dumps(read))
    with pytest.raises(InputError, match="does not fit its schema"):
        Manifest.read(run)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 100_000, '{"schema": "privkit-manifest/2"}', '"x"', "\xff",
     '{"schema": NaN}', "1" * 10_000, '{"a": ' * 5000],
)  # fmt: skip
def test_a_broken_manifest_is_one_line(run: Path, text: str) -> None:
    (run / NAME).write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        Manifest.read(run)
    assert len(str(caught.value)) < 800
    assert NAME in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("bytes", -1), ("bytes", True), ("sha256", "0" * 63), ("sha256", "A" * 64), ("more", 1)],
)
def test_entries_of_another_form(run: Path, key: str, value: object) -> None:
    read = json.loads((run / NAME).read_text())
    read["files"][0][key] = value
    (run / NAME).write_text(json.dumps(read))
    with pytest.raises(InputError, match="does not fit its schema"):
        Manifest.read(run)


def test_a_file_listed_twice(run: Path) -> None:
    read = json.loads((run / NAME).read_text())
    read["files"] = [read["files"][0]] * 2
    (run / NAME).write_text(json.dumps(read))
    with pytest.raises(InputError, match="lists a file twice"):
        Manifest.read(run)


def test_no_run_no_manifest(run: Path) -> None:
    with pytest.raises(InputError, match="no such run"):
        Manifest.read(run / "nowhere")
    (run / NAME).rename(run.parent / NAME)
    with pytest.raises(InputError, match="manifest is missing"):
        Manifest.read(run)
    (run / NAME).symlink_to(run.parent / NAME)
    with pytest.raises(InputError, match="manifest is missing"):
        Manifest.read(run)
