"""``privkit videoqa transfer``, ``maps``, ``words`` and ``tiny``, from the command line on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from privkit.cli.app import run
from privkit.data.videos.encode import write_gif

SETTINGS = [
    "training.pretraining_steps=0",
    "training.epochs=1",
    "training.batch=16",
    "video.frames=2",
    "model.layers=1",
]
TASKS = {
    "transfer": ["--task", "action", "--task", "frameqa"],
    "maps": ["--task", "action"],
    "words": ["--task", "frameqa", "--least", "5", "--word", "shelf"],
    "tiny": ["--task", "action", "--mpeg4-videos", "10"],
}
FILES = {
    "transfer": {"transfer.png"},
    "maps": {"maps.png", "frames.png"},
    "words": {"words.csv"},
    "tiny": {"tiny"},
}


@pytest.fixture(autouse=True)
def _two_long_videos(monkeypatch) -> None:
    monkeypatch.setattr("privkit.videoqa.map_study._LONG", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    from privkit.data.videos.generated import generate_videos

    folder = tmp_path_factory.getbasetemp() / "few-videos"
    if not folder.is_dir():
        generate_videos(folder, videos=60, processes=1)
    return folder


def command(name, data, *more) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["videoqa", name, "--data", str(data), *TASKS[name], "--bits", "4", *settings, *more]


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.slow
def test_from_end_to_end(name, data, tmp_path, capsys) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    from privkit.result import result_schema

    for out in ("one", "two"):
        assert run(command(name, data, "--json", "--out", str(tmp_path / out))) == 0
    found = json.loads(capsys.readouterr().out.split("\n}\n")[0] + "\n}")
    jsonschema.validate(found, result_schema())
    assert any("generated videos" in notice for notice in found["notices"])
    assert found["findings"]
    assert sum("BACKBONE IS AS IT WAS DRAWN" in words for words in found["warnings"]) == 1
    assert found["configuration"]["settings"]["training"]["epochs"] == 1
    one, two = tmp_path / "one", tmp_path / "two"
    assert (one / "result.json").read_bytes() == (two / "result.json").read_bytes()
    assert str(data.parent) not in (one / "result.json").read_text()
    there = {path.name for path in one.iterdir()}
    assert there == {"result.json", "report.html", "times.json", *FILES[name]}


def test_words_and_sizes_are_told_to_people(data, tmp_path, capsys) -> None:
    assert run(command("words", data, "--out", str(tmp_path / "words"))) == 0
    assert "shelf" in capsys.readouterr().out
    assert run(command("tiny", data, "--out", str(tmp_path / "tiny"))) == 0
    assert "counts the bits alone: 30 bytes" in capsys.readouterr().out
    codes = tmp_path / "tiny" / "tiny" / "codes.npy"
    arguments = ["--codes", str(codes), "--bits", "4", "-q", "--out", str(tmp_path / "k")]
    assert run(["kanon", *arguments]) == 0


def test_given_weights_are_used(data, tmp_path) -> None:
    import torch

    from privkit.models.clipbert.grid import GridBackbone
    from privkit.videoqa.configuration import load_configuration

    backbone = GridBackbone(load_configuration("small", SETTINGS).model.backbone)
    torch.save(backbone.resnet.state_dict(), tmp_path / "resnet.pth")
    given = ["--init", str(tmp_path / "resnet.pth"), "--out", str(tmp_path / "run"), "-q"]
    assert run(command("words", data, *given)) == 0
    warnings = json.loads((tmp_path / "run" / "result.json").read_text())["warnings"]
    assert not any("THE BACKBONE" in words for words in warnings)
    assert any(words.startswith("The grid encoder") for words in warnings)


@pytest.mark.parametrize("name", [*TASKS, "sweep"])
@pytest.mark.parametrize("option", ["--init", "--vocabulary"])
def test_what_is_given_is_opened(name, option, data, one_line) -> None:
    arguments = ["videoqa", name, "--data", str(data), *TASKS.get(name, ["--task", "action"])]
    more = ["--set", "training.pretraining_steps=0", "--not-strict", option, "nowhere.pth"]
    assert "nowhere.pth" in one_line(*arguments, *more)


def test_maps_of_any_video(data, tmp_path, capsys) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (6, 40, 64, 3), dtype=np.uint8)
    write_gif(tmp_path / "own$1.gif", frames)
    out = tmp_path / "run"
    video = str(tmp_path / "own$1.gif")
    assert run(command("maps", data, "--video", video, "--out", str(out))) == 0
    assert "pass the pictures on only as you may" in capsys.readouterr().out
    assert str(tmp_path) not in (out / "result.json").read_text()
    assert json.loads((out / "result.json").read_text())["configuration"]["shown"] == ["own$1.gif"]


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("transfer", ["--bits", "0"], "--bits"),
        ("transfer", ["--task", "nothing"], "nothing"),
        ("maps", ["--video", "missing.mp4"], "missing.mp4"),
        ("words", ["--word", "shelv"], "shelf"),
        ("words", ["--least", "1000"], "at least 1000 training videos"),
        ("tiny", ["--device", "tpu"], "tpu"),
        ("tiny", ["--set", "training.epoch=1"], "training.epochs"),
        ("tiny", ["--config", "huge"], "huge"),
    ],
)
def test_bad_input_is_one_line(name, more, words, data, tmp_path, one_line) -> None:
    out = tmp_path / "run"
    assert words in one_line(*command(name, data, *more, "--out", str(out)))
    assert not out.exists()


def test_one_task_cannot_be_crossed(data, one_line) -> None:
    assert "at least 2 tasks" in one_line("videoqa", "transfer", "--task", "action")


@pytest.mark.parametrize("name", [*TASKS, "sweep", "train"])
def test_bits_that_do_not_fit_are_refused_before_videos_are_read(
    name, data, tmp_path, monkeypatch, one_line
) -> None:
    def never(*_arguments, **_options) -> None:
        raise AssertionError("the data was opened")

    monkeypatch.setattr("privkit.videoqa.task.open_set", never)
    monkeypatch.setattr("privkit.videoqa.model._available_memory", lambda: 2**30)
    task = TASKS.get(name, ["--task", "action"])
    bits = ["--bits", "65536", "--config", "paper", "--device", "cpu"]
    line = one_line("videoqa", name, "--data", data, *task, *bits, "--out", tmp_path / "run")
    assert "of 65,536 bits" in line or "of up to 65,536 bits" in line
    assert "1.0 GiB of memory free" in line
    assert not (tmp_path / "run").exists()
