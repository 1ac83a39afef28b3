"""Training from frames: decoded in worker processes, the moments drawn anew in every epoch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from privkit.data.videos.decode import probe, video_sha256
from privkit.data.videos.frames import load_clips
from privkit.errors import InputError
from privkit.models.clipbert.configuration import BackboneConfig
from privkit.models.clipbert.grid import GridBackbone
from privkit.videoqa.batches import Batch, Part, QuestionBatches
from privkit.videoqa.configuration import VideoConfig
from privkit.videoqa.grid_cache import backbone_sha256

__all__ = ["Frames", "frame_batches", "open_frames"]

Tick = Callable[[str, int, int], None]

#: Threads that decode; FFmpeg works outside Python's lock.
_THREADS = 2


@dataclass(frozen=True)
class Frames:
    """The frames of videos, decoded whenever they are asked for; the moments are always the same.

    It stands where :class:`privkit.videoqa.grid_cache.GridFeatures` does.

    Attributes:
        videos: name and file of each video that can be decoded.
        skipped: why each other video was left out.
        sampling: size, clips and frames.
        backbone: how frames are normalised, and the shape of its features.
        key: what the frames rest on: hashes of videos and backbone, and the sampling.
        at_once: videos that are taken together: frames need far more memory than features.
    """

    videos: Mapping[str, Path]
    skipped: Mapping[str, str]
    sampling: VideoConfig
    backbone: BackboneConfig
    key: Mapping[str, Any]
    at_once: int = 8

    @cached_property
    def row(self) -> dict[str, int]:
        """The place of each video that can be decoded."""
        return {name: n for n, name in enumerate(sorted(self.videos))}

    @property
    def shape(self) -> tuple[int, ...]:
        """``(T, h, w, D)``, of the backbone's features."""
        return (self.sampling.clips, *self.backbone.grid(self.sampling.size))

    def take(self, videos: Sequence[str]) -> Tensor:
        """The frames of these videos, ``(n, T, f, 3, S, S)``, from the middle of each part."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return torch.stack(list(pool.map(self.clips, videos)))

    def clips(self, video: str, rng: np.random.Generator | None = None) -> Tensor:
        """The clips of one video, ``(T, f, 3, S, S)``; ``rng`` draws the moments."""
        return load_clips(
            self.videos[video],
            size=self.sampling.size,
            clips=self.sampling.clips,
            frames=self.sampling.frames,
            rng=rng,
            mean=self.backbone.mean,
            std=self.backbone.std,
        )


def open_frames(
    videos: Mapping[str, Path],
    backbone: GridBackbone,
    sampling: VideoConfig,
    *,
    tick: Tick | None = None,
) -> Frames:
    """Decode every video once, to leave out those that cannot be.

    Args:
        videos: name and file of each.
        backbone: what will read the frames.
        sampling: size, clips and frames.
        tick: progress.

    Raises:
        InputError: no video can be decoded.
    """
    names = sorted(videos)
    good: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    digest = hashlib.sha256()
    with ThreadPoolExecutor(_THREADS) as pool:
        for n, (name, found) in enumerate(
            zip(names, pool.map(lambda name: _fault(videos[name]), names), strict=True)
        ):
            if found is None:
                good[name] = videos[name]
                digest.update(f"{name}\0{video_sha256(videos[name])}\n".encode())
            else:
                skipped[name] = found
            if tick is not None:
                tick("decode the videos", n + 1, len(names))
    if not good:
        raise InputError(
            "no video can be decoded",
            where=names[0] if names else "videos",
            rule="at least one usable video",
            found="; ".join(list(skipped.values())[:3]),
        )
    key = {
        "videos": digest.hexdigest(),
        "backbone": backbone_sha256(backbone),
        "sampling": [sampling.size, sampling.clips, sampling.frames],
        "from": "frames",
    }
    return Frames(good, skipped, sampling, backbone.config, json.loads(json.dumps(key)))


def frame_batches(
    questions: QuestionBatches, frames: Frames, *, seed: int, workers: int
) -> Callable[[Iterator[Part]], Iterable[Batch]]:
    """Batches of frames, decoded ahead by worker processes.

    The moments are drawn inside their parts of the video, from the seed, the epoch and the
    question alone: whatever the number of workers, and wherever a training goes on.

    Args:
        questions: the training questions.
        frames: of their videos.
        seed: of the moments.
        workers: processes; 0 decodes in this one.

    Returns:
        A function from the parts of the steps to batches, in the same order.
    """

    def made(parts: Iterator[Part]) -> Iterator[Batch]:
        loader: DataLoader[Any] = DataLoader(
            _Clips(questions, frames, seed),
            sampler=parts,
            batch_size=None,
            num_workers=workers,
            # Its own: the loader draws a seed, which must not move the generator of the training.
            generator=torch.Generator(),
        )
        for part, clips in loader:
            if isinstance(clips, str):
                raise InputError("a video can no longer be decoded", where=clips)
            yield questions.with_videos(part.rows, clips, weight=part.weight)

    return made


class _Clips(Dataset[Any]):
    """The frames of a part's videos. A fault is returned as words: raised, it loses its type."""

    def __init__(self, questions: QuestionBatches, frames: Frames, seed: int) -> None:
        self.names, self.frames, self.seed = [q.video for q in questions.questions], frames, seed

    def __getitem__(self, part: Part) -> tuple[Part, Tensor | str]:
        clips = []
        for row in part.rows.tolist():
            rng = np.random.default_rng([self.seed, part.epoch, row])
            try:
                clips.append(self.frames.clips(self.names[row], rng))
            except InputError as error:
                return part, str(error)
        return part, torch.stack(clips)


def _fault(path: Path) -> str | None:
    try:
        probe(path)
    except InputError as error:
        return error.what + (f": {error.found}" if error.found is not None else "")
    return None
