"""TGIF-QA's official files: tab-separated, without quoting, train and test only.

Source: Jang et al., TGIF-QA: Toward Spatio-Temporal Reasoning in Visual Question Answering, CVPR
2017. The repetition count task is left out: neither ClipBERT's classifiers nor the paper's tables
are about numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from privkit.data.questions.annotation_files import tab_separated
from privkit.data.questions.importer import Importer, files_in, read_files
from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.rows import Row

__all__ = ["ANSWER_TYPES", "OFFICIAL_ROWS", "TGIF_QA"]

OFFICIAL_ROWS: Mapping[str, Mapping[str, int]] = {
    "action": {"train": 20475, "test": 2274},
    "transition": {"train": 52704, "test": 6232},
    "frameqa": {"train": 39392, "test": 13691},
}

ANSWER_TYPES = {0: "object", 1: "number", 2: "color", 3: "location"}
"""FrameQA's column ``type``, numbered as in COCO-QA."""

_FILES: Mapping[str, tuple[str, str]] = {
    f"{word.title()}_{task}_question.csv": (task, word)
    for task in OFFICIAL_ROWS
    for word in ("train", "test")
}
_OPTIONS = ("a1", "a2", "a3", "a4", "a5")


def _tasks(data: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_FILES[name][0] for name in files_in(data, _FILES)))


def _read(data: Path, task: str, _seed: int) -> QuestionSet:
    columns, record = _FORMS[task]
    files = files_in(data, _FILES).items()
    questions, rows = read_files(
        [(_FILES[name][1], path) for name, path in files if _FILES[name][0] == task],
        lambda path: tab_separated(path, columns),
        lambda row, split, _number: record(row, task, split),
    )
    return QuestionSet("TGIF-QA", task, questions, {}, OFFICIAL_ROWS[task], rows)


def _multiple_choice(row: Row, task: str, split: Split) -> Question:
    options = tuple(row.text(name) for name in _OPTIONS)
    correct = row.option("answer", options)
    return Question(
        row.text("vid_id"),
        row.video("gif_name"),
        task,
        split,
        row.text("question"),
        options[correct],
        options,
        correct,
        task,
    )


def _open_ended(row: Row, task: str, split: Split) -> Question:
    kind = row.whole("type")
    if kind not in ANSWER_TYPES:
        raise row.error(
            "this answer type is not known",
            rule=", ".join(f"{number} {name}" for number, name in ANSWER_TYPES.items()),
            found=kind,
        )
    return Question(
        row.text("vid_id"),
        row.video("gif_name"),
        task,
        split,
        row.text("question"),
        row.text("answer"),
        answer_type=ANSWER_TYPES[kind],
    )


_CHOICE_COLUMNS = ("gif_name", "question", *_OPTIONS, "answer", "vid_id")
_FORMS: Mapping[str, tuple[tuple[str, ...], Callable[[Row, str, Split], Question]]] = {
    "action": (_CHOICE_COLUMNS, _multiple_choice),
    "transition": (_CHOICE_COLUMNS, _multiple_choice),
    "frameqa": (("gif_name", "question", "answer", "type", "vid_id"), _open_ended),
}

TGIF_QA = Importer("TGIF-QA's {Train,Test}_{action,transition,frameqa}_question.csv", _tasks, _read)
