"""``privkit audit`` from its command line: what it writes, and what it says of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from audit.stores import store

from privkit.audit.policy import default_policy_text
from privkit.audit.stored import audit_schema
from privkit.cli.app import run

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Codes of 12 people, 4 records each, that name them; one has a hostile name."""
    material = store(1.0, people=12, records=4)
    np.save(tmp_path / "codes.npy", (material.features > 0).astype(np.uint8))
    names = [HOSTILE if p == 3 else f"person {p}" for p in material.owners]
    (tmp_path / "people.csv").write_text("\n".join(["who", *names]) + "\n")
    return tmp_path


def audit(folder: Path, *more: object) -> int:
    command = ["audit", "--features", folder / "codes.npy", "--person", folder / "people.csv"]
    return run([str(word) for word in (*command, "--out", folder / "run", "--quiet", *more)])


def test_a_run_holds_page_json_junit_card_trials_and_manifest(
    linked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(linked) == 1
    folder = linked / "run"
    found = json.loads((folder / "audit.json").read_text())
    jsonschema.validate(found, audit_schema())
    assert found["verdict"] == "leaks"
    assert found["exit_code"] == 1
    assert str(linked) not in (folder / "audit.json").read_text()
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "junit.xml", "card.md", "trials.csv", "manifest.json"} <= names
    assert "<script" not in (folder / "report.html").read_text()
    assert HOSTILE in (folder / "trials.csv").read_text()
    capsys.readouterr()
    assert run(["verify", str(folder)]) == 0
    (folder / "card.md").write_text("all is well")
    assert run(["verify", str(folder)]) == 1


def test_json_is_alone_on_standard_output(linked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(linked, "--json") == 1
    assert json.loads(capsys.readouterr().out)["schema"] == "privkit-audit/1"


def test_the_default_policy_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "--show-policy"]) == 0
    assert capsys.readouterr().out == default_policy_text()


def test_two_runs_are_compared(linked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(linked)
    (linked / "policy.toml").write_text("large_leak = 0.8\n[limits]\nlinkability = 0.6\n")
    audit(linked, "--policy", linked / "policy.toml", "--out", linked / "other")
    capsys.readouterr()
    code = run(["compare", str(linked / "run"), str(linked / "other"), "--out", str(linked / "c")])
    assert code == 0
    assert "limits" in capsys.readouterr().out


def test_bad_input_is_one_line(linked: Path, tmp_path: Path, one_line: Callable[..., str]) -> None:
    codes, people = linked / "codes.npy", linked / "people.csv"
    assert "--features" in one_line("audit")
    assert "does not exist" in one_line("audit", "--features", tmp_path / "none.npy")
    (tmp_path / "short.csv").write_text("who\na\nb\n")
    line = one_line("audit", "--features", codes, "--person", tmp_path / "short.csv")
    assert "48" in line
    assert "2 values" in line
    (tmp_path / "nan.npy").write_bytes(b"")
    np.save(tmp_path / "nan.npy", np.full((4, 3), np.nan))
    assert "not a finite number" in one_line("audit", "--features", tmp_path / "nan.npy")
    base = ("audit", "--features", codes, "--person", people)
    assert "policy" in one_line(*base, "--policy", tmp_path / "none.toml")
    assert "very records that are attacked" in one_line(
        *base, "--gallery", codes, "--gallery-person", people
    )
    assert "people in the store" in one_line(*base, "--public", codes, "--public-person", people)
    assert "goes with --images" in one_line(*base, "--encoder", "os:getcwd")
    assert "one picture for each record" in one_line(*base, "--images", "generated")
    assert "HEIGHTxWIDTH" in one_line(*base, "--image-size", "big")
    np.save(tmp_path / "other.npy", np.zeros((5, 3), np.uint8))
    line = one_line(*base, "--gallery", tmp_path / "other.npy", "--gallery-person", people)
    assert "not like those of the store" in line
    (tmp_path / "members.csv").write_text("m\n" + "perhaps\n" * 48)
    assert "row 0" in one_line(*base, "--members", tmp_path / "members.csv")


def test_an_earlier_run_is_not_overwritten(linked: Path, one_line: Callable[..., str]) -> None:
    (linked / "run").mkdir()
    line = one_line("audit", "--features", linked / "codes.npy", "--out", linked / "run")
    assert "exists already" in line


def test_people_that_are_not_known_leave_the_audit_without_an_answer(linked: Path) -> None:
    code = run([
        "audit", "--features", str(linked / "codes.npy"), "--out", str(linked / "run"), "--quiet",
    ])  # fmt: skip
    assert code == 3
