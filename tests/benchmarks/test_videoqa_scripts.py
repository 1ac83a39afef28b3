"""The scripts that time the VideoQA stack, and those that run it on real video, at a tiny size."""

from __future__ import annotations

import csv
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from jsonschema import validate
from scipy import stats

from privkit.data.questions.record import Question, QuestionSet
from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.encode import write_mp4
from privkit.data.videos.scene import scene_of
from privkit.result import result_schema

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = ["training.pretraining_steps=0", "training.epochs=1", "video.frames=1"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a script as Python runs it: with its own folder on the path."""
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        path = BENCHMARKS / name
        monkeypatch.syspath_prepend(str(path.parent))
        return importlib.import_module(path.name)

    yield load
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(BENCHMARKS)):
            del sys.modules[name]


Load = Callable[[str], ModuleType]


def test_the_cost_of_featcomp_is_reported(script: Load, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--rounds", "6", "--steps", "1", "--batch", "2", "--out", str(out)]
    code = script("speed/featcomp").main(arguments)
    report = json.loads((out / "featcomp.json").read_text(encoding="utf-8"))
    assert code == (0 if report["passed"] else 1)
    assert [row["contender"] for row in report["rows"]] == ["without", "FeatComp", "without, again"]
    assert all(row["ms_per_step"] > 0 for row in report["rows"])
    assert report["rows"][0]["ratio"] == 1
    assert report["cost"] == pytest.approx(report["rows"][1]["ratio"] - 1)
    assert report["command"].endswith("featcomp.py --rounds 6 --steps 1 --batch 2")
    assert str(tmp_path) not in (out / "featcomp.md").read_text(encoding="utf-8")


def test_too_few_rounds_have_no_interval(script: Load, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("speed/featcomp", "speed/videoqa"):
        with pytest.raises(SystemExit) as stopped:
            script(name).main(["--rounds", "5"])
        assert stopped.value.code == 2
        assert "at least 6" in capsys.readouterr().err


def test_the_interval_of_a_median_covers_what_it_says(script: Load) -> None:
    interval = script("speed/featcomp").median_interval
    for n in range(6, 80):
        low, high = interval(list(range(1, n + 1)))
        # P(the low-th smallest <= median <= the high-th smallest), exactly.
        covered = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
        narrower = stats.binom.cdf(high - 2, n, 0.5) - stats.binom.cdf(low, n, 0.5)
        assert covered >= 0.95 > narrower, n


def test_a_model_with_featcomp_is_the_other_and_a_bottleneck(script: Load) -> None:
    featcomp = script("speed/featcomp")
    configuration = featcomp.load_configuration("small")
    shape = replace(featcomp.SHAPES["small"], questions=2)
    variants = [
        featcomp.Variant(featcomp.METHODS[m], b) for m, b in (("floats", None), ("featcomp", 10))
    ]
    without, with_it = (featcomp.Contender(configuration, shape, v, 0).model for v in variants)
    names = set(with_it.state_dict()) - set(without.state_dict())
    assert {name.partition(".")[0] for name in names} == {"stored"}
    for name, value in without.state_dict().items():
        assert value.equal(with_it.state_dict()[name])


def test_waiting_and_computing_are_told_apart(script: Load) -> None:
    def slow(parts: Iterator[int]) -> Iterator[int]:
        for part in parts:
            time.sleep(0.02)
            yield part

    watch = script("speed/videoqa").Watch(slow)
    for _ in watch.batches(iter(range(4))):
        time.sleep(0.01)
    assert (len(watch.waited), len(watch.computed)) == (4, 4)
    assert min(watch.waited) >= 0.019
    assert min(watch.computed) >= 0.009


def test_the_share_of_compute_lies_in_its_interval(script: Load) -> None:
    interval = script("speed/videoqa").share_interval
    draw = np.random.default_rng(0)
    computed, waited = draw.uniform(0.8, 1.0, 50), draw.uniform(0.0, 0.2, 50)
    low, high = interval(waited, computed, 0)
    assert low < computed.sum() / (computed + waited).sum() < high
    assert interval(np.zeros(5), np.ones(5), 0) == (1, 1)


def test_reading_and_training_are_timed(script: Load, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--videos", "20", "--rounds", "6", "--steps", "2", "--end-to-end"]
    arguments += ["--workers", "0", "--set", "video.frames=1", "training.batch=4"]
    code = script("speed/videoqa").main([*arguments, "--out", str(out)])
    report = json.loads((out / "videoqa.json").read_text(encoding="utf-8"))
    assert code == (0 if report["passed"] else 1)
    ratios = {row["contender"]: row["ratio"] for row in report["reading"]}
    assert ratios["read cached features"] == 1
    assert all(ratio > 1 for name, ratio in ratios.items() if name.startswith("decode"))
    assert [row["from"] for row in report["training"]] == [
        "cached features",
        "frames (--end-to-end)",
    ]
    for row in report["training"]:
        assert row["steps"] == 2
        assert 0 < row["compute_low"] <= row["compute"] <= row["compute_high"] <= 1
    assert len(report["checks"]) == 3
    assert str(tmp_path) not in (out / "videoqa.md").read_text(encoding="utf-8")


def test_bad_data_is_one_line(
    script: Load,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PRIVKIT_DATA", raising=False)
    out = str(tmp_path / "out")
    for name, arguments in (
        ("speed/videoqa", ["--data", str(tmp_path / "none")]),
        ("paper/fight_surv", ["--out", out]),
        ("paper/fight_surv", ["--data", str(tmp_path), "--out", out]),
        ("paper/real_questions", ["--out", out]),
    ):
        assert script(name).main(arguments) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert len([line for line in told.err.splitlines() if "error:" in line]) == 1
        assert "Traceback" not in told.err
    assert not Path(out).exists()


def questions_about(clips: int, share: float = 0.5) -> QuestionSet:
    """A question a clip."""
    made = [
        Question(f"c{n}", f"c{n}", "yesno", "train", "?", "yes" if n < share * clips else "no")
        for n in range(clips)
    ]
    return QuestionSet("made up", "yesno", tuple(made), {})


@pytest.mark.parametrize(("clips", "share"), [(200, 0.5), (23, 0.3), (10, 0.5)])
def test_every_clip_is_tested_once_in_stratified_folds(
    script: Load, clips: int, share: float
) -> None:
    module = script("paper/fight_surv")
    questions = questions_about(clips, share)
    tested: list[str] = []
    for fold in range(5):
        split = module.in_fold(questions, fold, 0)
        by_split = {
            name: {q.video for q in split.split(name)} for name in ("train", "validation", "test")
        }
        assert sum(map(len, by_split.values())) == clips
        tested += by_split["test"]
        answers = Counter(q.answer for q in split.split("test"))
        for answer in ("yes", "no"):
            whole = sum(q.answer == answer for q in questions.questions)
            assert whole // 5 <= answers[answer] <= -(-whole // 5)
        assert abs(len(by_split["test"]) - clips / 5) < 1
    assert sorted(tested) == sorted(q.video for q in questions.questions)


def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_clips(script: Load) -> None:
    folds = script("paper/fight_surv").folds_of
    questions = questions_about(40).questions
    assert folds(questions, 0) == folds(questions[::-1], 0)
    assert folds(questions, 0) != folds(questions, 1)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder like that of the surveillance clips, drawn."""
    for name, first in (("fight", 0), ("noFight", 100)):
        folder = tmp_path / "drawn" / name
        folder.mkdir(parents=True)
        for n in range(6):
            write_mp4(folder / f"{name}{n}.mp4", draw_scene(scene_of(0, first + n)))
    (tmp_path / "drawn" / "fight" / "fight5.mp4").write_bytes(b"")
    return tmp_path / "drawn"


@pytest.mark.slow
def test_cross_validation_on_drawn_clips(
    script: Load, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    module = script("paper/fight_surv")
    guess, seeds = module.guess, []

    def remembered(*arguments: object, seed: int) -> object:
        seeds.append(seed)
        return guess(*arguments, seed=seed)

    monkeypatch.setattr(module, "guess", remembered)
    settings = [*TINY, "training.batch=4"]
    assert module.main(["--data", str(clips), "--out", str(out), "--set", *settings]) == 0
    assert {p.name for p in out.iterdir()} == {"result.json", "fight_surv.md", "answers.csv"}
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    validate(result, result_schema())
    found = {
        m["where"]["variant"]: m
        for m in result["measures"]
        if m["name"] == "accuracy" and m["where"]["answer type"] == "all"
    }
    assert list(found) == [
        "FeatComp 1 bit",
        "FeatComp 10 bits",
        "Floats",
        "Random guess",
        "Floats, backbone as drawn",
    ]
    assert len(set(seeds)) == 5  # with one seed every fold is guessed alike
    assert {m["n"] for m in found.values()} == {11}  # the empty file is left out, and said
    assert any("1 clips were left out: fight5" in w for w in result["warnings"])
    assert any("no claim" in w for w in result["warnings"])
    with (out / "answers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for label, measure in found.items():
        assert sum(int(row[f"{label}: right"]) for row in rows) == measure["successes"]
    for file in out.iterdir():
        assert str(tmp_path) not in file.read_text(encoding="utf-8")


def test_videos_are_dealt_out_where_none_trains(script: Load) -> None:
    module = script("paper/real_questions")
    five = questions_about(5)
    assert module.with_splits(five, 0) is five
    tests = five.with_questions([replace(q, split="test") for q in five.questions])
    dealt = Counter(q.split for q in module.with_splits(tests, 0).questions)
    assert dealt == {"train": 3, "validation": 1, "test": 1}


@pytest.mark.slow
def test_real_questions_go_all_the_way(script: Load, real_data: Path, tmp_path: Path) -> None:
    if not (real_data / "videos" / "msvd_5").is_dir():
        pytest.skip("PRIVKIT_DATA does not hold videos/msvd_5")
    out = tmp_path / "out"
    assert script("paper/real_questions").main(["--out", str(out), "--set", *TINY]) == 0
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert (
        "147 ask about the 5 videos that are there; 147 of these were answered"
        in (result["findings"][0])
    )
    assert any("says nothing" in w for w in result["warnings"])
    assert len((out / "videos.txt").read_text(encoding="utf-8").split()) == 17
    assert np.load(out / "codes.npy", allow_pickle=False).shape == (17, 2)
