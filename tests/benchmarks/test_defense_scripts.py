"""The scripts that compare defenses: which attack counts as the strongest, what they write."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from jsonschema import validate

from privkit.data.face_folder import write_face_folder
from privkit.data.generated_faces import generate_faces
from privkit.data.videos.generated import generate_videos
from privkit.evaluation.intervals import share_over_people
from privkit.evaluation.trials import Trials
from privkit.models.defenses import FewBits, GaussianNoise, NoDefense, RandomizedResponse
from privkit.result import Result, result_schema

FOLDER = Path(__file__).parents[2] / "benchmarks" / "defenses"
Load = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a script as Python runs it: with its own folder on the path."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(FOLDER)):
            del sys.modules[name]


def trials(attack: str, hits: list[float], baseline: float = 0.0) -> Trials:
    n = len(hits)
    level = np.full(n, baseline)
    return Trials(attack, "right", np.arange(n), np.array(hits), level, level)


def test_the_strongest_attack_allows_for_the_choice(script: Load) -> None:
    compared = script("compared")
    weak, strong = trials("weak", [0, 0, 1, 0] * 10), trials("strong", [1, 1, 1, 0] * 10)
    alone, chosen = compared.strongest([strong]), compared.strongest([weak, strong])
    assert chosen.attack == "strong"
    assert chosen.residual == alone.residual == 0.75
    assert chosen.residual_low < alone.residual_low
    assert chosen.residual_high > alone.residual_high


def test_attacks_are_compared_by_what_they_add_to_their_baselines(script: Load) -> None:
    compared = script("compared")
    high = trials("high", [1, 1, 1, 1, 0] * 8, baseline=0.79)
    low = trials("low", [1, 0] * 20, baseline=0.1)
    assert compared.strongest([high, low]).attack == "low"


def test_seeds_are_pooled_and_people_stay_one(script: Load) -> None:
    compared = script("compared")
    first, second = trials("a", [1, 0, 1]), trials("a", [0, 0, 1])
    (both,) = compared.pooled([[first, trials("b", [1, 1, 1])], [second]])
    assert both.attack == "a"  # what one seed lacks is left out
    assert both.person.tolist() == [0, 1, 2, 0, 1, 2]
    assert both.hit.tolist() == [1, 0, 1, 0, 0, 1]
    assert compared.strongest([both]).people == 3


def compared_by(script: Load, undefended: list[float], defended: list[float]) -> list[str]:
    compared = script("compared")
    useful = share_over_people(np.ones(20), np.arange(20))
    settings = [
        compared.Setting("naming", name, name, 8, useful, {"linking": [trials("link", hits, 0.1)]})
        for name, hits in (("none", undefended), ("some", defended))
    ]
    measures = [m for setting in settings for m in setting.measures()]
    result = Result("privkit test", {}, 0, [], [], measures)
    assert compared.tables_of(result)[0].rows[1][0] == "some"
    return compared.findings_of(result)


def test_the_best_at_equal_usefulness_is_named(script: Load) -> None:
    count, front, best = compared_by(script, [1, 1, 1, 0] * 10, [0, 0, 0, 1] * 10)
    assert count.endswith("in how many of 1 comparisons: some 1; never: the undefended store.")
    assert "most useful first: some (100% right, leaks 17%" in front
    assert "some leaks least, 17%" in best


def test_where_nothing_leaks_undefended_no_defense_is_praised(script: Load) -> None:
    (only,) = compared_by(script, [0, 0, 0, 0, 1] * 6, [0, 0, 0, 0, 0] * 6)
    assert "not even the undefended store is shown to leak it" in only


def test_names_tell_the_defenses_apart(script: Load) -> None:
    label = script("compared").label_of
    assert label(FewBits(16)) == "FeatComp 16 bits"
    assert label(RandomizedResponse(16, 0.5)) == "flipped 16 bits, ε 8 (0.5 a bit)"
    assert label(GaussianNoise(0.3)) == "Gaussian noise 0.3"


def test_an_adversary_of_a_noisy_store_also_stores_without_noise(script: Load) -> None:
    faces = script("faces")
    assert faces.adversaries(NoDefense()) == [("", NoDefense())]
    noisy = GaussianNoise(0.3)
    assert faces.adversaries(noisy) == [("", noisy), ("_clean", NoDefense())]


def test_every_curve_has_settings_of_their_own_names(script: Load) -> None:
    label, curves = script("compared").label_of, script("faces").CURVES
    names = [label(one) for settings in curves.values() for one in settings]
    assert len(set(names)) == len(names)
    curves = script("videoqa").float_curves(256)
    names = [label(one) for settings in curves.values() for one in settings]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("name", "option"), [("faces", "--faces"), ("videoqa", "--data")])
def test_bad_data_is_one_line(
    script: Load, name: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = [option, str(tmp_path / "none"), "--out", str(out)]
    assert script(name).main(given + (["--task", "action"] if name == "videoqa" else [])) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len([line for line in told.err.splitlines() if "error:" in line]) == 1
    assert not out.exists()


FILES = {"result.json", "tradeoff.png"}


def kept(out: Path, name: str) -> dict:
    assert {path.name for path in out.iterdir()} == {*FILES, f"{name}.md"}
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    validate(result, result_schema())
    return result


@pytest.mark.slow
def test_a_few_faces(script: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces, out, folder = script("faces"), tmp_path / "out", tmp_path / "some where" / "few"
    folder.mkdir(parents=True)
    write_face_folder(generate_faces(people=12, photos=10), folder)
    monkeypatch.setattr(faces, "usable_cores", lambda: 1)
    monkeypatch.setitem(faces.CURVES, "FeatComp", (FewBits(8),))
    monkeypatch.setitem(faces.CURVES, "Gaussian noise", (GaussianNoise(100.0),))
    curves = ["none", "FeatComp", "Gaussian noise"]
    given = ["--faces", str(folder), "--seeds", "2", "--curve", *curves, "--out", str(out)]
    assert faces.main(given) == 0
    result = kept(out, "faces")
    assert str(tmp_path) not in (out / "faces.md").read_text(encoding="utf-8")
    useful = {
        m["where"]["defense"]: m["value"] for m in result["measures"] if m["name"] == "usefulness"
    }
    assert useful["none"] > 0.7
    assert useful["Gaussian noise"] < 0.4
    leaked = {
        (m["where"]["defense"], m["where"]["leak"]): m
        for m in result["measures"]
        if m["name"] == "leakage"
    }
    assert {leak for _, leak in leaked} == {faces.LINKED, faces.REBUILT}  # a folder has no labels
    assert leaked["none", faces.LINKED]["low"] > 0.2
    assert leaked["Gaussian noise", faces.LINKED]["low"] < 0.1
    assert leaked["none", faces.LINKED]["n"] == 2 * 6 * 2  # seeds, people never enrolled, photos
    assert leaked["none", faces.REBUILT]["n"] == 12  # of the first seed


@pytest.mark.slow
def test_a_few_videos(script: Load, tmp_path: Path) -> None:
    data, out, stores = tmp_path / "few-videos", tmp_path / "out", tmp_path / "stores"
    generate_videos(data, videos=120, processes=1)
    settings = ["training.pretraining_steps=20", "training.epochs=1", "video.frames=2"]
    given = [word for one in settings for word in ("--set", one)]
    given += ["--data", str(data), "--task", "action", "--stores", str(stores)]
    assert script("videoqa").main([*given, "--out", str(out)]) == 0
    result = kept(out, "videoqa")
    assert {m["where"].get("leak") for m in result["measures"]} - {None} == {
        "identity",
        "background",
        "side",
    }
    written = {path.stem: np.load(path, allow_pickle=False) for path in stores.rglob("*.npy")}
    table = (stores / "action" / "attributes.csv").read_text(encoding="utf-8").splitlines()
    assert table[0].startswith("video,split,")
    assert {len(values) for values in written.values()} == {len(table) - 1}
    assert written["FeatComp-10-bits"].dtype == np.uint8
    assert written["FeatComp-10-bits"].shape[1] == 10
    assert len(written) == 28
