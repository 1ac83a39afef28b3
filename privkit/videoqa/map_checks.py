"""Do bit activation maps show what they should? Checks on generated videos, where it is known.

The figure stands in one half of the picture, the things beside it in the other, and a long video
of several scenes changes at known frames. The control is a bottleneck that was not trained, on the
same backbone (Adebayo et al., *Sanity checks for saliency maps*, NeurIPS 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from privkit.data.videos.encode import RATE, write_long_video
from privkit.data.videos.frames import load_clips
from privkit.data.videos.generated import NOTICE
from privkit.data.videos.scene import scene_of
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.featcomp import FeatComp
from privkit.models.random_draws import seeded
from privkit.videoqa.activation_maps import BitMaps, bit_maps
from privkit.videoqa.configuration import VideoConfig
from privkit.videoqa.privacy import read_secrets
from privkit.videoqa.task import Task

__all__ = [
    "LongVideo",
    "Pointing",
    "change_score",
    "figure_sides",
    "long_videos",
    "pointed",
    "pointing",
    "untrained",
]

Tick = Callable[[str, int, int], None]

_BATCH = 16
#: Scenes of long videos are of no generated set and of no pre-training.
_SCENE_SEED = 2**41


@dataclass(frozen=True)
class Pointing:
    """Where the activation of videos lies.

    Attributes:
        videos: names, without those whose map is empty.
        peak: ``(videos,)``, whether the largest value lies in the half where the figure stands.
        share: ``(videos,)``, the part of the activation that lies in this half.
        empty: videos with an empty map.
    """

    videos: tuple[str, ...]
    peak: NDArray[np.bool_]
    share: NDArray[np.float64]
    empty: int


@dataclass(frozen=True)
class LongVideo:
    """A generated video of several scenes.

    Attributes:
        path: the file.
        frames: their number.
        changes: when the scenes change, in seconds.
    """

    path: Path
    frames: int
    changes: tuple[float, ...]


def figure_sides(task: Task) -> Mapping[str, str] | None:
    """``left`` or ``right`` for each video of a generated set; ``None`` for other sets."""
    questions = task.questions
    if questions.notice != NOTICE or questions.attributes is None:
        return None
    return read_secrets(questions.attributes, ("side",)).values["side"]


def untrained(bottleneck: FeatComp, *, seed: int) -> FeatComp:
    """A bottleneck of the same form as it was before training."""
    with seeded(seed):
        return FeatComp(bottleneck.shape, bottleneck.bits).eval()


def pointing(
    backbone: GridBackbone,
    bottlenecks: Mapping[str, FeatComp],
    videos: Mapping[str, Path],
    sides: Mapping[str, str],
    sampling: VideoConfig,
    *,
    tick: Tick | None = None,
) -> dict[str, Pointing]:
    """Play the pointing game (Zhang et al., ECCV 2016) with the two halves of the picture.

    Args:
        backbone: frozen.
        bottlenecks: by name, all on this backbone.
        videos: name and file of each.
        sides: where the figure stands, ``left`` or ``right``.
        sampling: as in training.
        tick: progress.

    Raises:
        InputError: a video cannot be read.
    """
    names = sorted(videos)
    sums: dict[str, list[NDArray[np.float64]]] = {key: [] for key in bottlenecks}
    for start in range(0, len(names), _BATCH):
        part = names[start : start + _BATCH]
        clips = torch.stack([_clips(videos[name], backbone, sampling) for name in part])
        for key, (maps, _) in bit_maps(backbone, bottlenecks, clips).items():
            sums[key] += list(maps.sum(1).double().numpy())
        if tick is not None:
            tick("activation maps", start + len(part), len(names))
    return {key: pointed(names, maps, sides) for key, maps in sums.items()}


def pointed(
    names: Sequence[str], maps: Sequence[NDArray[np.float64]], sides: Mapping[str, str]
) -> Pointing:
    """Judge maps by the half of the picture in which the figure stands.

    Args:
        names: of the videos.
        maps: of each, ``(h, w)``, not negative.
        sides: ``left`` or ``right`` for each video.
    """
    kept, peaks, shares = [], [], []
    for name, activation in zip(names, maps, strict=True):
        columns = activation.sum(0)
        if not columns.any():
            continue
        width = len(columns)
        place = int(np.unravel_index(activation.argmax(), activation.shape)[1])
        # The middle column of an odd number belongs to both halves alike.
        left = np.clip(width / 2 - np.arange(width), 0, 1)
        mine = left if sides[name] == "left" else 1 - left
        kept.append(name)
        peaks.append(bool(mine[place] > 0.5))
        shares.append(float((columns * mine).sum() / columns.sum()))
    return Pointing(
        tuple(kept), np.array(peaks, bool), np.array(shares, np.float64), len(names) - len(kept)
    )


def _clips(path: Path, backbone: GridBackbone, sampling: VideoConfig) -> torch.Tensor:
    return load_clips(
        path,
        size=sampling.size,
        clips=sampling.clips,
        frames=sampling.frames,
        mean=backbone.config.mean,
        std=backbone.config.std,
    )


def long_videos(folder: Path, *, videos: int, scenes: int, seed: int) -> list[LongVideo]:
    """Write long videos of generated scenes that no set contains.

    Args:
        folder: exists.
        videos: how many.
        scenes: of each, at least 2.
        seed: of the scenes.
    """
    out = []
    for n in range(videos):
        shown = [scene_of(seed + _SCENE_SEED, n * scenes + k) for k in range(scenes)]
        path = folder / f"long{n:03d}.mp4"
        changes = write_long_video(path, shown)
        frames = scenes * changes[0]  # all scenes have as many frames
        out.append(LongVideo(path, frames, tuple(change / RATE for change in changes)))
    return out


def change_score(maps: BitMaps, changes: Sequence[float]) -> float:
    """How well the steps of the per-frame activation tell where the scenes change.

    Args:
        maps: of densely taken frames.
        changes: when scenes change, in seconds.

    Returns:
        The chance that a step at a change is larger than a step elsewhere, ties counted half
        (the area under the ROC curve); 0.5 where steps say nothing.
    """
    steps = maps.by_frame.double().diff().abs().numpy()
    at = np.zeros(len(steps), bool)
    at[np.searchsorted(maps.times, changes) - 1] = True
    wins = stats.mannwhitneyu(steps[at], steps[~at]).statistic
    return float(wins / (at.sum() * (~at).sum()))
