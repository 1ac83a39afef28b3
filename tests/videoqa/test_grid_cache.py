"""The cache of backbone features: exact, resumable, and refused where it does not belong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import forked, settings

from privkit.data.videos.frames import load_clips
from privkit.data.videos.generated import generate_videos
from privkit.errors import InputError
from privkit.models.clipbert.grid import GridBackbone
from privkit.videoqa import grid_cache
from privkit.videoqa.answering import folder_videos
from privkit.videoqa.configuration import VideoConfig
from privkit.videoqa.grid_cache import cached_features, open_features, weights_sha256

SAMPLING = VideoConfig(64, 2, 2)


def backbone(seed: int = 0) -> GridBackbone:
    torch.manual_seed(seed)
    return GridBackbone(settings().model.backbone).freeze().eval()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos") / "set"
    generate_videos(folder, videos=40, processes=1)
    return folder_videos(folder / "videos")


@pytest.fixture(scope="module")
def folder(videos: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    cached_features(videos, backbone(), SAMPLING, cache=cache)
    (made,) = cache.glob("features-*/")
    return made


def test_the_features_are_those_of_the_backbone(videos: dict[str, Path], folder: Path) -> None:
    made, network = open_features(folder), backbone()
    assert made.shape == (2, *network.config.grid(64))
    for name in list(videos)[::13]:
        clips = load_clips(videos[name], size=64, clips=2, frames=2)
        with torch.no_grad():
            wanted = network.clip_features(clips[None])
        assert torch.equal(made.take([name]), wanted.half().float())


def test_what_is_there_is_not_computed_again(
    videos: dict[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object) -> None:
        raise AssertionError("it was computed again")

    monkeypatch.setattr(grid_cache, "_compute", never)
    again = cached_features(videos, backbone(), SAMPLING, cache=folder.parent)
    assert np.array_equal(again.x, open_features(folder).x)
    one_clip = replace(SAMPLING, clips=1)
    for other in (
        lambda: cached_features(videos, backbone(1), SAMPLING, cache=folder.parent),
        lambda: cached_features(videos, backbone(), one_clip, cache=folder.parent),
        lambda: cached_features(dict(list(videos.items())[:5]), backbone(), SAMPLING,
                                cache=folder.parent),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="computed again"):
            other()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_computation_goes_on_to_the_same_bytes(
    videos: dict[str, Path], folder: Path, tmp_path: Path
) -> None:
    def work(_rank: int) -> None:
        def tick(_step: str, done: int, _total: int) -> None:
            if done >= 32:
                os.kill(os.getpid(), 9)

        cached_features(videos, backbone(), SAMPLING, cache=tmp_path, tick=tick)

    assert forked(work, 1, tmp_path) == [None]
    assert not list(tmp_path.glob("features-*/videos.json"))
    made = cached_features(videos, backbone(), SAMPLING, cache=tmp_path)
    assert np.array_equal(made.x, open_features(folder).x)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_at_once_do_not_spoil_it(
    videos: dict[str, Path], folder: Path, tmp_path: Path
) -> None:
    def work(_rank: int) -> np.ndarray:
        return np.array(cached_features(videos, backbone(), SAMPLING, cache=tmp_path).x)

    for found in forked(work, 2, tmp_path):
        assert np.array_equal(found, open_features(folder).x)


def test_a_cache_of_another_backbone_or_sampling_is_refused(folder: Path) -> None:
    open_features(folder, backbone=backbone(), sampling=SAMPLING)
    with pytest.raises(InputError, match="another backbone"):
        open_features(folder, backbone=backbone(1))
    with pytest.raises(InputError, match="another sampling"):
        open_features(folder, sampling=replace(SAMPLING, frames=3))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: (f / "x.npy").unlink(),
        lambda f: (f / "videos.json").write_text("{"),
        lambda f: (f / "videos.json").write_text("[]"),
        lambda f: (f / "videos.json").write_text('{"names": [], "skipped": {}, "key": {}}'),
        lambda f: (f / "x.npy").write_bytes((f / "x.npy").read_bytes()[:500]),
        lambda f: np.save(f / "x.npy", np.zeros((3, 3))),
        lambda f: np.save(f / "x.npy", np.array([{}], dtype=object)),
    ],
)
def test_a_damaged_cache_is_one_line(folder: Path, tmp_path: Path, spoil: object) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "bad")
    spoil(tmp_path / "bad")  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        open_features(tmp_path / "bad")
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no finished cache"):
        open_features(tmp_path / "absent")


@pytest.mark.parametrize("change", [{"mean": (0.0, 0.0, 0.0)}, {"channels": "BGR"}])
def test_another_preprocessing_gives_other_features(
    videos: dict[str, Path], folder: Path, change: dict[str, object]
) -> None:
    other = backbone()
    other.config = replace(other.config, **change)  # type: ignore[arg-type]
    assert weights_sha256(other) == weights_sha256(backbone())
    some = {name: videos[name] for name in list(videos)[:3]}
    found = cached_features(some, other, SAMPLING, cache=folder.parent)
    assert not np.array_equal(found.x, open_features(folder).take(list(some)).numpy())
    with pytest.raises(InputError, match="another backbone"):
        open_features(folder, backbone=other)


def test_videos_of_another_set_are_not_computed_again(
    videos: dict[str, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = grid_cache._load

    def noted(path: Path, *rest: object) -> object:
        loaded.append(path.name)
        return load(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(grid_cache, "_load", noted)
    names = list(videos)[3:30:2]
    generate_videos(tmp_path / "new", videos=10, seed=7, processes=1)
    new = folder_videos(tmp_path / "new" / "videos")
    mixed = {name: videos[name] for name in names} | {f"new {name}": new[name] for name in new}
    found = cached_features(mixed, backbone(), SAMPLING, cache=folder.parent)
    assert sorted(loaded) == sorted(path.name for path in new.values())
    assert torch.equal(found.take(names), open_features(folder).take(names))


def test_a_file_that_cannot_be_read_is_skipped(videos: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    some = {"gone": tmp_path / "gone.mp4"} | {name: videos[name] for name in list(videos)[:2]}
    found = cached_features(some, backbone(), SAMPLING, cache=tmp_path / "cache")
    assert list(found.skipped) == ["gone"]
    assert len(found.row) == 2


def test_features_beyond_float16_are_refused(videos: dict[str, Path], tmp_path: Path) -> None:
    large = backbone()
    with torch.no_grad():
        large.grid_encoder[0].weight *= 1e6
    some = {name: videos[name] for name in list(videos)[:2]}
    with pytest.raises(InputError, match="not finite in float16"):
        cached_features(some, large, SAMPLING, cache=tmp_path / "cache")


def test_a_hash_of_weights_sees_every_weight() -> None:
    network = backbone()
    before = weights_sha256(network)
    assert before == weights_sha256(backbone())
    with torch.no_grad():
        network.resnet.bn1.running_var[0] += 1e-6
    assert weights_sha256(network) != before


def test_without_a_usable_video_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="no video can be decoded"):
        cached_features({"a": tmp_path / "a.mp4"}, backbone(), SAMPLING, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("features-*/videos.json"))
