"""``privkit videoqa`` under a real ``torchrun`` of two processes, beside one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from small_model import MODEL, as_options

from privkit.cli.app import run
from privkit.cli.videoqa.several import SHARED
from privkit.data.videos.generated import generate_videos

SETTINGS = [
    *MODEL,
    "training.pretraining_steps=0",
    "training.batch=16",
]
TINY = as_options(SETTINGS)
SHORT = ["--set", "training.epochs=2"]
LONG = ["--set", "training.epochs=30"]
FEATCOMP, FLOATS = ["--bits", "4"], ["--baseline", "floats"]

ALONE = [sys.executable, "-m", "privkit", "videoqa"]
TWO = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    *("-m", "privkit", "videoqa"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_videos(folder, videos=40, processes=1)
    return folder


def started(
    words: list[str], *arguments: object, cache: Path, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command with a cache of its own, so that nothing is taken from another's."""
    line = [*words, *map(str, arguments), "--device", "cpu"]
    environment = {**os.environ, "PRIVKIT_CACHE": str(cache)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == fails, done.stderr
    return done


def counts(folder: Path) -> list[tuple[dict[str, Any], int, int]]:
    """Of each split and answer type: the questions, and those that are answered right."""
    measures = json.loads((folder / "result.json").read_text())["measures"]
    return [(m["where"], m["n"], m["successes"]) for m in measures if m["name"] == "accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FEATCOMP, FLOATS])
def test_two_processes_train_and_answer_as_one(data: Path, here: Path, kind: list[str]) -> None:
    # Slowly, so that rounding never decides an answer.
    rates = ["learning_rate", "bottleneck_learning_rate", "fine_tuning_learning_rate"]
    still = [part for name in rates for part in ("--set", f"training.{name}=1e-5")]
    options = ["train", "--data", data, "--task", "frameqa", *kind, *TINY, *SHORT, *still]
    started(ALONE, *options, "--out", "one", cache=here / "a")
    done = started(TWO, *options, "--out", "two", cache=here / "b")
    assert done.stdout.count("report: ") == 1
    assert counts(here / "one") == counts(here / "two")
    bad = [*options, "--videos", "absent", "--out", "three"]
    failed = started(TWO, *bad, cache=here / "b", fails=True)
    assert failed.stderr.count("privkit: error: ") == 1


@pytest.mark.slow
def test_two_processes_learn_as_well_as_one_at_the_usual_learning_rate(
    data: Path, here: Path
) -> None:
    """The answers may be others: sums in another order are rounded otherwise, and a training goes
    on from the difference. So each question is counted once, and the accuracy of two processes is
    no farther from that of one than accuracies of one process with other seeds are from each other.
    """
    options = ["train", "--data", data, "--task", "frameqa", *FLOATS, *TINY, *LONG]
    for seed in range(4):
        started(ALONE, *options, "--seed", seed, "--out", f"one-{seed}", cache=here / "a")
    started(TWO, *options, "--seed", 0, "--out", "two", cache=here / "b")
    one = [counts(here / f"one-{seed}") for seed in range(4)]
    two = counts(here / "two")
    assert [(where, n) for where, n, _ in two] == [(where, n) for where, n, _ in one[0]]
    asked = [json.loads(line) for line in (data / "questions.jsonl").read_text().splitlines()]
    for number, (where, n, right) in enumerate(two):
        if where["answer type"] != "all":
            continue
        of = [q for q in asked if (q["task"], q["split"]) == ("frameqa", where["split"])]
        assert n == len(of)
        seeds = [found[number][2] for found in one]
        usual = max(abs(a - b) for a, b in combinations(seeds, 2))
        assert abs(right - seeds[0]) <= usual, (where, right, seeds)


@pytest.mark.slow
def test_two_processes_evaluate_to_the_counts_of_one(data: Path, here: Path) -> None:
    options = ["--data", data, "--task", "frameqa", *FEATCOMP, *TINY, *LONG, "--out", "run"]
    started(ALONE, "train", *options, cache=here / "a")
    for clips in ("1x", "4x"):
        given = ["evaluate", "run", "--data", data, "--clips", clips, "--out"]
        started(ALONE, *given, f"one-{clips}", cache=here / "a")
        # An empty cache: the first process computes the features, the other one finds them.
        done = started(TWO, *given, f"two-{clips}", cache=here / "b")
        assert done.stdout.count("report: ") == 1
        found = counts(here / f"two-{clips}")
        assert found == counts(here / f"one-{clips}")
        assert found[0][1] > found[0][2] > 0
        one, two = (
            json.loads((here / f"{n}-{clips}/result.json").read_text()) for n in ("one", "two")
        )
        assert one["measures"] == two["measures"]
    failed = started(TWO, *given, "bad", "--videos", "absent", cache=here / "b", fails=True)
    assert failed.stderr.count("privkit: error: ") == 1
    assert not (here / "bad").exists()


OTHERS = ["check", "generate", "supervision", "sweep", "transfer", "words", "maps", "tiny"]


@pytest.mark.slow
def test_torchrun_of_another_command_fails_with_one_line(data: Path, here: Path) -> None:
    failed = started(TWO, "encode", "run", "--data", data, cache=here, fails=True)
    (line,) = [s for s in failed.stderr.splitlines() if "privkit: error: " in s]
    assert "videoqa encode does not share its work over processes" in line


@pytest.mark.parametrize("name", [*OTHERS, "encode"])
def test_commands_that_share_nothing_refuse_torchrun(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch, one_line, capsys
) -> None:
    """Whatever else is given; the second process keeps silent, and the first says why."""
    for variable, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(variable, value)
    line = one_line("videoqa", name, "given")
    assert f"videoqa {name} does not share its work" in line
    assert "found: 2 processes; remedy: run it without torchrun" in line
    monkeypatch.setenv("RANK", "1")
    assert run(["videoqa", name, "given"]) == 0
    assert capsys.readouterr() == ("", "")
    assert not list(here.iterdir())


def test_one_process_of_torchrun_or_of_a_scheduler_is_none_of_several(
    here: Path, monkeypatch: pytest.MonkeyPatch, one_line
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "torchrun" not in one_line("videoqa", "check", "absent")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert "torchrun" not in one_line("videoqa", "check", "absent")


def test_every_command_is_shared_or_refused() -> None:
    from privkit.cli.videoqa import app

    names = {command.name for command in app.registered_commands}
    assert names == {*OTHERS, "encode", *SHARED}
