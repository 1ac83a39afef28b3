"""Decoding on files made here, whose frames say by their grey which they are."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from privkit.data.videos import decode
from privkit.data.videos.decode import probe, read_frames, video_sha256
from privkit.data.videos.frames import IMAGENET_MEAN, IMAGENET_STD, load_clips, prepare
from privkit.errors import InputError

KINDS = {
    "a.mp4": ("libx264", "yuv420p"),
    "a.avi": ("mpeg4", "yuv420p"),
    "a.webm": ("libvpx", "yuv420p"),
    "b.webm": ("libvpx-vp9", "yuv420p"),
    "a.gif": ("gif", "gray"),
}
GREYS = [20, 90, 90, 160, 230, 50, 120, 200, 75, 240]
"""Of ten frames at ten a second; the second and the third are the same."""


def write(path, greys=GREYS, size=(64, 48), options=None, noise=0):
    codec, pixels = KINDS[path.name] if path.name in KINDS else KINDS["a" + path.suffix]
    rng = np.random.default_rng(0)
    with av.open(os.fspath(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for grey in greys:
            picture = np.full((size[1], size[0], 3), grey) + rng.integers(0, noise + 1)
            picture = picture + rng.integers(0, noise + 1, picture.shape)
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def levels(frames):
    """The grey of each frame, from the middle."""
    return frames[..., 20:28, 28:36, :].mean((-3, -2, -1))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return {name: write(folder / name) for name in KINDS}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A GIF whose frames last differently, with the times of their starts."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.gif"
    delays = [300, 50, 1000, 20, 130]
    pictures = [Image.new("L", (64, 48), grey) for grey in GREYS[3:8]]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays)
    return path, np.cumsum([0, *delays]) / 1000


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_tells_its_true_size_and_length(made, name):
    facts = probe(made[name])
    assert (facts.width, facts.height, facts.frames) == (64, 48, 10)
    assert facts.seconds == pytest.approx(1.0, abs=0.011)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_the_frame_shown_at_a_time(made, name):
    frames = read_frames(made[name], np.arange(10) / 10 + 0.05)
    assert frames.shape == (10, 48, 64, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_allclose(levels(frames), GREYS, atol=6)


def test_a_time_at_the_start_of_a_frame_is_that_frame(made):
    for k in range(10):
        assert levels(read_frames(made["a.gif"], np.array([k / 10])))[0] == GREYS[k]


@settings(max_examples=40, deadline=None)
@given(times=st.lists(st.floats(-1, 4, allow_nan=False), min_size=1, max_size=12))
def test_frames_of_different_lengths_are_chosen_by_time(uneven, times):
    path, starts = uneven
    wanted = [GREYS[3 + max(sum(s <= t + 1e-9 for s in starts[:-1]) - 1, 0)] for t in times]
    near = np.abs(np.subtract.outer(times, starts)).min(1) < 1e-8
    got = levels(read_frames(path, np.array(times)))
    np.testing.assert_array_equal(got[~near], np.array(wanted)[~near])


def test_the_length_counts_every_frame_until_its_end(uneven):
    path, starts = uneven
    assert probe(path).seconds == pytest.approx(starts[-1])
    assert probe(path).frames == 5


def test_times_keep_their_shape_and_order(made):
    times = np.array([[0.95, 0.05], [0.35, 0.35]])
    frames = read_frames(made["a.gif"], times)
    assert frames.shape == (2, 2, 48, 64, 3)
    assert levels(frames).tolist() == [[240, 20], [160, 160]]


@pytest.mark.parametrize("name", KINDS)
def test_a_video_of_one_frame_works(tmp_path, name):
    path = write(tmp_path / name, GREYS[:1])
    facts = probe(path)
    assert facts.frames == 1
    assert facts.seconds > 0
    assert load_clips(path, size=32, clips=2, frames=3).shape == (2, 3, 3, 32, 32)
    np.testing.assert_allclose(levels(read_frames(path, np.array([-1.0, 0, 9]))), 20, atol=6)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_cut_off_is_refused(tmp_path, name, share):
    path = cut(write(tmp_path / name, GREYS * 2, noise=20), share)
    for read in (probe, lambda p: read_frames(p, np.array([99.0]))):
        with pytest.raises(InputError, match="broken or not a video") as caught:
            read(path)
        assert name in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_cut_mp4_with_its_index_in_front_is_refused(tmp_path, share):
    path = write(tmp_path / "a.mp4", GREYS * 2, options={"movflags": "faststart"}, noise=20)
    with pytest.raises(InputError, match="broken"):
        probe(cut(path, share))


def test_a_gif_with_a_broken_block_is_refused(tmp_path):
    path = write(tmp_path / "a.gif", noise=20)
    data = bytearray(path.read_bytes())
    place = data.index(b"\x21\xf9", len(data) // 2)
    data[place] = 0x99
    path.write_bytes(data)
    with pytest.raises(InputError, match="unknown block"):
        probe(path)


def test_bytes_behind_a_gif_do_not_matter(made, tmp_path):
    path = tmp_path / "longer.gif"
    path.write_bytes(made["a.gif"].read_bytes() + b"\0junk")
    assert probe(path).frames == 10


def sound(path):
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


BAD = [
    ("folder.mp4", lambda p: p.mkdir(), "folder"),
    ("empty.mp4", lambda p: p.write_bytes(b""), "0 bytes"),
    ("text.mp4", lambda p: p.write_text("hello\n" * 100), "not a video"),
    ("short.gif", lambda p: p.write_bytes(b"GIF89a"), "cut off"),
    ("noise.avi", lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "not a video"),
    ("picture.mp4", lambda p: Image.new("RGB", (8, 8)).save(p, "PNG"), "not a video"),
    ("sound.mp4", sound, "no video in this file"),
]


@pytest.mark.parametrize(("name", "make", "words"), BAD)
def test_what_is_no_video_is_one_clear_line(tmp_path, name, make, words):
    path = tmp_path / name
    make(path)
    with pytest.raises(InputError, match=words) as caught:
        load_clips(path, size=32, clips=1, frames=1)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    for read in (probe, lambda p: read_frames(p, np.zeros(1))):
        with pytest.raises(InputError, match=r"none\.mp4: the video"):
            read(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile a.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_never_opens_other_files(tmp_path, text):
    write(tmp_path / "a.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(text)
    with pytest.raises(InputError, match="not a video"):
        probe(path)


@pytest.mark.parametrize("name", ["concat:a.mp4", "file:a.mp4", "data:video,x.mp4"])
def test_a_name_is_never_an_address(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.mp4").rename(tmp_path / name)
    assert probe(Path(name)).frames == 10
    assert read_frames(Path(name), np.zeros(1)).shape == (1, 48, 64, 3)


def test_limits_stop_decompression_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MAX_FRAMES", 9)
    with pytest.raises(InputError, match=r"too long.*at most 9 frames"):
        probe(write(tmp_path / "a.gif"))
    monkeypatch.setattr(decode, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match=r"too large.*64 x 48"):
        probe(write(tmp_path / "a.mp4"))


def test_a_gif_that_declares_a_huge_screen_is_refused(made, tmp_path):
    data = bytearray(made["a.gif"].read_bytes())
    data[6:10] = struct.pack("<2H", 60_000, 1_000)
    path = tmp_path / "bomb.gif"
    path.write_bytes(data)
    with pytest.raises(InputError, match="60000 x 1000"):
        probe(path)


def test_a_changed_file_is_probed_anew(tmp_path):
    path = write(tmp_path / "a.gif")
    assert probe(path).frames == 10
    write(path, GREYS[:4])
    assert probe(path).frames == 4


def test_a_turned_video_is_shown_upright(tmp_path):
    """A telephone's mark says: turn by 90 degrees clockwise, the top to the right."""
    path = tmp_path / "a.mp4"
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:8] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 24] = struct.pack(">6i", 0, 1 << 16, 0, -(1 << 16), 0, 0)
    path.write_bytes(data)
    facts = probe(path)
    assert (facts.width, facts.height) == (32, 64)
    shown = read_frames(path, np.array([0.0]))[0]
    assert shown.shape == (64, 32, 3)
    assert shown[:, -6:].min() > 200
    assert shown[:, :20].max() < 50


