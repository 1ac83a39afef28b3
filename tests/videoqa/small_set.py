"""A generated set of a few videos, and settings with which everything on it takes seconds."""

from __future__ import annotations

from pathlib import Path

from privkit.data.videos.generated import generate_videos
from privkit.videoqa.configuration import load_configuration
from privkit.videoqa.task import TaskSource

VIDEOS = 60
SETTINGS = (
    "training.pretraining_steps=0",
    "training.epochs=1",
    "training.batch=16",
    "video.frames=2",
    "model.layers=1",
)


def small_source(base: Path, task: str | None = None, *settings: str) -> TaskSource:
    """The source of a task, below a folder that all tests of a session share."""
    folder = base / "few-videos"
    if not folder.is_dir():
        generate_videos(folder, videos=VIDEOS, processes=1)
    configuration = load_configuration("small", [*SETTINGS, *settings])
    return TaskSource(str(folder), task, None, 0, configuration, base / "videoqa")
