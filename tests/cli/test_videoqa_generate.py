"""``privkit videoqa generate``."""

from __future__ import annotations

import json

import pytest

from privkit.cli.app import run
from privkit.data.videos.generated import NOTICE


def test_a_set_is_written(tmp_path, capsys):
    out = tmp_path / "set"
    assert run(["videoqa", "generate", str(out), "--videos", "10", "--seed", "3"]) == 0
    printed = capsys.readouterr()
    assert "10 videos" in printed.out
    assert str(out) in printed.out
    assert NOTICE in printed.err
    assert len(list((out / "videos").iterdir())) == 10
    lines = (out / "questions.jsonl").read_text().splitlines()
    assert len(lines) == 80
    assert {json.loads(line)["split"] for line in lines} == {"train", "validation", "test"}
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_quiet_prints_the_folder(tmp_path, capsys):
    out = tmp_path / "set"
    assert run(["videoqa", "generate", str(out), "--videos", "1", "--quiet"]) == 0
    assert capsys.readouterr().out.split() == [str(out)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--videos", "0"], "--videos"),
        (["--videos", "many"], "--videos"),
        (["--videos", "1000001"], "--videos"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_options_are_one_line(tmp_path, one_line, arguments, words):
    assert words in one_line("videoqa", "generate", tmp_path / "set", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused(tmp_path, one_line):
    assert "exists already" in one_line("videoqa", "generate", tmp_path)


def test_a_parent_that_is_a_file_is_refused(tmp_path, one_line):
    (tmp_path / "file").write_text("")
    assert "cannot be created" in one_line("videoqa", "generate", tmp_path / "file" / "set")
