"""What is in a set of questions, and what is wrong with it: counts, videos, splits, answers."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from privkit.data.questions.record import SPLITS, Question, QuestionSet, Split
from privkit.data.questions.vocabulary import answer_vocabulary, normalise, share_outside
from privkit.errors import InputError

__all__ = [
    "QuestionCheck",
    "VideoProblem",
    "check_questions",
    "official_rows_warnings",
    "write_video_problems",
]


@dataclass(frozen=True)
class VideoProblem:
    """A video that cannot be used.

    Attributes:
        video: its name.
        problem: ``"missing"`` or ``"undecodable"``.
        questions: how many questions are about it.
        detail: why it cannot be decoded.
    """

    video: str
    problem: str
    questions: int
    detail: str = ""


@dataclass(frozen=True)
class QuestionCheck:
    """What is in a set of questions.

    Attributes:
        questions: the set.
        counts: questions by split and answer type; splits without questions are left out.
        videos: videos by split.
        problems: the videos that cannot be used, missing ones first, by name.
        decoded: videos that were decoded whole.
        overlap: names of the videos that two splits share, by the two; only where there are any.
        answers: answers of the train split with their counts, most frequent first; of all questions
            where there is no train split.
        answers_of: ``"train"`` or ``"all"``: whose answers these are.
        outside: share of a split's questions whose answer no question of the train split has; for
            open-ended questions with a train split.
        repeated_options: ids of questions with two options of the same words.
        odd_options: ids of multiple-choice questions with another number of options than most.
        empty: ids of questions in which the question, the answer or an option has no words.
        row_warnings: where the files have other row counts than the official ones.
    """

    questions: QuestionSet
    counts: Mapping[tuple[Split, str], int]
    videos: Mapping[Split, int]
    problems: tuple[VideoProblem, ...]
    decoded: int
    overlap: Mapping[tuple[Split, Split], tuple[str, ...]]
    answers: tuple[tuple[str, int], ...]
    answers_of: str
    outside: Mapping[Split, float]
    repeated_options: tuple[str, ...]
    odd_options: tuple[str, ...]
    empty: tuple[str, ...]
    row_warnings: tuple[str, ...]

    def missing(self) -> tuple[VideoProblem, ...]:
        """The videos of which there is no file."""
        return tuple(p for p in self.problems if p.problem == "missing")

    def undecodable(self) -> tuple[VideoProblem, ...]:
        """The videos whose file cannot be decoded."""
        return tuple(p for p in self.problems if p.problem == "undecodable")


def check_questions(
    questions: QuestionSet,
    *,
    probe: Callable[[Path], object] | None = None,
    tick: Callable[[str, int, int], None] | None = None,
) -> QuestionCheck:
    """Count, compare and decode everything that a set of questions is about.

    Args:
        questions: the set, with the videos that were found.
        probe: decodes a whole video file and raises :class:`InputError` where it cannot;
            :func:`privkit.data.videos.decode.probe` by default.
        tick: told ``("decode the videos", done, total)``.
    """
    splits: dict[Split, tuple[Question, ...]] = {s: questions.split(s) for s in SPLITS}
    present = {split: asked for split, asked in splits.items() if asked}
    names = {split: {q.video for q in asked} for split, asked in present.items()}
    train = present.get("train", ())
    shared = {(a, b): tuple(sorted(names[a] & names[b])) for a, b in combinations(names, 2)}
    outside: dict[Split, float] = {}
    if train and not questions.multiple_choice:
        vocabulary = answer_vocabulary(train)
        outside = {s: share_outside(q, vocabulary) for s, q in present.items() if s != "train"}
    counts = Counter((q.split, q.answer_type) for q in questions.questions)
    answers = Counter(normalise(q.answer) for q in train or questions.questions)
    problems = (*_missing(questions), *_undecodable(questions, probe, tick))
    return QuestionCheck(
        questions=questions,
        counts={(s, kind): counts[s, kind] for s in present for kind in _types(questions, s)},
        videos={split: len(found) for split, found in names.items()},
        problems=problems,
        decoded=len(questions.videos) - sum(p.problem == "undecodable" for p in problems),
        overlap={pair: videos for pair, videos in shared.items() if videos},
        answers=tuple(sorted(answers.items(), key=lambda item: (-item[1], item[0]))),
        answers_of="train" if train else "all",
        outside=outside,
        repeated_options=tuple(
            q.question_id
            for q in questions.questions
            if len({normalise(option) for option in q.options}) < len(q.options)
        ),
        odd_options=odd_options(questions.questions),
        empty=tuple(
            q.question_id
            for q in questions.questions
            if not all(words.strip() for words in (q.question, q.answer, *q.options))
        ),
        row_warnings=tuple(official_rows_warnings(questions)),
    )


def odd_options(questions: Sequence[Question]) -> tuple[str, ...]:
    """Ids of the questions with another number of options than most have."""
    usual = Counter(len(q.options) for q in questions).most_common(1)
    return tuple(q.question_id for q in questions if len(q.options) != usual[0][0])


def official_rows_warnings(questions: QuestionSet) -> list[str]:
    """One sentence for each file whose row count is not the official one; files may be left out."""
    return [
        f"{questions.name} {questions.task}: the {name} file has {questions.rows[name]:,} rows, "
        f"the official one {official:,}."
        for name, official in questions.official_rows.items()
        if name in questions.rows and questions.rows[name] != official
    ]


def write_video_problems(path: Path, check: QuestionCheck) -> None:
    """Write all videos that cannot be used as CSV: ``video,problem,questions,detail``."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(("video", "problem", "questions", "detail"))
        writer.writerows((p.video, p.problem, p.questions, p.detail) for p in check.problems)


def _types(questions: QuestionSet, split: Split) -> list[str]:
    return sorted({q.answer_type for q in questions.questions if q.split == split})


def _missing(questions: QuestionSet) -> list[VideoProblem]:
    asked = Counter(q.video for q in questions.questions)
    return [
        VideoProblem(name, "missing", count)
        for name, count in sorted(asked.items())
        if name not in questions.videos
    ]


def _undecodable(
    questions: QuestionSet,
    probe: Callable[[Path], object] | None,
    tick: Callable[[str, int, int], None] | None,
) -> list[VideoProblem]:
    if not questions.videos:
        return []
    if probe is None:
        from privkit.data.videos import decode  # PyAV is needed for nothing else here

        probe = decode.probe
    asked = Counter(q.video for q in questions.questions)
    problems = []
    for done, (name, path) in enumerate(sorted(questions.videos.items()), start=1):
        try:
            probe(path)
        except InputError as error:
            # Without the file's place: results are passed on, and a path tells whose machine it is.
            found = f": {error.found}" if error.found is not None else ""
            detail = f"{error.what}{found}".replace(f"{path.parent}/", "")
            problems.append(VideoProblem(name, "undecodable", asked[name], detail))
        if tick is not None:
            tick("decode the videos", done, len(questions.videos))
    return problems