@pytest.mark.parametrize("times", [[], [np.nan], [np.inf]])
def test_times_must_be_finite(made, times):
    with pytest.raises(InputError, match="times"):
        read_frames(made["a.gif"], np.array(times))


def test_sha256_is_of_the_bytes(made):
    wanted = hashlib.sha256(made["a.gif"].read_bytes()).hexdigest()
    assert video_sha256(made["a.gif"]) == wanted


@pytest.mark.parametrize(
    ("height", "width", "new"),
    [
        (48, 64, (24, 32)),
        (64, 48, (32, 24)),
        (16, 64, (8, 32)),
        (4, 64, (2, 32)),
        (1, 999, (1, 32)),
    ],
)
def test_the_longer_side_fits_and_the_rest_is_black(height, width, new):
    frames = np.full((2, height, width, 3), (10, 100, 250), np.uint8)
    out = prepare(frames, 32)
    assert out.shape == (2, 3, 32, 32)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    picture = (torch.tensor([10, 100, 250]) / 255 - mean) / std
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[: new[0], : new[1]] = True
    for channel in range(3):
        torch.testing.assert_close(
            out[0, channel][inside], picture[channel].expand(int(inside.sum()))
        )
        black = (-mean / std)[channel]
        torch.testing.assert_close(out[0, channel][~inside], black.expand(int((~inside).sum())))


