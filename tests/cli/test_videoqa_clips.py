"""``--clips 4x``: the joined codes are stored, counted, and answered from."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import MODEL, as_options

from privkit.cli.app import run
from privkit.data.videos.generated import generate_videos
from privkit.features.codes import Codes
from privkit.videoqa.answering import folder_videos, source_of
from privkit.videoqa.encode import encode
from privkit.videoqa.saved import load_model

SETTINGS = [
    *MODEL,
    "training.pretraining_steps=0",
    "training.epochs=1",
    "training.batch=16",
]
BITS, TIMES, CLIPS = 10, 4, 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_videos(folder, videos=20, processes=1)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of FeatComp that stores 10 bits of 2 clips."""
    base = tmp_path_factory.mktemp("runs")
    settings = as_options([*SETTINGS, f"video.clips={CLIPS}"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVKIT_CACHE", str(base / "cache"))
        options = ["--data", data, "--task", "action", "--bits", BITS, *settings]
        assert run(["videoqa", "train", *map(str, options), "--out", str(base / "run"), "-q"]) == 0
    return base / "run"


def test_four_times_the_clips_store_joined_codes_that_kanon_reads(
    trained: Path, data: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed command is run as it stands."""
    given = ["--videos", str(data / "videos"), "--clips", "4x", "--out", "run"]
    assert run(["videoqa", "encode", str(trained), *given]) == 0
    (line,) = [s for s in capsys.readouterr().out.splitlines() if s.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: "))
    assert words[-2:] == ["--bits", "40"]
    assert run([*words[1:], "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert counted["data"][0]["rows"] == 20
    assert np.load(here / "run" / "codes.npy").shape == (20, 5)
    found = json.loads((here / "run" / "result.json").read_text())
    assert found["configuration"]["clips"] == TIMES * CLIPS
    (stored,) = [m for m in found["measures"] if m["name"] == "bits stored a video"]
    assert stored["value"] == TIMES * BITS


def test_each_group_of_clips_is_a_code_of_its_own(trained: Path, data: Path, here: Path) -> None:
    given = ["--videos", str(data / "videos"), "--clips", "4x", "--out", "run", "-q"]
    assert run(["videoqa", "encode", str(trained), *given]) == 0
    saved = load_model(trained)
    files = folder_videos(data / "videos")
    source = source_of(saved, files, times=TIMES, cache=here / "cache")
    names = (here / "run" / "videos.txt").read_text().split()
    x = source.take(names)
    assert x.shape[1] == TIMES * CLIPS
    stored = Codes.from_packed(np.load(here / "run" / "codes.npy"), TIMES * BITS)
    alone = [saved.model.stored.encode(x[:, n : n + CLIPS]) for n in range(0, x.shape[1], CLIPS)]
    np.testing.assert_array_equal(stored.to_matrix(), torch.cat(alone, 1).numpy())
    # What is answered from is what is stored.
    signs = torch.from_numpy(stored.to_signs()).reshape(-1, BITS)
    decoded = saved.model.stored.decode(signs).reshape(x.shape)
    torch.testing.assert_close(decoded, saved.model.decoded(x))


def test_once_the_clips_is_what_is_stored_without_the_option(
    trained: Path, data: Path, here: Path
) -> None:
    given = ["--videos", str(data / "videos"), "-q", "--out"]
    assert run(["videoqa", "encode", str(trained), *given, "one"]) == 0
    assert run(["videoqa", "encode", str(trained), *given, "two", "--clips", "1x"]) == 0
    assert (here / "one" / "codes.npy").read_bytes() == (here / "two" / "codes.npy").read_bytes()


def test_frames_of_more_clips_are_joined_as_features_are(trained: Path, data: Path) -> None:
    """A model that was trained end to end reads frames."""
    saved = load_model(trained)
    files = folder_videos(data / "videos")
    names = sorted(files)[:3]
    features = source_of(saved, files, times=TIMES, cache=trained.parent / "cache-of-frames")
    wanted = encode(saved.model, names, features)
    saved.model.backbone = saved.backbone
    frames = source_of(saved, files, times=TIMES, cache=trained.parent)
    found = encode(saved.model, names, frames)
    assert found.codes.bits == wanted.codes.bits == TIMES * BITS
    # Features are kept in float16, so that a logit next to 0 may have another sign.
    assert (found.codes.to_matrix() == wanted.codes.to_matrix()).mean() > 0.95


@pytest.mark.parametrize("clips", ["4", "0x", "100x"])
def test_bad_numbers_of_clips(trained: Path, data: Path, here: Path, one_line, clips) -> None:
    given = ["--videos", data / "videos", "--clips", clips]
    assert "--clips 4x" in one_line("videoqa", "encode", trained, *given)


def test_joined_codes_that_are_too_long_are_refused(
    trained: Path, data: Path, here: Path, one_line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privkit.videoqa.encode.MAX_BITS", 39)
    line = one_line("videoqa", "encode", trained, "--videos", data / "videos", "--clips", "4x")
    assert "the joined code is too long" in line
    assert "4 codes of 10 bits" in line
    assert not (here / "reports").exists()
