"""The one record that every importer makes: a question about a video, and its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from privkit.errors import InputError

__all__ = ["SPLITS", "Question", "QuestionSet", "Split"]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one video.

    Attributes:
        question_id: unique within the set and the task.
        video: name of the video, without folder and extension.
        task: ``"action"``, ``"transition"``, ``"frameqa"``, ``"yesno"``, ``"msrvtt-qa"``,
            ``"msvd-qa"``.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        question: the words.
        answer: the words of the correct answer.
        options: the options of a multiple-choice question; empty for an open-ended one.
        correct: index of the correct option; ``None`` for an open-ended question. Two options may
            have the same words.
        answer_type: what accuracy is broken down by: ``"object"``, ``"number"``, ``"color"``,
            ``"location"``, ``"what"``, ``"who"`` …; the task's name where the set has no types.
    """

    question_id: str
    video: str
    task: str
    split: Split
    question: str
    answer: str
    options: tuple[str, ...] = ()
    correct: int | None = None
    answer_type: str = ""

    @property
    def multiple_choice(self) -> bool:
        """Whether the question comes with options."""
        return bool(self.options)

    def to_dict(self) -> dict[str, Any]:
        """The record as a line of privkit's own ``questions.jsonl``."""
        return {**asdict(self), "options": list(self.options)}


@dataclass(frozen=True)
class QuestionSet:
    """The questions of one task, all splits, and where their videos lie.

    Attributes:
        name: e.g. ``"TGIF-QA"``.
        task: of all its questions.
        questions: in the order of the files.
        videos: video name to file, for the videos that were found.
        official_rows: rows of the official files by split file, e.g. ``{"train": 20475}``; empty
            where the set has no official count.
        rows: rows found in the files, by the same keys.
        notice: words that must stand wherever a result on this set is shown; empty for real data.
        attributes: file of labels that no question asks about (``video,identity,…``), or ``None``.
    """

    name: str
    task: str
    questions: tuple[Question, ...]
    videos: Mapping[str, Path]
    official_rows: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    notice: str = ""
    attributes: Path | None = None

    @property
    def multiple_choice(self) -> bool:
        """Whether its questions come with options."""
        return self.questions[0].multiple_choice

    def split(self, name: Split) -> tuple[Question, ...]:
        """The questions of one split, in order."""
        return tuple(q for q in self.questions if q.split == name)

    def video_names(self) -> list[str]:
        """The names of all videos that a question is about, each once, sorted."""
        return sorted({q.video for q in self.questions})

    def with_questions(self, questions: Sequence[Question]) -> QuestionSet:
        """The same set with other questions, e.g. without those whose video is missing."""
        if not questions:
            raise InputError(
                "no question is left", where=f"{self.name} {self.task}", rule="at least one"
            )
        return replace(self, questions=tuple(questions))

    @property
    def sha256(self) -> str:
        """Hash of the questions as read; the videos are hashed where they are decoded."""
        digest = hashlib.sha256()
        for question in self.questions:
            digest.update(json.dumps(question.to_dict(), sort_keys=True).encode() + b"\n")
        return digest.hexdigest()
