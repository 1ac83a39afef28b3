"""The scripts below benchmarks/audit and the audit's speed: what they compute, on tiny settings."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from privkit.audit.tasks import Tried
from privkit.data.face_folder import write_face_folder
from privkit.data.generated_faces import generate_faces
from privkit.evaluation.trials import Trials

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> object:
    """Import a script as it is when Python runs it: beside its own helpers."""

    def imported(name: str) -> ModuleType:
        folder, _, module = name.rpartition("/")
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / folder))
        monkeypatch.delitem(sys.modules, module, raising=False)
        return importlib.import_module(module)

    return imported


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script as its command line says, on this checkout."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def sides(report: ModuleType, **hits: list[float]) -> list[object]:
    """A side for each attack, 2 trials of each person; privkit's are called ``ours…``."""
    side = sys.modules["peers_side"].Side
    person = np.repeat(np.arange(len(next(iter(hits.values()))) // 2), 2)
    nothing = np.zeros(len(person))
    return [
        side(
            Trials(name, "rank-1", person, np.array(hit), nothing, nothing),
            seconds=1.0,
            ours=name.startswith("ours"),
        )
        for name, hit in hits.items()
    ]


def test_peers_compares_the_strongest_of_either_side(script) -> None:
    report = script("audit/peers_report")
    weak, strong = [0.0] * 40, [1.0, 0.0] * 20
    found = report.compared(sides(report, ours_a=weak, ours_b=strong, peer_a=weak, peer_b=weak))
    assert (found.ours.attack, found.ours.value) == ("ours_b", 0.5)
    assert found.change.difference.value == 0.5
    assert found.verdict == "stronger"
    assert found.total(ours=True) == found.total(ours=False) == 2.0
    found = report.compared(sides(report, ours_a=strong, peer_a=strong))
    assert found.change.difference.value == 0.0
    assert found.verdict == "no difference shown"


def test_peers_fails_where_privkit_is_weaker_and_says_so(script) -> None:
    report = script("audit/peers_report")
    worse = report.compared(sides(report, ours=[0.0] * 40, peer=[1.0, 0.0] * 20))
    assert worse.verdict == "weaker"
    options = argparse.Namespace(faces="a/folder", people=9, seeds=1, steps=2, part=None,
                                 level=["16 bits"])  # fmt: skip
    result = report.tabulated({("linkage", "16 bits", "rank-1"): worse}, {}, options)
    assert result.exit_code == 1
    assert "weaker in 1" in result.findings[0]
    assert "-50.0 points" in result.findings[1]
    assert "--level '16 bits'" in result.command
    assert "a/folder" not in result.command
    small = [0.0] * 40
    one_hit = [1.0] + [0.0] * 39  # one trial of 20 people more: too little to tell
    near = report.compared(sides(report, ours=small, peer=one_hit))
    assert near.change.difference.value < 0
    assert near.verdict == "no difference shown"


def test_peers_parts_of_people_add_up_to_a_weighted_rate(script) -> None:
    report = script("audit/peers_report")
    rng = np.random.default_rng(0)
    n = 60
    nothing = np.zeros(n)
    weighted = Trials("a", "m", rng.integers(5, 17, n), rng.random(n), nothing, nothing,
                      rng.random(n) + 0.1)  # fmt: skip
    assert report.by_person(weighted).mean() == pytest.approx(weighted.mean())


def test_peers_gives_art_the_distance_to_what_is_stored(script) -> None:
    pytest.importorskip("art")
    pictures = script("audit/peers_pictures")
    torch = importlib.import_module("torch")
    from privkit.models.face_net import FaceNet

    torch.manual_seed(0)
    network = FaceNet(30, 3).eval()
    pixels = np.random.default_rng(0).uniform(-1, 1, (4, 30)).astype(np.float32)
    stored = network.store(pixels)
    model = pictures.OfFeatures(network, stored[::-1].copy())
    scores = model(torch.from_numpy(pixels)).detach().numpy()
    distance = ((stored - stored[::-1]) ** 2).mean(1)
    np.testing.assert_allclose(scores[:, 0], 1 - distance, atol=1e-6)
    assert (distance > 1e-3).all()
    assert not scores[:, 1].any()


def test_peers_are_asked_about_people_that_they_have_not_seen(script) -> None:
    pytest.importorskip("art")
    records = script("audit/peers_records")
    fold = np.repeat(np.arange(3), 4)
    seen: list[set[int]] = []

    def guess(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
        seen.append(set(known[:, 0].tolist()) & set(asked[:, 0].tolist()))
        return np.full(len(asked), labels[0])

    features = np.repeat(np.arange(6), 2)[:, None].astype(np.float32)  # the person
    labels = np.array([7] * 4 + [8] * 8)
    out = records.cross_fitted(guess, features, labels, fold)
    assert seen == [set()] * 3
    assert out.tolist() == [8] * 4 + [7] * 8


def test_peers_says_what_is_wrong_in_one_line(
    script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("art")
    peers = script("audit/peers")
    words = ["--faces", str(tmp_path / "none"), "--part", "linkage", "--out", str(tmp_path / "o")]
    for needs_art in (False, True):
        if needs_art:
            monkeypatch.setitem(sys.modules, "art.attacks.inference", None)
        assert peers.main(words) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert ("privkit[bench]" if needs_art else "there is no such face folder") in said.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("leak", "seed"), [("none", 0), ("large", 0), ("large", 4)])
def test_simulated_stores_have_the_leak_that_is_claimed(script, leak: str, seed: int) -> None:
    calibration = script("audit/calibration")
    job = calibration.Job(leak, seed, 400)
    store = calibration.simulated(job)
    codes = store.features.reshape(400, -1, store.features.shape[1])
    same = (codes == codes[:, :1]).all((1, 2))
    assert same.mean() == pytest.approx(job.share, abs=0.08)
    value = (store.sensitive["attribute"].reshape(400, -1)[:, 0] == "yes")[same]
    assert ((codes[same][:, 0, :3] > 0) == value[:, None]).all()


def test_a_partial_leak_is_in_part_of_the_records(script) -> None:
    calibration = script("audit/calibration")
    job = calibration.Job("partial", 3, 400, records=3)
    codes = calibration.simulated(job).features.reshape(400, 3, -1)
    alike = [(codes[:, a] == codes[:, b]).all(1).mean() for a, b in ((0, 1), (0, 2), (1, 2))]
    depth = calibration.DEPTH["partial"]
    assert np.mean(alike) == pytest.approx(job.share * depth**2, abs=0.05)


def test_verdicts_are_wrong_where_the_truth_of_their_share_says_so(script) -> None:
    calibration = script("audit/calibration")
    pd = importlib.import_module("pandas")
    rows = pd.DataFrame({
        "store": "60 × 4", "leak": "small", "risk": "linkability", "attack": "a",
        "share": [0.1, 0.1, 0.4, 0.4], "seed": range(4), "true residual": [0.05, 0.05, 0.4, 0.4],
        "verdict": ["leaks", "no leak found", "leaks", "no leak found"],
        "detectable": [0.3, 0.3, 0.3, None],
    })  # fmt: skip
    stores = calibration.judged(rows)
    assert stores["false leak"].tolist() == [True, False, False, False]
    assert stores["blind"].tolist() == [False, False, False, True]
    assert calibration.said_of_inference(stores) == []
    (said,) = calibration.said_of_inference(stores.assign(risk="inference"))
    assert "was said of 1 of 2 without a leak above the limit, and of 1 of 2 others" in said


def test_true_rates_are_those_of_the_other_stores(script) -> None:
    calibration = script("audit/calibration")
    pd = importlib.import_module("pandas")
    few = pd.DataFrame({"store": "60 × 4", "leak": "small", "share": [0.1, 0.1, 0.1, 0.2, 0.2],
                        "risk": "r", "attack": "a", "value": [0.0, 0.3, 0.6, 1.0, 0.8],
                        "residual": [0.0, 0.1, 0.2, 1.0, 0.8]})  # fmt: skip
    many = few.assign(store="600 × 1", value=1 - few["value"])
    found = calibration.with_truth(pd.concat([few, many]))
    truth = np.array([0.45, 0.3, 0.15, 0.8, 1.0])
    assert found["truth"].tolist() == pytest.approx([*truth, *(1 - truth)])


def test_stores_of_many_people_have_one_record_each_and_are_attacked_by_inference(script) -> None:
    calibration = script("audit/calibration")
    job = calibration.Job("near", 1, 300, records=1)
    assert job.share == 0.13
    assert job.store == "300 × 1"
    rows = calibration.audited(job)
    assert {row["risk"] for row in rows} == {"inference"}
    assert {row["attack"].split(",")[0] for row in rows} == {
        "inference_linear", "inference_discriminant", "inference_table",
    }  # fmt: skip


def test_stores_with_known_answers_are_what_they_say(script) -> None:
    faces = script("audit/audit_faces")
    own = generate_faces(people=4, photos=4, size=(16, 16))
    constant, random, pixels = (faces.stored(own, level, 0) for level in faces.KNOWN_ANSWERS)
    assert np.ptp(constant.features) == 0
    assert set(np.unique(random.features)) == {-1.0, 1.0}
    assert len(np.unique(random.encoder.store(own.pixels()[:1].repeat(2, axis=0)), axis=0)) == 1
    made = pixels.encoder.store(own.pixels())
    np.testing.assert_array_equal(pixels.features, made)


def test_speed_of_the_audit_is_of_codes_that_leak_as_claimed(script, tmp_path: Path) -> None:
    speed = script("speed/audit")
    words = speed.make_codes(tmp_path, 300, 0)
    assert words[words.index("--bits") + 1] == "128"
    codes = np.unpackbits(np.load(tmp_path / "codes.npy"), axis=1)
    person, side = (
        np.loadtxt(tmp_path / f"{name}.csv", dtype=str, delimiter=",", skiprows=1)
        for name in ("person", "side")
    )
    assert codes.shape == (3000, 128)
    order = np.argsort(person, kind="stable")
    own = codes[order].reshape(300, 10, 128)
    assert (side[order].reshape(300, 10) == side[order].reshape(300, 10)[:, :1]).all()
    centre = own.mean(1, keepdims=True) > 0.5
    assert (own != centre).mean() == pytest.approx(speed.FLIPPED, abs=0.01)
    told = (centre[:, 0, 7] == 1) == (np.char.strip(side[order][::10], '"') == "right")
    assert told.mean() > 0.95


def test_an_audit_that_left_an_attack_out_has_missed_its_limit(
    script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = script("speed/audit")
    lack = {"attack": "decoder", "why": "no time", "supply": "more", "weakens": True}
    risk = {"risk": "linkability", "verdict": "leaks", "rates": [{"attack": "a"}], "not_run": []}

    def audit_of(not_run: list[dict[str, object]]) -> dict[str, object]:
        (tmp_path / "run").mkdir(exist_ok=True)
        text = json.dumps({"store": "s", "risks": [{**risk, "not_run": not_run}]})
        (tmp_path / "run" / "audit.json").write_text(text)
        return speed.audited("faces", tmp_path, [])

    monkeypatch.setattr(speed, "sys", argparse.Namespace(executable="true"))
    assert audit_of([])["met"]
    assert audit_of([{**lack, "weakens": False}])["met"]
    missed = audit_of([lack])
    assert not missed["met"]
    assert missed["left_out"] == ["decoder"]
    monkeypatch.setitem(speed.LIMITS, "faces", (600, -1))
    assert not audit_of([])["met"]


@pytest.mark.slow
def test_calibration_end_to_end(
    script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A smaller version of the kept report, at two shares of people who leak."""
    calibration = script("audit/calibration")
    monkeypatch.setattr(calibration, "LEAKS", {"none": (0.0,), "large": (0.5,)})
    monkeypatch.setattr(calibration, "LEAKS_OF_MANY", {"none": (0.0,), "near": (0.16,)})
    monkeypatch.setattr(calibration, "MANY", (1500,))
    monkeypatch.setattr(calibration, "RISKS", ("singling_out", "linkability"))
    monkeypatch.setattr(calibration, "try_inference", lambda *_, **__: Tried())
    stores = 12
    arguments = ["--stores", str(stores), "--people", "40", "--jobs", "1", "--out", str(tmp_path)]
    assert calibration.main(arguments) == 0
    assert (tmp_path / "calibration.md").read_text(encoding="utf-8") == capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    said = {
        (m["name"].removeprefix("judged "), m["where"]["leak"], m["where"]["risk"]): m["value"]
        for m in result["measures"]
    }
    most = stats.binom.ppf(0.999, stores, 0.05) / stores  # 5% are promised
    for risk in ("singling_out", "linkability"):
        assert said["leaks", "none", risk] <= most
        assert said["leaks", "large", risk] > 0.9
    assert said["leaks", "none", "inference"] <= most
    assert said["no leak found", "none", "inference"] > 0.3  # it can be said, and is
    wrongly = stats.binom.ppf(0.999, stores, 0.025) / stores
    assert said["no leak found", "near", "inference"] <= wrongly
    # The attacks of one store go together: there are as many cases as stores.
    least = stats.binom.ppf(0.001, stores, 0.95) / stores
    cover = [m["value"] for m in result["measures"] if m["name"].startswith("coverage")]
    assert len(cover) == 6
    assert min(cover) >= least
    assert result["findings"][-1].startswith("'no leak found' was said 0 times")


@pytest.fixture
def few_faces(tmp_path: Path) -> Path:
    folder = tmp_path / "some where" / "faces"
    folder.mkdir(parents=True)
    write_face_folder(generate_faces(people=8, photos=6, size=(28, 23)), folder)
    return folder


@pytest.mark.slow
def test_audits_of_faces_end_to_end(few_faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("audit/audit_faces", "--faces", few_faces, "--seeds", 1, "--level", "constant",
               "--jobs", 1, "--out", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (out / "audit_faces.md").read_text(encoding="utf-8")
    assert "generated faces" in text
    for path in out.iterdir():
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_peers_end_to_end(few_faces: Path, tmp_path: Path) -> None:
    pytest.importorskip("art")
    out = tmp_path / "out"
    done = run("audit/peers", "--faces", few_faces, "--people", 16, "--seeds", 1, "--steps", 2,
               "--level", "16 bits", "--out", out)  # fmt: skip
    assert done.returncode in (0, 1), done.stderr  # 8 people tell too little for a promise
    assert "Traceback" not in done.stderr, done.stderr
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    named = {m["where"].get("attack", "") for m in result["measures"]}
    assert {"linkage_lda", "ridge_decoder", "inference_linear", "ART black box, rf",
            "ART MIFace, features from black", "scikit-learn NearestCentroid"} <= named  # fmt: skip
    assert {path.name for path in out.iterdir()} == {
        "result.json", "audit_peers.md", "times.json",
    }  # fmt: skip
    for path in out.iterdir():
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_speed_of_the_audit_end_to_end(tmp_path: Path) -> None:
    done = run("speed/audit", "--store", "codes", "--rows", 500, "--out", tmp_path)
    report = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert done.returncode == (0 if report["passed"] else 1), done.stderr
    (codes,) = report["stores"]
    assert codes["verdicts"]["linkability"] == codes["verdicts"]["inference"] == "leaks"
    assert 0 < codes["peak_mb"] < codes["wanted_mb"]


@pytest.mark.slow
def test_speed_of_the_search_end_to_end(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    done = run("speed/nearest", "--rows", 3000, "--queries", 50, "--rounds", 1, "--out", tmp_path)
    report = json.loads((tmp_path / "nearest.json").read_text(encoding="utf-8"))
    assert done.returncode == (0 if report["passed"] else 1), done.stderr
    assert [row["same"] for row in report["searches"]] == [True, True]
