"""privkit's own ``questions.jsonl``: one question a line, several tasks and splits in one file.

Beside it may lie ``attributes.csv``, labels of the videos that no question asks about, and
``notice.txt``, words that have to stand wherever a result on the set is shown.
"""

from __future__ import annotations

import re
from pathlib import Path

from privkit.data.questions.annotation_files import json_lines, read_text
from privkit.data.questions.importer import Importer, keep
from privkit.data.questions.record import SPLITS, Question, QuestionSet, Split
from privkit.data.questions.rows import Row

__all__ = ["OWN"]

_FILE = "questions.jsonl"


def _file(data: Path) -> Path | None:
    """The file of questions in the folder, or the file itself if it looks like one."""
    if data.is_dir():
        return data / _FILE if (data / _FILE).is_file() else None
    if data.name == _FILE:
        return data
    if data.suffix == ".jsonl" and "split" in next(json_lines(data)).values:
        return data
    return None


def _tasks(data: Path) -> tuple[str, ...]:
    path = _file(data)
    return () if path is None else tuple(dict.fromkeys(_task(row) for row in json_lines(path)))


def _task(row: Row) -> str:
    task = row.text("task")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", task):
        raise row.error(
            "this is no name of a task",
            rule="1 to 40 letters, digits, '-' and '_', e.g. 'action'",
            found=task,
        )
    return task


def _read(data: Path, task: str, _seed: int) -> QuestionSet:
    path = _file(data) or data
    seen: set[str] = set()
    questions = tuple(
        keep(_question(row, task), row, seen)
        for row in json_lines(path)
        if row.text("task") == task
    )
    notice, attributes = path.with_name("notice.txt"), path.with_name("attributes.csv")
    return QuestionSet(
        path.resolve().parent.name,
        task,
        questions,
        {},
        rows={split: sum(q.split == split for q in questions) for split in SPLITS},
        notice=" ".join(read_text(notice).split()) if notice.is_file() else "",
        attributes=attributes if attributes.is_file() else None,
    )


def _question(row: Row, task: str) -> Question:
    options = row.texts("options") if "options" in row.values else ()
    answer, correct = row.text("answer"), None
    if options:
        correct = row.option("correct", options)
        if options[correct] != answer:
            raise row.error(
                "the answer is not the correct option", rule=repr(options[correct]), found=answer
            )
    kind = row.text("answer_type") if "answer_type" in row.values else ""
    return Question(
        row.text("question_id"),
        row.video("video"),
        task,
        _split(row),
        row.text("question"),
        answer,
        options,
        correct,
        kind or task,
    )


def _split(row: Row) -> Split:
    for split in SPLITS:
        if row.text("split") == split:
            return split
    raise row.error(
        "this split is not known", rule=f"one of {', '.join(SPLITS)}", found=row.text("split")
    )


OWN = Importer("privkit's questions.jsonl", _tasks, _read)
