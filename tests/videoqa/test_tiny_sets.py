"""Tiny sets: what is written is read back, and every size is that of a file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from small_set import VIDEOS, small_source

from privkit.data.questions.open import open_questions
from privkit.data.videos.decode import probe
from privkit.data.videos.encode import write_gif
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.videoqa.encode import StoredVideos, write_codes
from privkit.videoqa.findings_tiny import tiny_result
from privkit.videoqa.stored_sizes import measure_sizes, reencode
from privkit.videoqa.tiny import read_tiny_set, study_tiny, write_tiny_set


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return small_source(tmp_path_factory.getbasetemp(), "action").open()


def stored_codes(task, bits, seed=0):
    videos = tuple(sorted(task.features.row))
    matrix = np.random.default_rng(seed).integers(0, 2, (len(videos), bits), dtype=np.uint8)
    return StoredVideos(Codes.from_matrix(matrix), videos)


@pytest.mark.parametrize("bits", [1, 7, 8, 10, 64, 129])
def test_a_tiny_set_is_read_back(task, tmp_path, bits) -> None:
    stored = stored_codes(task, bits)
    write_tiny_set(tmp_path / "tiny", task, stored)
    back = read_tiny_set(tmp_path / "tiny", bits)
    assert back.videos == stored.videos
    np.testing.assert_array_equal(back.codes.to_matrix(), stored.codes.to_matrix())
    questions = open_questions(tmp_path / "tiny", task="action", videos=None, seed=0)
    assert questions.questions == task.questions.questions
    assert questions.notice == task.questions.notice
    assert str(tmp_path) not in (tmp_path / "tiny" / "README.md").read_text()


def test_names_that_do_not_fit_the_codes(task, tmp_path) -> None:
    write_tiny_set(tmp_path / "tiny", task, stored_codes(task, 10))
    names = tmp_path / "tiny" / "videos.txt"
    names.write_text("".join(names.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(InputError, match=f"each of the {VIDEOS} codes; found: {VIDEOS - 1} lines"):
        read_tiny_set(tmp_path / "tiny", 10)


def test_only_a_line_feed_ends_a_name(task, tmp_path) -> None:
    stored = stored_codes(task, 10)
    names = ("a\u2028b", "c\x85d", "e\rf", "g\x0bh", *stored.videos[4:])
    write_tiny_set(tmp_path / "tiny", task, StoredVideos(stored.codes, names))
    assert read_tiny_set(tmp_path / "tiny", 10).videos == names
    (tmp_path / "tiny" / "videos.txt").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="names cannot be read"):
        read_tiny_set(tmp_path / "tiny", 10)
    with pytest.raises(InputError, match="has a line feed"):
        write_codes(tmp_path, StoredVideos(stored.codes, ("a\nb", *names[1:])))


def sizes_of(task, folder: Path, bits, most):
    stored = stored_codes(task, bits)
    write_tiny_set(folder / "tiny", task, stored)
    found = measure_sizes(
        task, stored, folder / "tiny", folder / "scratch", mpeg4_videos=most, seed=0
    )
    assert [p.name for p in folder.iterdir()] == ["tiny"]
    return found


@pytest.mark.parametrize("bits", [1, 10, 11])
def test_sizes(task, tmp_path, bits) -> None:
    tight, rows, _, _, whole, floats, _, as_they_are, mpeg4 = sizes_of(task, tmp_path, bits, 4)
    assert tight.total == math.ceil(bits * VIDEOS / 8)
    assert rows.total == VIDEOS * math.ceil(bits / 8)
    assert tight.header == rows.header == floats.header == 128
    assert whole.total == sum(p.stat().st_size for p in (tmp_path / "tiny").iterdir())
    assert floats.total == 2 * VIDEOS * math.prod(task.features.shape)
    files = [task.questions.videos[name] for name in task.features.row]
    assert as_they_are.total == sum(p.stat().st_size for p in files)
    assert mpeg4.measured == 4


def test_mpeg4_of_some_videos_is_extrapolated(task, tmp_path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "all").mkdir()
    some = sizes_of(task, tmp_path / "some", 10, 20)[-1]
    everything = sizes_of(task, tmp_path / "all", 10, VIDEOS)[-1]
    assert some.measured == 20
    assert some.total == pytest.approx(some.mean.value * VIDEOS)
    assert everything.mean is None
    assert everything.measured == VIDEOS
    assert 1000 * VIDEOS < everything.total < 20_000 * VIDEOS
    assert some.mean.low * VIDEOS < everything.total < some.mean.high * VIDEOS


def test_a_video_of_odd_size_and_one_that_is_none(tmp_path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (5, 33, 21, 3), dtype=np.uint8)
    write_gif(tmp_path / "odd.gif", frames)
    reencode(tmp_path / "odd.gif", tmp_path / "odd.mp4")
    facts = probe(tmp_path / "odd.mp4")
    assert (facts.width, facts.height, facts.frames) == (22, 34, 5)
    assert facts.seconds == pytest.approx(0.5)
    (tmp_path / "none.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match="broken or not a video"):
        reencode(tmp_path / "none.mp4", tmp_path / "out.mp4")


def test_the_study(tmp_path, tmp_path_factory) -> None:
    source = small_source(tmp_path_factory.getbasetemp(), "action")
    study = study_tiny(source, tmp_path, bits=10, seeds=(0, 1), mpeg4_videos=15)
    assert len(study.from_codes) == 2
    assert {name: len(runs) for name, runs in study.beside.items()} == {
        "featcomp": 2,
        "floats": 2,
        "question-only": 2,
    }
    result = tiny_result(study, source, mpeg4_videos=15, command="privkit videoqa tiny")
    files = [tmp_path / "tiny" / name for name in ("codes.npy", "videos.txt")]
    delivered = sum(path.stat().st_size for path in files)
    said = f"{VIDEOS} videos at 10 bits take {delivered:,} bytes on the disk, codes.npy"
    assert result.findings[0].startswith(said)
    assert f"10 × {VIDEOS} / 8, counts the bits alone: 75 bytes" in result.findings[0]
    assert result.tables[0].rows[0][1] == f"{delivered:,}"
    first = next(m for m in result.measures if m.name == "bytes")
    assert (first.value, first.n) == (delivered, VIDEOS)
    assert first.where["stored as"] == "codes and names as delivered (codes.npy, videos.txt)"
    assert any("15 of 60 videos were encoded" in w for w in result.warnings)
    assert result.measure("accuracy", variant="stored codes", **{"answer type": "all"}).n == 24
    codes = result.measure("bytes", **{"stored as": "codes of 10 bits, bit after bit"})
    assert (codes.value, codes.low) == (75, None)
    assert result.notices
