"""Surveillance Camera Fight: two folders of videos, made into yes/no questions.

Source: Aktı, Tataroğlu and Ekenel, Vision-based Fight Detection from Surveillance Cameras, IPTA
2019. The set has no official split; a stratified one is drawn with a seed.
"""

from __future__ import annotations

from pathlib import Path

from privkit.data.questions.importer import Importer, keep
from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.rows import Row
from privkit.data.questions.splits import seeded_order
from privkit.data.questions.videos import VIDEO_ENDINGS
from privkit.errors import InputError

__all__ = ["FIGHT_SURV"]

_TASK = "yesno"
_FOLDERS = {"fight": "yes", "noFight": "no"}
_QUESTION = "is someone fighting ?"
_TRAIN, _VALIDATION = 0.6, 0.2


def _tasks(data: Path) -> tuple[str, ...]:
    return (_TASK,) if all((data / name).is_dir() for name in _FOLDERS) else ()


def _read(data: Path, task: str, seed: int) -> QuestionSet:
    questions: list[Question] = []
    seen: set[str] = set()
    for name, answer in _FOLDERS.items():
        rows = _videos(data / name)
        split = _splits([row.video("name") for row in rows], seed)
        for row in rows:
            video = row.video("name")
            question = Question(
                video, video, task, split[video], _QUESTION, answer, answer_type=task
            )
            questions.append(keep(question, row, seen))
    return QuestionSet("Surveillance Camera Fight", task, tuple(questions), {})


def _videos(folder: Path) -> list[Row]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in VIDEO_ENDINGS)
    if not files:
        raise InputError(
            "there are no videos", where=folder, rule="gif, mp4, avi, webm or mkv files"
        )
    return [Row(folder, f.name, {"name": f.stem}) for f in files]


def _splits(videos: list[str], seed: int) -> dict[str, Split]:
    """60% train, 20% validation, 20% test of one class."""
    order = seeded_order(videos, seed)
    train = round(_TRAIN * len(order))
    test = train + round(_VALIDATION * len(order))
    return {
        video: "train" if place < train else "validation" if place < test else "test"
        for place, video in enumerate(order)
    }


FIGHT_SURV = Importer("a folder with the folders fight and noFight", _tasks, _read)
