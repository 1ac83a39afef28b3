"""The check of a set of questions as a result: what is in it, what is wrong, what guessing gets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from privkit.data.questions.check import QuestionCheck
from privkit.data.questions.record import SPLITS
from privkit.evaluation.guessing import Guess, guesses, shown
from privkit.evaluation.intervals import CONFIDENCE, Interval
from privkit.result import DataUsed, Measure, Result, Table

__all__ = ["SHOWN", "question_check_result"]

SHOWN = 20
"""Videos and answers that are named; the rest is counted."""


def question_check_result(check: QuestionCheck, *, command: str, seed: int) -> Result:
    """The result of ``privkit videoqa check``.

    Args:
        check: what was found.
        command: the command line, for the record.
        seed: of the splits that were drawn.
    """
    questions, made = check.questions, guesses(check.questions)
    videos = len(questions.video_names())
    name = f"{questions.name} {questions.task}"
    tables = (
        _counts(check), _files(check), _undecodable(check), _overlap(check), _guesses(made),
        _answers(check),
    )  # fmt: skip
    return Result(
        command=command,
        configuration={"set": questions.name, "task": questions.task},
        seed=seed,
        data=[
            DataUsed(
                name, "questions", questions.sha256, len(questions.questions), questions.notice
            )
        ],
        findings=_findings(check, made, videos),
        warnings=_warnings(check, videos),
        measures=[
            *_plain_measures(check, videos),
            *(_measure(guess) for guess in made),
        ],
        tables=[table for table in tables if table is not None],
    )


def _findings(check: QuestionCheck, made: Sequence[Guess], videos: int) -> list[str]:
    questions = check.questions
    sizes = [f"{len(questions.split(s)):,} {s}" for s in SPLITS if questions.split(s)]
    form = "multiple choice" if questions.multiple_choice else "open-ended"
    found = [
        f"{questions.name} {questions.task}: {len(questions.questions):,} {form} questions "
        f"({', '.join(sizes)}) about {videos:,} videos.",
        f"{check.decoded:,} of {videos:,} videos were found and decode whole.",
    ]
    overall = [g for g in made if g.answer_type == "all"]
    if overall:
        best = max(overall, key=lambda g: g.accuracy.value)
        found.append(
            f"Without any video, guessing {best.rule} is right in {_percent(best.accuracy)} of the "
            f"{best.split} questions; a model has to be better than that."
        )
    return found


def _warnings(check: QuestionCheck, videos: int) -> list[str]:
    words = list(check.row_warnings)
    for problem, what in ((check.missing(), "missing"), (check.undecodable(), "undecodable")):
        if problem:
            asked = sum(p.questions for p in problem)
            words.append(
                f"{len(problem):,} of {videos:,} videos are {what}, with {asked:,} questions: "
                f"{_named([p.video for p in problem])}."
            )
    words += [
        f"{len(names):,} videos are in both {a} and {b}: {_named(names)}."
        for (a, b), names in check.overlap.items()
    ]
    for ids, what in (
        (check.repeated_options, "two options of the same words"),
        (check.odd_options, "another number of options than the others; no model takes both"),
        (check.empty, "an empty question, answer or option"),
    ):
        if ids:
            words.append(f"{len(ids):,} questions have {what}: {_named(ids)}.")
    words += [
        f"{share:.1%} of the {split} questions have an answer that no training question has."
        for split, share in check.outside.items()
        if share
    ]
    if not check.questions.split("train"):
        words.append("There is no train split, so nothing can be trained and no guess be learned.")
    return words


def _named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(shown(name) for name in names[:SHOWN]) + more


def _counts(check: QuestionCheck) -> Table:
    rows = [
        [split, kind, f"{count:,}", f"{check.videos[split]:,}"]
        for (split, kind), count in check.counts.items()
    ]
    return Table(
        "Questions by split and answer type",
        ["split", "answer type", "questions", "videos of the split"],
        [[row[0], shown(row[1]), *row[2:]] for row in rows],
    )


def _files(check: QuestionCheck) -> Table | None:
    questions = check.questions
    if not questions.official_rows:
        return None
    rows = [
        [
            name,
            f"{questions.rows[name]:,}" if name in questions.rows else "not there",
            f"{questions.official_rows[name]:,}" if name in questions.official_rows else "",
        ]
        for name in dict.fromkeys((*questions.official_rows, *questions.rows))
    ]
    return Table("Rows of the files", ["file", "rows", "official"], rows)


def _undecodable(check: QuestionCheck) -> Table | None:
    rows = [
        [shown(p.video), f"{p.questions:,}", shown(p.detail)] for p in check.undecodable()[:SHOWN]
    ]
    if not rows:
        return None
    return Table(
        "Videos that cannot be decoded",
        ["video", "questions", "why"],
        rows,
        note=f"At most {SHOWN}; all of them, and the missing ones, are in videos.csv of the run.",
    )


def _overlap(check: QuestionCheck) -> Table | None:
    if len(check.videos) < 2:
        return None
    pairs = combinations(check.videos, 2)
    return Table(
        "Videos that two splits share",
        ["splits", "videos"],
        [[f"{a} and {b}", f"{len(check.overlap.get((a, b), ())):,}"] for a, b in pairs],
    )


def _guesses(made: Sequence[Guess]) -> Table | None:
    if not made:
        return None
    return Table(
        f"Guessing without the video, {made[0].split} split",
        ["guess", "answer type", "questions", "right"],
        [[g.rule, shown(g.answer_type), f"{g.accuracy.n:,}", _percent(g.accuracy)] for g in made],
        note="In brackets the 95% interval, which counts videos, not questions, as independent.",
    )


def _answers(check: QuestionCheck) -> Table:
    total = sum(count for _, count in check.answers)
    of = "train split" if check.answers_of == "train" else "all questions"
    return Table(
        f"The most frequent of {len(check.answers):,} answers, {of}",
        ["answer", "questions", "share"],
        [[shown(a), f"{count:,}", f"{count / total:.1%}"] for a, count in check.answers[:SHOWN]],
    )


def _percent(interval: Interval) -> str:
    return f"{interval.value:.1%} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def _plain_measures(check: QuestionCheck, videos: int) -> list[Measure]:
    def count(name: str, value: int, unit: str, **where: str) -> Measure:
        return Measure(name, value, unit, "neither", method="exact count", where=where)

    return [
        *(
            count("questions", number, "questions", split=split, answer_type=kind)
            for (split, kind), number in check.counts.items()
        ),
        *(count("videos", number, "videos", split=s) for s, number in check.videos.items()),
        count("videos", videos, "videos", split="all"),
        count("videos missing", len(check.missing()), "videos"),
        count("videos undecodable", len(check.undecodable()), "videos"),
        *(
            count("videos in two splits", len(check.overlap.get((a, b), ())), "videos",
                  splits=f"{a}, {b}")
            for a, b in combinations(check.videos, 2)
        ),
        *(
            Measure(
                "answers outside the train split's",
                share,
                "share",
                "neither",
                n=len(check.questions.split(split)),
                method="exact count",
                where={"split": split},
            )
            for split, share in check.outside.items()
        ),
    ]  # fmt: skip


def _measure(guess: Guess) -> Measure:
    a = guess.accuracy
    return Measure(
        "accuracy of guessing",
        a.value,
        "share",
        "neither",
        n=a.n,
        successes=a.successes,
        low=a.low,
        high=a.high,
        confidence=CONFIDENCE,
        method=a.method,
        where={"guess": guess.rule, "split": guess.split, "answer_type": guess.answer_type},
    )
