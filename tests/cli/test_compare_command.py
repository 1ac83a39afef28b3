"""``privkit compare``: what is printed and written, and its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from audit.an_audit import an_audit
from audit.run_folders import EVERYBODY, a_run

from privkit.cli.app import run


@pytest.fixture
def two(here: Path) -> Path:
    a_run(here / "before", linkability=0.3)
    a_run(here / "after")
    return here


def test_what_is_said_and_written(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "before", "after", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "NOTE: These are made-up numbers." in out
    assert "Linkability: linkage_lda, rank-1: the success rose by" in out
    assert {path.name for path in (two / "run").iterdir()} == {
        "changes.png", "report.html", "result.json", "times.json",
    }  # fmt: skip
    result = json.loads((two / "run" / "result.json").read_text(encoding="utf-8"))
    assert result["command"] == "privkit compare before after"
    assert [data["role"] for data in result["data"]] == ["first run", "second run"]


def test_fail_if_worse(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "before", "after", "--fail-if-worse"]) == 1
    assert "Gate FAILED: no attack succeeds more often" in capsys.readouterr().out
    assert run(["compare", "after", "before", "--fail-if-worse", "-q"]) == 0


def test_the_same_twice(two: Path) -> None:
    for name in ("one", "other"):
        assert run(["compare", "before", "after", "--out", name, "-q"]) == 0
    for path in (two / "one").iterdir():
        same = path.read_bytes() == (two / "other" / path.name).read_bytes()
        assert same or path.name == "times.json"


def test_hostile_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "<script>alert(1)</script>"
    for name in ("a", "b"):
        a_run(here / name, audit=an_audit(hostile=evil), people=[evil, *EVERYBODY])
    assert run(["compare", "a", "b", "--out", "run"]) == 0
    assert "<script" not in (here / "run" / "report.html").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["before"], "RUN"),
        (["before", "nowhere"], "there is no such run"),
        (["before", "."], "the manifest is missing"),
        (["before", "after", "--out", "before"], "exists already"),
    ],
)
def test_bad_input_is_one_line(
    two: Path, arguments: list[str], words: str, one_line: Callable[..., str]
) -> None:
    assert words in one_line("compare", *arguments)


def test_a_run_whose_audit_is_broken(two: Path, one_line: Callable[..., str]) -> None:
    (two / "after" / "audit.json").write_text("{}")
    assert "the audit does not fit its schema" in one_line("compare", "before", "after")
    (two / "after" / "audit.json").write_bytes((two / "before" / "audit.json").read_bytes())
    (two / "after" / "trials.csv").write_text("x")
    assert "the trials cannot be read" in one_line("compare", "before", "after")
