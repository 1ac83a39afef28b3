"""MSVD-QA and MSRVTT-QA: official JSON, and MSRVTT-QA as CSV.

Source: Xu et al., Video Question Answering via Gradually Refined Attention over Appearance and
Motion, ACM MM 2017. Both sets name their files alike, ``{train,val,test}_qa.json``; they are told
apart by MSVD's ``youtube_mapping.txt`` beside them, by MSRVTT's ``category_id``, and by the numbers
of the videos, of which MSVD has 1,970 and MSRVTT 10,000.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from privkit.data.questions.annotation_files import comma_separated, json_array, read_text
from privkit.data.questions.importer import (
    SPLIT_WORDS,
    Importer,
    files_in,
    first_word_type,
    read_files,
)
from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.rows import Row
from privkit.errors import InputError

__all__ = ["MSRVTT_CSV", "MSRVTT_ROWS", "MSVD_ROWS", "XU_JSON"]

MSVD_ROWS: Mapping[str, int] = {"train": 30933, "val": 6415, "test": 13157}
MSRVTT_ROWS: Mapping[str, int] = {"train": 158581, "val": 12278, "test": 72821}

_JSON: Mapping[str, str] = {f"{word}_qa.json": word for word in SPLIT_WORDS}
_CSV: Mapping[str, str] = {f"{word}_qa.csv": word for word in SPLIT_WORDS}
_MAPPING = "youtube_mapping.txt"
_MSVD_VIDEOS = 1970

#: Task to the set's name, the prefix of its videos' names and its official rows.
_SETS: Mapping[str, tuple[str, str, Mapping[str, int]]] = {
    "msvd-qa": ("MSVD-QA", "vid", MSVD_ROWS),
    "msrvtt-qa": ("MSRVTT-QA", "video", MSRVTT_ROWS),
}


def _json_tasks(data: Path) -> tuple[str, ...]:
    files = files_in(data, _JSON)
    if not files:
        return ()
    if _mapping_of(data).is_file():
        return ("msvd-qa",)
    for path in files.values():
        for row in json_array(path):
            if "category_id" in row.values or row.whole("video_id") > _MSVD_VIDEOS:
                return ("msrvtt-qa",)
    return ("msvd-qa",)


def _read_json(data: Path, task: str, _seed: int) -> QuestionSet:
    name, prefix, official = _SETS[task]

    def record(row: Row, split: Split, _number: int) -> Question:
        words = row.text("question")
        return Question(
            str(row.whole("id")),
            f"{prefix}{row.whole('video_id')}",
            task,
            split,
            words,
            row.text("answer"),
            answer_type=first_word_type(words),
        )

    files = [(_JSON[file], path) for file, path in files_in(data, _JSON).items()]
    questions, rows = read_files(files, json_array, record)
    return QuestionSet(name, task, questions, {}, official, rows)


def _mapping_of(data: Path) -> Path:
    return (data if data.is_dir() else data.parent) / _MAPPING


def _youtube_names(data: Path) -> Mapping[str, str]:
    """MSVD's file stem to ``vidN``; empty without the mapping file."""
    path = _mapping_of(data)
    if not path.is_file():
        return {}
    names: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not re.fullmatch(r"vid[0-9]{1,9}", fields[1]) or fields[0] in names:
            raise InputError(
                "this line maps no file to a video",
                where=f"{path}: line {number}",
                rule="a file's stem, a space and vidN; every stem once",
                found=repr(line[:80]),
            )
        names[fields[0]] = fields[1]
    return names


def _csv_tasks(data: Path) -> tuple[str, ...]:
    return ("msrvtt-qa",) if files_in(data, _CSV) else ()


def _read_csv(data: Path, task: str, _seed: int) -> QuestionSet:
    def record(row: Row, split: Split, _number: int) -> Question:
        words = row.text("question")
        return Question(
            row.text("question_id"),
            row.video("video_name"),
            task,
            split,
            words,
            row.text("answer"),
            answer_type=first_word_type(words),
        )

    columns = ("video_name", "question_id", "question", "answer")
    files = [(_CSV[file], path) for file, path in files_in(data, _CSV).items()]
    questions, rows = read_files(files, lambda path: comma_separated(path, columns), record)
    return QuestionSet("MSRVTT-QA", task, questions, {}, MSRVTT_ROWS, rows)


XU_JSON = Importer(
    "MSVD-QA's or MSRVTT-QA's {train,val,test}_qa.json", _json_tasks, _read_json, _youtube_names
)
MSRVTT_CSV = Importer("MSRVTT-QA's {train,val,test}_qa.csv", _csv_tasks, _read_csv)
