"""The JSON lines that ClipBERT reads: TGIF-QA and MSRVTT-QA, rearranged by its authors.

Source: Lei et al., Less is More: ClipBERT for Video-and-Language Learning via Sparse Sampling, CVPR
2021; its configurations name the files. The questions have no ids; they are numbered by their line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from privkit.data.questions.annotation_files import json_lines
from privkit.data.questions.importer import SPLIT_WORDS, Importer, files_in, read_files
from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.rows import Row
from privkit.data.questions.tgif import OFFICIAL_ROWS
from privkit.data.questions.xu import MSRVTT_ROWS

__all__ = ["CLIPBERT"]

_FILES: Mapping[str, tuple[str, str]] = {
    **{
        f"{task}_{word}.jsonl": (task, word)
        for task in ("action", "transition", "frameqa")
        for word in SPLIT_WORDS
    },
    **{f"{word}.jsonl": ("msrvtt-qa", word) for word in SPLIT_WORDS},
}


def _files(data: Path) -> dict[str, Path]:
    """ClipBERT's files; one whose first record has a split is privkit's own."""
    return {
        name: path
        for name, path in files_in(data, _FILES).items()
        if "split" not in next(json_lines(path)).values
    }


def _tasks(data: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_FILES[name][0] for name in _files(data)))


def _read(data: Path, task: str, _seed: int) -> QuestionSet:
    word_of = {split: word for word, split in SPLIT_WORDS.items()}
    questions, rows = read_files(
        [(_FILES[name][1], path) for name, path in _files(data).items() if _FILES[name][0] == task],
        json_lines,
        lambda row, split, number: _question(row, f"{word_of[split]}-{number}", task, split),
    )
    if task == "msrvtt-qa":
        return QuestionSet("MSRVTT-QA", task, questions, {}, MSRVTT_ROWS, rows)
    # ClipBERT carved its validation split out of the official train file.
    official = {"test": OFFICIAL_ROWS[task]["test"]}
    return QuestionSet("TGIF-QA", task, questions, {}, official, rows)


def _question(row: Row, question_id: str, task: str, split: Split) -> Question:
    video = row.video("gif_name" if "gif_name" in row.values else "video_id")
    words = row.text("question")
    if task in ("action", "transition"):
        options = row.texts("options")
        if len(options) < 2:
            raise row.error("there is nothing to choose", rule="two options or more", found=options)
        correct = row.option("answer", options)
        return Question(
            question_id, video, task, split, words, options[correct], options, correct, task
        )
    return Question(
        question_id,
        video,
        task,
        split,
        words,
        row.text("answer"),
        answer_type=row.text("answer_type"),
    )


CLIPBERT = Importer(
    "ClipBERT's {action,transition,frameqa}_{train,val,test}.jsonl or {train,val,test}.jsonl",
    _tasks,
    _read,
)
