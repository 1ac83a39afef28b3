"""Everything that ``privkit videoqa maps`` looks at, for the codes of one or several tasks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from privkit.data.questions.open import tasks_in
from privkit.data.videos.decode import probe
from privkit.errors import InputError
from privkit.models.featcomp import FeatComp
from privkit.videoqa.activation_maps import BitMaps, map_video
from privkit.videoqa.distributed import Processes
from privkit.videoqa.map_checks import (
    Pointing,
    change_score,
    figure_sides,
    long_videos,
    pointing,
    untrained,
)
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.trained import trained

__all__ = ["CONTROL", "MapStudy", "ShownVideo", "map_tasks", "study_maps"]

Tick = Callable[[str, int, int], None]

#: The name of the control among the tasks.
CONTROL = "not trained"
#: Of the generated set: what moves, and what stands beside it.
_GENERATED_TASKS = ("action", "frameqa")
#: Test videos that are drawn where no video is named.
_SHOWN = 3
#: Long videos for the score of scene changes, and the scenes of each.
_LONG, _SCENES = 10, 6
#: Most frames of a dense look at a video.
_DENSE = 160


@dataclass(frozen=True)
class ShownVideo:
    """A video with its maps.

    Attributes:
        name: without folders.
        maps: by task.
        changes: when scenes change, in seconds, where it is known.
    """

    name: str
    maps: dict[str, BitMaps]
    changes: tuple[float, ...] = ()


@dataclass(frozen=True)
class MapStudy:
    """Bit activation maps and what checks of them say.

    Attributes:
        tasks: whose codes are looked at.
        bits: N.
        opened: the tasks, by name.
        shown: videos for the figure of maps.
        curves: videos for the figure of frames, densely sampled.
        pointing: by task and for :data:`CONTROL`; empty where it is not known what is where.
        changes: by task and for :data:`CONTROL`, a score for each long video.
        real: whether a video may show real people.
    """

    tasks: tuple[str, ...]
    bits: int
    opened: dict[str, Task]
    shown: list[ShownVideo]
    curves: list[ShownVideo]
    pointing: dict[str, Pointing]
    changes: dict[str, list[float]]
    real: bool


def map_tasks(data: str, named: Sequence[str]) -> tuple[str, ...]:
    """The tasks to look at: those named, or two of the generated set, or all of the data."""
    if named:
        return tuple(dict.fromkeys(named))
    return _GENERATED_TASKS if data == "generated" else tuple(tasks_in(Path(data)))


def study_maps(
    source: TaskSource,
    tasks: Sequence[str],
    *,
    bits: int,
    seed: int,
    videos: Sequence[Path] = (),
    tick: Tick | None = None,
) -> MapStudy:
    """Map the activation of the bits in videos, and check the maps where the truth is known.

    Args:
        source: where the tasks come from; its own task's name is not used.
        tasks: names.
        bits: N.
        seed: of the trainings.
        videos: files to look at; test videos of the first task by default.
        tick: progress.

    Raises:
        InputError: a task or a video cannot be opened.
    """
    for video in videos:
        probe(video)  # before the training, not after it
    opened = {name: replace(source, task=name).open(tick) for name in tasks}
    stored = {
        name: _bottleneck(task, bits, seed, source.device, tick) for name, task in opened.items()
    }
    first = opened[tasks[0]]
    names = sorted({q.video for q in first.questions.split("test")})
    files = list(videos) or [first.questions.videos[name] for name in names[:_SHOWN]]
    shown = [ShownVideo(path.name, _maps(path, first, stored)) for path in files]
    sides = figure_sides(first)
    points: dict[str, Pointing] = {}
    changes: dict[str, list[float]] = {}
    curves: list[ShownVideo] = []
    if sides is not None:
        checked = {**stored, CONTROL: untrained(stored[tasks[0]], seed=seed).to(source.device)}
        sampling = source.configuration.video
        found = {name: first.questions.videos[name] for name in names}
        points = pointing(first.backbone, checked, found, sides, sampling, tick=tick)
        looks = _long_looks(first, checked, seed, tick)
        changes = {
            name: [change_score(look.maps[name], look.changes) for look in looks]
            for name in checked
        }
        curves = looks[:2]
    if videos:
        curves = [ShownVideo(path.name, _maps(path, first, stored, dense=True)) for path in videos]
    real = bool(videos) or not first.questions.notice
    return MapStudy(tuple(tasks), bits, opened, shown, curves, points, changes, real)


def _bottleneck(task: Task, bits: int, seed: int, device: str, tick: Tick | None) -> FeatComp:
    variant = Variant(METHODS["featcomp"], bits)
    model = trained(task, variant, seed=seed, group=Processes(device=device), tick=tick).model
    bottleneck = model.stored
    if not isinstance(bottleneck, FeatComp):  # unreachable: the variant has one
        raise InputError("this model stores no code", found=type(bottleneck).__name__)
    return bottleneck.eval()


def _maps(
    path: Path, task: Task, bottlenecks: dict[str, FeatComp], *, dense: bool = False
) -> dict[str, BitMaps]:
    """The maps of a video; all tasks of one source have the same frozen backbone."""
    sampling = task.configuration.video
    frames = None
    if dense:
        frames = max(sampling.frames, -(-min(probe(path).frames, _DENSE) // sampling.clips))
    return map_video(path, task.backbone, bottlenecks, sampling, frames=frames)


def _long_looks(
    task: Task, checked: dict[str, FeatComp], seed: int, tick: Tick | None
) -> list[ShownVideo]:
    """Dense looks at long generated videos, which are not kept."""
    looks = []
    with tempfile.TemporaryDirectory() as folder:
        written = long_videos(Path(folder), videos=_LONG, scenes=_SCENES, seed=seed)
        for n, video in enumerate(written):
            maps = _maps(video.path, task, checked, dense=True)
            looks.append(ShownVideo(video.path.name, maps, video.changes))
            if tick is not None:
                tick("long videos", n + 1, len(written))
    return looks
