"""`privkit invert` from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from privkit.cli.app import run
from privkit.data.face_folder import write_face_folder
from privkit.data.generated_faces import generate_faces
from privkit.models.train_faces import REQUIRED_ACCURACY
from privkit.result import result_schema


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("faces") / "small"
    place.mkdir()
    write_face_folder(generate_faces(people=8, photos=6, seed=1), place)
    return place


def _invert(folder: Path, out: Path, *options: str) -> dict[str, Any]:
    arguments = ["invert", "--faces", str(folder), "--quiet", "--out", str(out), *options]
    assert run(arguments) == 0
    result: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    Draft202012Validator(result_schema()).validate(result)
    return result


def _value(result: dict[str, Any], name: str, **where: str) -> float:
    found = [
        m["value"]
        for m in result["measures"]
        if m["name"] == name and where.items() <= m["where"].items()
    ]
    assert len(found) == 1, (name, where, len(found))
    return float(found[0])


LIGHT = ("--attack", "linkage", "--attack", "ridge_decoder")


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        _invert(folder, tmp_path / name, "--bits", "8", "--round", "0.1", *LIGHT, "--device", "cpu")
    for file in ("result.json", "records.csv", "codes-8.npy", "reconstructions.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.slow
def test_another_seed_gives_another_result(folder: Path, tmp_path: Path) -> None:
    first = _invert(folder, tmp_path / "a", "--bits", "8", *LIGHT)
    second = _invert(folder, tmp_path / "b", "--bits", "8", *LIGHT, "--seed", "1")
    assert first["measures"] != second["measures"]


def test_a_run_holds_what_it_promises(folder: Path, tmp_path: Path) -> None:
    result = _invert(folder, tmp_path / "run", "--bits", "8", "--bits", "1280", *LIGHT)
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert names == {
        "result.json",
        "report.html",
        "records.csv",
        "times.json",
        "codes-8.npy",
        "store-8-bits.npy",
        "store-1280-bits.npy",
        "encoder-8-bits.safetensors",
        "encoder-1280-bits.safetensors",
        "person.csv",
        "trained.csv",
        "identification.png",
        "reconstructions.png",
    }
    codes = np.load(tmp_path / "run" / "codes-8.npy", allow_pickle=False)
    assert codes.shape == (8, 8)  # one new photo of each of 8 people
    assert set(np.unique(codes)) <= {0, 1}
    assert [d["rows"] for d in result["data"]] == [48]
    accuracies = [m["value"] for m in result["measures"] if m["name"] == "training accuracy"]
    assert len(accuracies) == 2 * 2  # two levels, two networks each
    assert min(accuracies) >= REQUIRED_ACCURACY


def test_the_shares_are_those_of_the_records(folder: Path, tmp_path: Path) -> None:
    """The result agrees with a count over the targets, and every target is there once."""
    result = _invert(folder, tmp_path / "run", "--bits", "8", *LIGHT, "--seeds", "2")
    records = pd.read_csv(tmp_path / "run" / "records.csv")
    keys = ["seed", "level", "attack", "group", "photo"]
    assert not records.duplicated(keys).any()
    assert set(records["seed"]) == {0, 1}
    for group in ("new photos", "training photos", "people never seen"):
        own = records[(records["attack"] == "linkage") & (records["group"] == group)]
        share = _value(result, "rank-1", attack="linkage", group=group)
        assert share == pytest.approx(own["rank-1"].astype(bool).mean())


def test_generated_faces_are_named_everywhere(folder: Path, tmp_path: Path) -> None:
    result = _invert(folder, tmp_path / "run", "--bits", "8", *LIGHT)
    assert "generated faces" in result["notices"][0]
    assert "privkit data fetch att" in result["notices"][0]
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "generated faces" in report
    assert report.index("generated faces") < report.index("What was found")


def test_the_report_begins_with_linkage_and_calls_nothing_safe(
    folder: Path, tmp_path: Path
) -> None:
    result = _invert(folder, tmp_path / "run", "--bits", "8", *LIGHT)
    assert "linkage names the right one of 8 people" in result["findings"][0]
    assert any("Not de-identified: 8 bits" in f for f in result["findings"])
    assert not any(
        "is safe" in f.replace("does not show that it is safe", "") for f in result["findings"]
    )


def test_without_linkage_the_result_says_what_it_cannot_tell(folder: Path, tmp_path: Path) -> None:
    result = _invert(folder, tmp_path / "run", "--bits", "8", "--attack", "ridge_decoder")
    assert any("add --attack linkage" in w for w in result["warnings"])


def test_codes_flow_into_kanon(folder: Path, tmp_path: Path) -> None:
    _invert(folder, tmp_path / "run", "--bits", "8", *LIGHT)
    codes = str(tmp_path / "run" / "codes-8.npy")
    assert run(["kanon", "--codes", codes, "--quiet", "--out", str(tmp_path / "k")]) == 0
    result = json.loads((tmp_path / "k" / "result.json").read_text(encoding="utf-8"))
    matrix = np.load(codes, allow_pickle=False)
    counts = np.unique(matrix, axis=0, return_counts=True)[1]
    assert _value(result, "k") == counts.min()


@pytest.mark.slow
@pytest.mark.real_faces
def test_what_real_faces_show(real_data: Path, tmp_path: Path) -> None:
    """The figures that the project was asked for, on the AT&T Faces."""
    attacks = [word for name in ("linkage", "mi_face_mean") for word in ("--attack", name)]
    result = _invert(Path("att"), tmp_path / "run", "--bits", "1280", "--bits", "16", *attacks)
    assert result["data"][0]["name"] == "AT&T Faces"
    assert result["notices"] == []
    assert result["findings"][0].startswith("16 bits: linkage names the right one of 40 people")
    assert _value(result, "rank-1", level="16 bits", attack="linkage", group="new photos") > 0.5
    full = {"level": "1280 bits (40 floats)", "group": "new photos"}
    best = _value(result, "identity", attack="mi_face_mean", **full)
    # A mean face that is never right would make any ratio infinite: it counts as chance.
    floor = max(_value(result, "identity", attack="mean_face", **full), 1 / 40)
    assert best >= 8 * floor
