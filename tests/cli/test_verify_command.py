"""``privkit verify``: exit codes, a line for each difference, and inputs by role."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.an_audit import HOSTILE, an_audit, some_evidence, the_trials
from audit.run_folders import EVERYBODY, a_run

from privkit.audit.findings import Audit
from privkit.cli.app import run
from privkit.features.stored import files_sha256
from privkit.report.audit_run import write_audit
from privkit.result import DataUsed


def of_files(folder: Path) -> Audit:
    """An audit whose inputs are real files: one file, and one of two shards."""
    np.save(folder / "codes.npy", np.arange(8, dtype=np.uint8))
    (folder / "shards").mkdir()
    for name in ("a", "b"):
        (folder / "shards" / f"{name}.csv").write_text(name)
    shards = files_sha256(sorted((folder / "shards").iterdir()))
    data = [
        DataUsed("codes.npy", "features", files_sha256([folder / "codes.npy"]), 8),
        DataUsed("shards", "person", shards, 8),
    ]
    return an_audit(data=data)


@pytest.fixture
def audited(here: Path) -> Path:
    return a_run(here / "run", audit=of_files(here))


def test_all_is_as_written(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "run"]) == 0
    out, err = capsys.readouterr()
    manifest = hashlib.sha256((audited / "manifest.json").read_bytes()).hexdigest()
    assert out == f"2 files are as the manifest says\nsha256 of manifest.json: {manifest}\n"
    assert err == ""


def test_a_whole_run_is_as_written(here: Path) -> None:
    (here / "whole").mkdir()
    write_audit(
        here / "whole", an_audit(), some_evidence(), the_trials(), {"a": 1.5}, people=EVERYBODY
    )
    assert run(["verify", "whole"]) == 0
    assert {path.name for path in (here / "whole").iterdir()} == {
        "audit.json", "card.md", "curves-linkability.png", "junit.xml", "manifest.json",
        "rates-inference.png", "rates-linkability.png", "rates-reconstruction.png",
        "rates-singling_out.png", "reconstructions.png", "report.html", "times.json", "trials.csv",
    }  # fmt: skip
    assert json.loads((here / "whole" / "times.json").read_text())["a"] == 1.5


def test_two_runs_differ_by_the_clock_alone(here: Path) -> None:
    for name in ("one", "two"):
        (here / name).mkdir()
        write_audit(here / name, an_audit(), some_evidence(), the_trials(), {"a": len(name)})
    (here / "two" / "times.json").write_text("{}")
    for path in (here / "one").iterdir():
        same = path.read_bytes() == (here / "two" / path.name).read_bytes()
        assert same or path.name in ("times.json", "manifest.json"), path.name


@pytest.mark.parametrize("name", [HOSTILE[n] for n in (0, 4, 7)], ids=["html", "control", "bad"])
def test_a_run_of_hostile_names_is_written_and_verified(here: Path, name: str) -> None:
    (here / "run").mkdir()
    people = [name, *EVERYBODY]
    evidence = some_evidence(people=(name, "b"))
    write_audit(here / "run", an_audit(hostile=name), evidence, the_trials(), {}, people=people)
    assert run(["verify", "run"]) == 0


def test_each_difference_is_a_line(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (audited / "trials.csv").unlink()
    (audited / "audit.json").write_text("{}")
    (audited / "new\x1b[31m\n.txt").touch()
    assert run(["verify", "run"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("audit.json: has 2 bytes, the manifest says ")
    assert lines[1] == r"new\x1b[31m .txt: was added, the manifest does not list it"
    assert lines[2] == "trials.csv: is missing"
    assert lines[3].startswith("sha256 of manifest.json: ")


@pytest.mark.parametrize(
    ("audit", "words"),
    [
        (replace(an_audit(), verdict="no leak found"), "that of its risks is 'leaks'"),
        (replace(an_audit(), risks=an_audit(linkability=0.5).risks), "value is 0.47, and"),
        (replace(an_audit(), headline=""), "does not fit its schema"),
    ],
)
def test_an_audit_that_is_not_sound(
    here: Path, audit: Audit, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest fits: it was written anew by who changed the audit."""
    a_run(here / "run", audit=audit)
    assert run(["verify", "run"]) == 1
    assert words in capsys.readouterr().out


def test_inputs_that_the_manifest_does_not_name(
    audited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read = json.loads((audited / "manifest.json").read_text())
    read["inputs"][0]["sha256"] = "0" * 64
    (audited / "manifest.json").write_text(json.dumps(read))
    assert run(["verify", "run"]) == 1
    assert "audit.json: names other inputs than the manifest\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "inputs",
    [
        ["features=codes.npy"],
        ["person=shards"],
        ["person=shards/a.csv", "person=shards/b.csv"],
        ["features=codes.npy", "person=shards"],
    ],
)
def test_inputs_as_they_were(audited: Path, inputs: list[str]) -> None:
    options = [part for item in inputs for part in ("--input", item)]
    assert run(["verify", "run", *options]) == 0


def test_inputs_that_changed(here: Path, audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "shards" / "a.csv").write_text("c")
    (here / "codes.npy").write_bytes(b"")
    inputs = ["--input", "features=codes.npy", "--input", "person=shards"]
    assert run(["verify", "run", *inputs]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "features",
        "person",
        "sha256 of manifest.json",
    ]
    assert hashlib.sha256(b"").hexdigest() in lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no such run"),
        ([], "RUN"),
        (["."], "the manifest is missing"),
        (["run", "--input", "codes.npy"], "ROLE=PATH"),
        (["run", "--input", "=codes.npy"], "ROLE=PATH"),
        (["run", "--input", "gallery=codes.npy"], "the run has no such input"),
        (["run", "--input", "features=gone.npy"], "does not exist"),
    ],
)
def test_bad_input_is_one_line(
    audited: Path, arguments: list[str], words: str, one_line: Callable[..., str]
) -> None:
    assert words in one_line("verify", *arguments)


def test_a_broken_manifest_is_bad_input(audited: Path, one_line: Callable[..., str]) -> None:
    (audited / "manifest.json").write_text("{")
    assert "the manifest cannot be read" in one_line("verify", "run")
