"""One way to open questions about videos, whatever format they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from privkit.data.questions.clipbert import CLIPBERT
from privkit.data.questions.fight_surv import FIGHT_SURV
from privkit.data.questions.importer import Importer
from privkit.data.questions.own import OWN
from privkit.data.questions.record import QuestionSet
from privkit.data.questions.splits import carve_validation
from privkit.data.questions.tgif import TGIF_QA
from privkit.data.questions.videos import find_videos
from privkit.data.questions.xu import MSRVTT_CSV, XU_JSON
from privkit.errors import InputError

__all__ = ["IMPORTERS", "open_questions", "read_questions", "tasks_in"]

IMPORTERS: Mapping[str, Importer] = {
    "privkit": OWN,
    "tgif-qa": TGIF_QA,
    "clipbert": CLIPBERT,
    "xu-json": XU_JSON,
    "msrvtt-csv": MSRVTT_CSV,
    "fight_surv": FIGHT_SURV,
}


def tasks_in(data: Path) -> list[str]:
    """The tasks of a folder or annotation file, in the order of the formats.

    Raises:
        InputError: nothing there is in a known format, or a file is broken.
    """
    return list(_offered(data))


def read_questions(data: Path, *, task: str | None = None, seed: int = 0) -> QuestionSet:
    """The questions of one task with the splits as in the files, and no videos.

    Args:
        data: a folder, or one annotation file.
        task: which one; may be left out where there is only one.
        seed: of the split where the format has none of its own.

    Raises:
        InputError: the task is not there or not named, or a file is broken.
    """
    return _read(data, task, seed)[1]


def open_questions(
    data: Path, *, task: str | None = None, videos: Path | None = None, seed: int = 0
) -> QuestionSet:
    """The questions of one task, with a validation split and the videos that were found.

    A set without a validation split gets one (:func:`carve_validation`).

    Args:
        data: a folder, or one annotation file.
        task: which one; may be left out where there is only one.
        videos: folder to search for the videos; ``data``, or the file's folder, by default.
        seed: of the splits that are drawn.

    Raises:
        InputError: see :func:`read_questions`; or a video has two files.
    """
    importer, questions = _read(data, task, seed)
    folder = videos or (data if data.is_dir() else data.parent)
    return replace(
        questions,
        questions=carve_validation(questions.questions, seed=seed),
        videos=find_videos(folder, questions.video_names(), importer.names(data)),
    )


def _read(data: Path, task: str | None, seed: int) -> tuple[Importer, QuestionSet]:
    importer, name = _chosen(data, task)
    questions = importer.read(data, name, seed)
    if not questions.questions:
        raise InputError(
            f"there is no question of the task {name!r}", where=data, rule="at least one row"
        )
    return importer, questions


def _chosen(data: Path, task: str | None) -> tuple[Importer, str]:
    offered = _offered(data)
    listed = ", ".join(offered)
    if task is None and len(offered) > 1:
        raise InputError(
            "it is not said which task",
            where=data,
            rule="one task at a time",
            found=f"the tasks {listed}",
            remedy="name one with --task",
        )
    name = task if task is not None else next(iter(offered))
    if name not in offered:
        raise InputError(
            "the task is not there", where=data, rule=f"one of {listed}", found=repr(name)
        )
    if len(offered[name]) > 1:
        raise InputError(
            f"the task {name!r} is there in several formats",
            where=data,
            found=" and ".join(importer.files for importer in offered[name]),
            remedy="name one file, or move the others away",
        )
    return offered[name][0], name


def _offered(data: Path) -> dict[str, list[Importer]]:
    if not data.exists():
        raise InputError(
            "it does not exist", where=data, rule="a folder or file of questions about videos"
        )
    offered: dict[str, list[Importer]] = {}
    for importer in IMPORTERS.values():
        for task in importer.tasks(data):
            offered.setdefault(task, []).append(importer)
    if not offered:
        there = sorted(p.name for p in data.iterdir()) if data.is_dir() else [data.name]
        more = f" and {len(there) - 10} more" if len(there) > 10 else ""
        raise InputError(
            "there are no questions in a format that is known",
            where=data,
            rule="; ".join(importer.files for importer in IMPORTERS.values()).replace("; ", " or "),
            found=(", ".join(map(repr, there[:10])) + more) or "an empty folder",
        )
    return offered
