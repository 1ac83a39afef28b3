"""Tasks: into the budget, and from where a killed run stood."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from privkit.audit.code import add_sources, code_sha256
from privkit.audit.findings import Curve
from privkit.audit.tasks import Task, Tried, run_tasks
from privkit.evaluation.trials import Trials
from privkit.result import Table


def tried(value: float = 0.5) -> Tried:
    level = np.full(3, value)
    trials = Trials("a", "m", np.array([0, 1, 1]), level, level, level, np.array([1.0, 2.0, 3.0]))
    return Tried(
        {"linkability": [trials]},
        {"linkability": ["a note"]},
        {"linkability": [Table("t", ["x"], [["1"]], "n")]},
        {"linkability": [Curve("rank", "a", [1.0], [0.5], [0.1], "k", "share")]},
        {"decoder": np.zeros((2, 4), np.float32)},
        {"decoder": np.array([True, False])},
    )


def task(name: str, log: list[str], seconds: float = 1.0) -> Task:
    def run() -> Tried:
        log.append(name)
        return tried()

    return Task(name, ("linkability",), seconds, run)


def silent(_step: str, _done: int, _total: int) -> None:
    pass


def test_what_does_not_fit_the_budget_is_left_out() -> None:
    log: list[str] = []
    now = iter(range(0, 1000, 3))
    tasks = [task("a", log), task("long", log, 100.0), task("b", log)]
    done, left = run_tasks(
        tasks, key={}, folder=None, budget=20.0, tick=silent, clock=lambda: float(next(now))
    )
    assert log == ["a", "b"] == list(done)
    assert [missed.task.name for missed in left] == ["long"]
    assert "budget" in left[0].why


def test_what_other_code_found_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    for code in ("one", "one", "other"):
        monkeypatch.setattr("privkit.audit.tasks.code_sha256", lambda code=code: code)
        run_tasks([task("a", log)], key={}, folder=tmp_path, budget=9.0, tick=silent)
    assert log == ["a", "a"]


def test_the_code_is_every_source_by_name_and_content(tmp_path: Path) -> None:
    def digest() -> str:
        found = hashlib.sha256()
        add_sources(found, tmp_path)
        return found.hexdigest()

    (tmp_path / "deep").mkdir()
    seen = {digest()}
    for path, text in (("a.py", "x"), ("a.py", "y"), ("deep/b.py", "x"), ("deep/c.py", "")):
        (tmp_path / path).write_text(text)
        seen.add(digest())
    assert len(seen) == 5
    (tmp_path / "a.txt").write_text("not code")
    (tmp_path / "deep/c.py").rename(tmp_path / "deep/d.py")
    assert digest() not in seen
    assert len(code_sha256()) == 64


def test_a_task_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    def fail() -> Tried:
        raise ValueError("the encoder\ngave NaN")

    log: list[str] = []
    broken = Task("b", ("reconstruction",), 1.0, fail)
    done, missed = run_tasks(
        [task("a", log), broken, task("c", log)],
        key={}, folder=tmp_path, budget=9.0, tick=silent,
    )  # fmt: skip
    assert list(done) == ["a", "c"]
    assert [m.why for m in missed] == ["it failed: ValueError: the encoder gave NaN"]


def test_finished_tasks_are_not_run_again_and_come_back_whole(tmp_path: Path) -> None:
    log: list[str] = []

    def once(budget: float) -> dict[str, Tried]:
        done, _ = run_tasks(
            [task("a", log), task("b", log)],
            key={"data": "x"}, folder=tmp_path, budget=budget, tick=silent,
        )  # fmt: skip
        return done

    first = once(100.0)
    again = once(0.0)  # what is kept costs nothing
    assert log == ["a", "b"]
    for name in ("a", "b"):
        one, two = first[name], again[name]
        assert np.array_equal(
            one.trials["linkability"][0].weight, two.trials["linkability"][0].weight
        )
        assert two.notes == {"linkability": ["a note"]}
        assert two.tables == one.tables
        assert two.curves == one.curves
        assert np.array_equal(two.recognised["decoder"], [True, False])


def test_a_run_killed_within_a_task_keeps_those_before(tmp_path: Path) -> None:
    log: list[str] = []

    def die() -> Tried:
        raise KeyboardInterrupt

    killed = [task("a", log), Task("b", ("linkability",), 1.0, die)]
    with pytest.raises(KeyboardInterrupt):
        run_tasks(killed, key={}, folder=tmp_path, budget=9.0, tick=silent)
    run_tasks([task("a", log), task("b", log)], key={}, folder=tmp_path, budget=9.0, tick=silent)
    assert log == ["a", "b"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut", b"\x80\x04."])
def test_a_damaged_outcome_is_tried_again(tmp_path: Path, damage: bytes) -> None:
    log: list[str] = []
    for _ in range(2):
        run_tasks([task("a", log)], key={}, folder=tmp_path, budget=9.0, tick=silent)
        (kept,) = tmp_path.rglob("*.npz")
        kept.write_bytes(damage)
    assert log == ["a", "a"]


def test_another_input_shares_nothing(tmp_path: Path) -> None:
    log: list[str] = []
    for data in ("x", "y"):
        run_tasks([task("a", log)], key={"d": data}, folder=tmp_path, budget=9.0, tick=silent)
    assert log == ["a", "a"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_nobody_else_can_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "audits"
    old = os.umask(0)
    try:
        run_tasks([task("a", [])], key={}, folder=folder, budget=9.0, tick=silent)
    finally:
        os.umask(old)
    (place,) = folder.iterdir()
    (kept,) = place.iterdir()
    assert [path.stat().st_mode & 0o777 for path in (folder, place, kept)] == [0o700, 0o700, 0o600]
    place.chmod(0o755)  # as an earlier version left it
    folder.chmod(0o755)  # may hold more than the audits: it is left as it is
    run_tasks([task("a", [])], key={}, folder=folder, budget=9.0, tick=silent)
    assert [path.stat().st_mode & 0o777 for path in (folder, place)] == [0o755, 0o700]


def test_pictures_of_the_material_are_shown_and_not_kept(tmp_path: Path) -> None:
    original = np.full((2, 4), 0.25, np.float32)
    log: list[str] = []
    one = replace(task("a", log), shown={"original": original})
    for _ in range(2):
        done, _ = run_tasks([one], key={}, folder=tmp_path, budget=9.0, tick=silent)
        assert list(done["a"].pictures) == ["original", "decoder"]
        assert np.array_equal(done["a"].pictures["original"], original)
    assert log == ["a"]
    (kept,) = tmp_path.rglob("*.npz")
    with np.load(kept) as file:
        held = [file[name] for name in file.files if name.startswith("pictures")]
    assert len(held) == 1
    assert not held[0].any()