def test_frames_of_the_right_size_are_only_normalised():
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    out = prepare(frames, 32, mean=(0, 0, 0), std=(1, 1, 1))
    np.testing.assert_array_equal((out * 255).round().byte().permute(0, 2, 3, 1).numpy(), frames)


def test_shrinking_averages_instead_of_skipping():
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    frames[:, ::8] = 255
    out = prepare(frames, 8, mean=(0, 0, 0), std=(1, 1, 1))
    torch.testing.assert_close(out[:, :, 1:-1], torch.full((1, 3, 6, 8), 1 / 8))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (32, 32, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="height, width, 3"):
        prepare(np.zeros(shape, np.uint8), 32)


def test_clips_are_the_prepared_middles(made):
    clips = load_clips(made["a.gif"], size=64, clips=5, frames=2, mean=(0, 0, 0), std=(1, 1, 1))
    assert clips.shape == (5, 2, 3, 64, 64)
    assert (clips[:, :, 0, 10, 10].flatten() * 255).round().int().tolist() == GREYS


def test_random_clips_depend_on_the_seed_only(made):
    def draw(seed):
        rng = np.random.default_rng(seed)
        return load_clips(made["a.gif"], size=8, clips=2, frames=2, rng=rng)

    assert torch.equal(draw(1), draw(1))
    assert any(not torch.equal(draw(1), draw(seed)) for seed in range(2, 6))


@pytest.fixture(scope="module")
def real_videos():
    folder = Path(os.environ.get("PRIVKIT_DATA", "")) / "videos"
    if not os.environ.get("PRIVKIT_DATA") or not folder.is_dir():
        pytest.skip("PRIVKIT_DATA does not hold videos/")
    files = []
    for pattern in ("msvd_5/*.avi", "tgif_12/*.gif", "fight_surv/*/*.mp4"):
        files += sorted(folder.glob(pattern), key=lambda f: f.stat().st_size)[:4]
    if not files:
        pytest.skip("PRIVKIT_DATA's videos/ is empty")
    return files


def test_real_videos_decode(real_videos):
    for path in real_videos:
        facts = probe(path)
        assert facts.frames > 5, path.name
        assert 0.5 < facts.seconds < 60, path.name
        clips = load_clips(path, size=64, clips=2, frames=2)
        assert clips.shape == (2, 2, 3, 64, 64)
        assert torch.isfinite(clips).all()
        assert clips.std() > 0.1, path.name
