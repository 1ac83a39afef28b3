"""``privkit videoqa train``, ``evaluate`` and ``encode``, from videos to codes that kanon reads."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_model import MODEL, as_options

from privkit.cli.app import run
from privkit.data.videos.generated import NOTICE, generate_videos
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import train_words
from privkit.videoqa.configuration import load_configuration
from privkit.videoqa.saved import load_model

SMALL = [*MODEL, "training.pretraining_steps=0", "training.epochs=2", "training.batch=16"]
TINY = as_options(SMALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_videos(folder, videos=40, processes=1)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of FeatComp with 10 bits."""
    base = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVKIT_CACHE", str(base / "cache"))
        options = ["--data", data, "--task", "action", "--bits", 10, *TINY, "--out", base / "run"]
        assert run(["videoqa", "train", *map(str, options), "--device", "cpu", "-q"]) == 0
    return base / "run"


def result(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return loaded


def measures(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [m for m in found["measures"] if m["name"] == name]


def command(*arguments: object) -> list[str]:
    return ["videoqa", *map(str, arguments), "--device", "cpu"]


def test_a_run_holds_all_that_is_needed(trained: Path, data: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {
        "configuration.toml",
        "history.csv",
        "model.safetensors",
        "report.html",
        "result.json",
        "tensorboard",
        "times.json",
        "training.png",
    }
    found = result(trained)
    assert found["notices"] == [NOTICE]
    assert any("BACKBONE IS AS IT WAS DRAWN" in warning for warning in found["warnings"])
    (stored,) = measures(found, "bits stored a video")
    assert stored["value"] == 10
    counts = {
        (m["where"]["split"], m["where"]["answer type"]): m for m in measures(found, "accuracy")
    }
    assert counts["test", "all"]["n"] == 8
    assert counts["validation", "all"]["n"] == 4
    assert all(m["low"] <= m["value"] <= m["high"] for m in counts.values())
    configuration = load_configuration(str(trained / "configuration.toml"))
    assert configuration == load_model(trained).configuration
    rows = list(csv.DictReader((trained / "history.csv").open()))
    assert [int(row["step"]) for row in rows] == [1, 2]
    assert list((trained / "tensorboard").iterdir())
    assert str(data.parent).encode() not in (trained / "result.json").read_bytes()


@pytest.mark.slow
def test_events_hold_the_history(trained: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained / "tensorboard"))
    events.Reload()
    rows = list(csv.DictReader((trained / "history.csv").open()))
    for name in ("loss", "validation_accuracy"):
        found = events.Scalars(f"task/{name}")
        assert [e.step for e in found] == [int(row["step"]) for row in rows]
        assert [e.value for e in found] == pytest.approx([float(row[name]) for row in rows])


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes(data: Path, here: Path) -> None:
    for out in ("one", "two"):
        options = ["--data", data, "--task", "frameqa", "--bits", 3, *TINY, "--out", out, "-q"]
        assert run(command("train", *options)) == 0
    for name in ("result.json", "model.safetensors", "history.csv", "training.png"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()
    (outside,) = [
        m
        for m in measures(result(here / "one"), "answers outside the vocabulary")
        if m["where"]["split"] == "test"
    ]
    asked = [json.loads(line) for line in (data / "questions.jsonl").read_text().splitlines()]
    assert outside["n"] == sum((q["task"], q["split"]) == ("frameqa", "test") for q in asked)


@pytest.mark.parametrize(
    "options",
    [
        ["--baseline", "random"],
        ["--baseline", "reconstruction-only", "--bits", "4"],
        pytest.param(["--baseline", "floats"], marks=pytest.mark.slow),
        pytest.param(["--baseline", "question-only"], marks=pytest.mark.slow),
        pytest.param(["--baseline", "options-only"], marks=pytest.mark.slow),
        pytest.param(["--baseline", "task+reconstruction", "--bits", "4"], marks=pytest.mark.slow),
    ],
)
def test_baselines(data: Path, here: Path, options: list[str]) -> None:
    common = ["--data", data, "--task", "transition", *TINY, "-q"]
    assert run(command("train", *common, *options, "--out", "run")) == 0
    assert run(command("evaluate", "run", "--data", data, "--out", "again", "-q")) == 0
    wanted = [
        m for m in measures(result(here / "run"), "accuracy") if m["where"]["split"] == "test"
    ]
    assert measures(result(here / "again"), "accuracy") == wanted
    assert wanted[0]["n"] == 16


def test_evaluate_answers_as_the_training_did(trained: Path, data: Path, here: Path) -> None:
    for split in ("validation", "test"):
        options = ["--data", data, "--split", split, "--out", split, "-q"]
        assert run(command("evaluate", trained, *options)) == 0
        wanted = [m for m in measures(result(trained), "accuracy") if m["where"]["split"] == split]
        assert measures(result(here / split), "accuracy") == wanted


def test_four_times_the_clips_store_four_codes(trained: Path, data: Path, here: Path) -> None:
    file = trained / "model.safetensors"
    assert run(command("evaluate", file, "--data", data, "--clips", "4x", "--out", "run")) == 0
    found = result(here / "run")
    assert measures(found, "bits stored a video")[0]["value"] == 40
    assert found["configuration"]["clips"] == 4


def test_encode_writes_codes_that_kanon_reads(
    trained: Path, data: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed command is run as it stands."""
    assert run(command("encode", trained, "--videos", data / "videos")) == 0
    (line,) = [s for s in capsys.readouterr().out.splitlines() if s.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: "))
    assert words[:2] == ["privkit", "kanon"]
    assert run([*words[1:], "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert counted["data"][0]["rows"] == 40
    folder = here / "reports" / "videoqa-encode-run-001"
    names = (folder / "videos.txt").read_text().split()
    assert names == sorted(p.stem for p in (data / "videos").iterdir())
    assert np.load(folder / "codes.npy").shape == (40, 2)


@pytest.mark.parametrize(("split", "videos"), [("all", 40), ("train", 28), ("test", 8)])
def test_encode_the_videos_of_questions(
    trained: Path, data: Path, here: Path, split: str, videos: int
) -> None:
    options = ["--data", data, "--split", split, "--out", "run", "-q"]
    assert run(command("encode", trained, *options)) == 0
    assert len(np.load(here / "run" / "codes.npy")) == videos
    assert measures(result(here / "run"), "videos encoded")[0]["value"] == videos


def test_json_is_alone_on_standard_output(
    trained: Path, data: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command("encode", trained, "--data", data, "--json")) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["configuration"]["bits"] == 10
    assert "next: privkit kanon" in printed.err


def test_videos_that_cannot_be_used_are_named_and_counted(
    trained: Path, data: Path, here: Path
) -> None:
    shutil.copytree(data, here / "set")
    files = sorted((here / "set" / "videos").iterdir())
    files[7].unlink()  # of the ten, 7 validates, 8 and 9 test
    files[8].write_bytes(b"")
    files[9].write_bytes(files[9].read_bytes()[:400])
    options = ["--data", "set", "--task", "action", "--bits", 2, *TINY, "--out", "run", "-q"]
    assert run(command("train", *options)) == 0
    found = result(here / "run")
    assert measures(found, "videos left out")[0]["value"] == 3
    rows = list(csv.DictReader((here / "run" / "left-out.csv").open()))
    assert [row["video"] for row in rows] == [f.stem for f in files[7:10]]
    assert [m["n"] for m in measures(found, "accuracy")] == [3, 3, 6, 6]
    assert any("3 videos are left out" in w and files[7].stem in w for w in found["warnings"])
    assert run(command("evaluate", trained, "--data", "set", "--out", "e", "-q")) == 0
    assert measures(result(here / "e"), "videos left out")[0]["value"] == 2
    assert run(command("encode", trained, "--data", "set", "--out", "c", "-q")) == 0
    assert len(np.load(here / "c" / "codes.npy")) == 37


def given_weights(folder: Path) -> tuple[Path, Path]:
    """A ResNet as torchvision saves it, and a folder of BERT as Hugging Face does."""
    torch.manual_seed(8)
    model = load_configuration("small", MODEL).model
    words = train_words(["what does the figure do before after times ?"], 500).vocabulary
    backbone, answerer = GridBackbone(model.backbone), QuestionAnswerer(model, None)
    state = {**backbone.resnet.state_dict(), "fc.weight": torch.zeros(10, 4)}
    torch.save(state, folder / "resnet.pth")
    bert = folder / "bert"
    bert.mkdir()
    (bert / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    described = {
        "model_type": "bert",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "vocab_size": model.vocabulary,
        "max_position_embeddings": model.positions,
        "hidden_act": "gelu",
    }
    (bert / "config.json").write_text(json.dumps(described))
    save_file(answerer.bert.state_dict(), bert / "model.safetensors")
    return folder / "resnet.pth", bert


def test_given_weights_are_used_and_accounted_for(data: Path, here: Path) -> None:
    resnet, bert = given_weights(here)
    common = ["--data", data, "--task", "action", "--bits", 4, *TINY, "-q"]
    rates = ["learning_rate", "fine_tuning_learning_rate"]
    still = [part for name in rates for part in ("--set", f"training.{name}=1e-30")]
    options = ["--init", resnet, "--init", bert, *still, "--out", "run"]
    assert run(command("train", *common, *options)) == 0
    weights = load_file(here / "run" / "model.safetensors")
    given = torch.load(resnet, weights_only=True)
    assert torch.equal(weights["backbone/resnet.conv1.weight"], given["conv1.weight"])
    name = "encoder.layer.0.output.dense.weight"
    wanted = load_file(bert / "model.safetensors")[name]
    assert torch.equal(weights[f"answerer/bert.{name}"], wanted)
    saved = load_model(here / "run")
    assert list(saved.tokenizer.vocabulary) == (bert / "vocab.txt").read_text().split()
    found = result(here / "run")
    assert not any("AS IT WAS DRAWN" in warning for warning in found["warnings"])
    assert any("grid encoder" in warning for warning in found["warnings"])
    (table,) = [t for t in found["tables"] if t["title"].startswith("Weights")]
    assert [row[:2] for row in table["rows"]] == [["resnet.pth", "resnet"], ["bert", "bert"]]
    rows = list(csv.DictReader((here / "run" / "initial-weights.csv").open()))
    assert {"file": "resnet.pth", "kind": "resnet", "what": "unused", "weight": "fc.weight"} in rows
    used = [r for r in rows if r["kind"] == "bert" and r["what"] == "used"]
    assert len(used) == int(table["rows"][1][2].replace(",", ""))


@pytest.mark.slow
def test_training_from_frames(data: Path, here: Path) -> None:
    common = ["--data", data, "--task", "action", *TINY, "--set", "training.epochs=1", "-q"]
    frames = ["--end-to-end", "--workers", 1]
    assert run(command("train", *common, "--bits", 4, *frames, "--out", "run")) == 0
    assert result(here / "run")["configuration"]["end to end"] is True
    assert run(command("evaluate", "run", "--data", data, "--out", "e", "-q")) == 0
    wanted = [
        m for m in measures(result(here / "run"), "accuracy") if m["where"]["split"] == "test"
    ]
    assert measures(result(here / "e"), "accuracy") == wanted
    assert run(command("encode", "run", "--data", data, "--out", "c", "-q")) == 0


def test_features_are_read_where_they_are_named(data: Path, here: Path) -> None:
    cache = Path(os.environ["PRIVKIT_CACHE"]) / "videoqa"
    options = ["--data", data, "--task", "action", "--baseline", "floats", *TINY, "-q"]
    before = set(cache.glob("features-*/"))
    assert run(command("train", *options, "--set", "video.frames=3", "--out", "one")) == 0
    (made,) = set(cache.glob("features-*/")) - before
    shutil.copytree(made, here / "features")
    shutil.copytree(data, here / "set", ignore=shutil.ignore_patterns("videos"))
    (here / "set" / "videos").mkdir()
    again = ["--set", "video.frames=3", "--features", "features", "--out", "two"]
    assert run(command("train", *options, *again, "--data", "set")) == 0
    assert measures(result(here / "two"), "accuracy") == measures(result(here / "one"), "accuracy")


BAD = [
    (["--bits", "4", "--set", "training.batch=1"], "training.batch"),
    (["--bits", "4", "--set", "training.bach=2"], "did you mean training.batch"),
    (["--bits", "4", "--config", "huge"], "no such configuration"),
    (["--bits", "0"], "out of range"),
    (["--bits", "70000"], "out of range"),
    ([], "--bits 10, or --baseline floats"),
    (["--baseline", "magic"], "no such baseline"),
    (["--baseline", "floats", "--bits", "4"], "stores no code"),
    (["--baseline", "question-only", "--end-to-end"], "--end-to-end"),
    (["--bits", "4", "--end-to-end", "--features", "."], "--features"),
    (["--bits", "4", "--features", "."], "no finished cache"),
    (["--bits", "4", "--init", "absent.pt"], "no such file of weights"),
    (["--bits", "4", "--vocabulary", "absent.txt"], "no vocabulary"),
    (["--bits", "4", "--task", "magic"], "the task is not there"),
    (["--bits", "4", "--videos", "absent"], "no such folder of videos"),
    (["--bits", "4", "--device", "tpu"], "unknown device"),
    (["--bits", "4", "--out", "."], "exists already"),
    (["--bits", "4", "--workers", "-1"], "--workers"),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_bad_usage_of_train(data: Path, here: Path, one_line, options, words) -> None:
    given = ["--data", data, "--task", "action", *TINY, *options]
    assert words in one_line("videoqa", "train", *given)
    assert not (here / "reports").exists()


def test_too_large_a_bottleneck(data: Path, here: Path, one_line, monkeypatch) -> None:
    monkeypatch.setattr("privkit.videoqa.model._available_memory", lambda: 2**20)
    options = ["--data", data, "--task", "action", *TINY, "--bits", 60000]
    assert "GiB" in one_line("videoqa", "train", *options)


def test_a_cache_of_another_backbone(data: Path, trained: Path, here: Path, one_line) -> None:
    (made,) = (trained.parent / "cache" / "videoqa").glob("features-*/")
    options = ["--data", data, "--task", "action", "--bits", 4, *TINY, "--features", made]
    assert "another backbone" in one_line("videoqa", "train", *options, "--seed", 5)
    assert "another sampling" in one_line("videoqa", "train", *options, "--set", "video.clips=2")


def test_a_huge_learning_rate(data: Path, here: Path, one_line) -> None:
    wild = ["--set", "training.learning_rate=1e30", "--set", "training.epochs=40"]
    options = ["--data", data, "--task", "action", "--baseline", "floats", *TINY, *wild, "-q"]
    line = one_line("videoqa", "train", *options)
    assert "learning rate" in line
    assert not (here / "reports").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "dev"], "no such split"),
        (["--clips", "4"], "--clips"),
        (["--task", "frameqa"], "open-ended"),
        (["--task", "magic"], "the task is not there"),
    ],
)
def test_bad_usage_of_evaluate(data, trained, here, one_line, options, words) -> None:
    assert words in one_line("videoqa", "evaluate", trained, "--data", data, *options)


def test_bad_models_and_data(data: Path, trained: Path, here: Path, one_line) -> None:
    assert "no trained model" in one_line("videoqa", "evaluate", here, "--data", data)
    assert "--data" in one_line("videoqa", "evaluate", trained)
    assert "--data" in one_line("videoqa", "encode", trained)
    whole = (trained / "model.safetensors").read_bytes()
    (here / "cut.safetensors").write_bytes(whole[:-1])
    assert "damaged" in one_line("videoqa", "encode", "cut.safetensors", "--data", data)
    videos = ["--videos", data / "videos"]
    assert "--split" in one_line("videoqa", "encode", trained, *videos, "--split", "test")
    (here / "empty").mkdir()
    assert "no video" in one_line("videoqa", "encode", trained, "--videos", "empty")


def test_floats_have_no_code(data: Path, here: Path, one_line) -> None:
    options = ["--data", data, "--task", "action", "--baseline", "floats", *TINY, "--out", "run"]
    assert run(command("train", *options, "-q")) == 0
    assert "no code to store" in one_line("videoqa", "encode", "run", "--data", data)


def python(*arguments: object, cache: Path) -> list[str]:
    os.environ["PRIVKIT_CACHE"] = str(cache)
    return [sys.executable, *map(str, arguments), "--device", "cpu"]


#: The command line, with a snapshot every fifth of a second.
OFTEN = """
import functools, sys
from privkit.videoqa import trained as module
module.trained = functools.partial(module.trained, every=0.2)
from privkit.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_weights(data: Path, here: Path) -> None:
    epochs = ["--set", "training.epochs=400", "--set", "training.validations=50"]
    train = ["-c", OFTEN, "videoqa", "train", "--data", data, "--task", "action", "--bits", 4]
    options = [*train, *TINY, *epochs, "-q"]
    subprocess.run(python(*options, "--out", "whole", cache=here / "a"), check=True)
    cache = here / "b" / "videoqa"
    for _ in range(2):
        before = {p.stat().st_mtime_ns for p in cache.glob("training-*")}
        started = subprocess.Popen(python(*options, "--out", "killed", cache=here / "b"))
        wait = time.monotonic() + 120
        while {p.stat().st_mtime_ns for p in cache.glob("training-*")} <= before:
            assert time.monotonic() < wait
            assert started.poll() is None, "it ended before the kill"
            time.sleep(0.05)
        started.send_signal(signal.SIGKILL)
        assert started.wait() == -signal.SIGKILL
    subprocess.run(python(*options, "--out", "again", cache=here / "b"), check=True)
    for name in ("model.safetensors", "history.csv", "result.json"):
        assert (here / "again" / name).read_bytes() == (here / "whole" / name).read_bytes()
