"""What an importer is: which tasks it finds in a file or folder, and how it reads one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.rows import Row

__all__ = [
    "SPLIT_WORDS",
    "Importer",
    "files_in",
    "first_word_type",
    "keep",
    "no_names",
    "read_files",
]

#: How the field's files name the splits.
SPLIT_WORDS: Mapping[str, Split] = {"train": "train", "val": "validation", "test": "test"}

_QUESTION_WORDS = frozenset({"what", "who", "how", "when", "where"})


def no_names(_data: Path) -> Mapping[str, str]:
    """The video files of most sets are named as the questions name the videos."""
    return {}


@dataclass(frozen=True)
class Importer:
    """One format of annotation files.

    Attributes:
        files: the files it reads, in words.
        tasks: ``tasks(data)``, the tasks that a folder or file holds in this format; empty where
            it is another format.
        read: ``read(data, task, seed)``, the questions of one task, with the splits as in the files
            and without videos. The seed matters only where the format has no splits of its own.
        names: ``names(data)``, file stem to video name, where the two differ.
    """

    files: str
    tasks: Callable[[Path], tuple[str, ...]]
    read: Callable[[Path, str, int], QuestionSet]
    names: Callable[[Path], Mapping[str, str]] = no_names

    def recognises(self, data: Path) -> bool:
        """Whether the folder or file is in this format."""
        return bool(self.tasks(data))


def files_in(data: Path, known: Iterable[str]) -> dict[str, Path]:
    """Files with known names: the file itself, or those directly in the folder, in known order."""
    if data.is_dir():
        return {name: data / name for name in known if (data / name).is_file()}
    return {name: data for name in known if name == data.name}


def first_word_type(question: str) -> str:
    """The answer type of MSVD-QA and MSRVTT-QA: the question's first word, else ``"other"``.

    Source: Xu et al., Video Question Answering via Gradually Refined Attention over Appearance and
    Motion, ACM MM 2017, section 4.1.
    """
    words = question.lower().split()
    return words[0] if words and words[0] in _QUESTION_WORDS else "other"


def read_files(
    files: Iterable[tuple[str, Path]],
    rows_of: Callable[[Path], Iterable[Row]],
    record: Callable[[Row, Split, int], Question],
) -> tuple[tuple[Question, ...], dict[str, int]]:
    """The questions of the files of one task, in order, and the rows of each file.

    Args:
        files: the field's word for the split (:data:`SPLIT_WORDS`), and the file.
        rows_of: reads a file's rows.
        record: makes a question of a row, its split and the row's number in its file, from 1.

    Returns:
        The questions, and the number of rows by the field's word for the split.

    Raises:
        InputError: a file is broken, or two rows of the files have the same id.
    """
    questions: list[Question] = []
    rows: dict[str, int] = {}
    seen: set[str] = set()
    for word, path in files:
        before = len(questions)
        for number, row in enumerate(rows_of(path), start=1):
            questions.append(keep(record(row, SPLIT_WORDS[word], number), row, seen))
        rows[word] = len(questions) - before
    return tuple(questions), rows


def keep(question: Question, row: Row, seen: set[str]) -> Question:
    """The question, after its id was seen to be new.

    Raises:
        InputError: an earlier row has the same id.
    """
    if question.question_id in seen:
        raise row.error(
            "this question id is used twice",
            rule="every question of a task has an id of its own",
            found=question.question_id,
        )
    seen.add(question.question_id)
    return question
