"""The figure of a set of questions: how often the most frequent answers are given."""

from __future__ import annotations

import warnings
from pathlib import Path

from privkit.data.questions.check import QuestionCheck
from privkit.evaluation.guessing import shown
from privkit.evaluation.question_check import SHOWN
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_answers"]


def draw_answers(folder: Path, check: QuestionCheck) -> list[Picture]:
    """Draw ``answers.png``: the share of the questions that each frequent answer is right for.

    Args:
        folder: the run folder.
        check: what was found.

    Returns:
        The figure with its caption.
    """
    total = sum(count for _, count in check.answers)
    top = check.answers[:SHOWN]
    of = "the train split" if check.answers_of == "train" else "all questions"
    notices = [check.questions.notice] if check.questions.notice else []
    places = range(len(top))
    with new_figure(8.0, 1.2 + 0.24 * len(top)) as figure, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # an answer in another script
        axes = figure.subplots()
        axes.barh(places, [100 * count / total for _, count in top], color=COLOURS[0])
        # Answers come from a file: a dollar sign in one is no formula.
        axes.set_yticks(places, [shown(answer) for answer, _ in top], parse_math=False)
        axes.invert_yaxis()
        axes.set(xlabel=f"share of the questions of {of} (%)")
        axes.grid(visible=False, axis="y")
        path = save(figure, folder / "answers.png", notices=notices)
    covered = sum(count for _, count in top) / total
    return [
        Picture(
            path,
            caption=(
                f"The most frequent answers of {of}. A long first bar is an answer that a model "
                "can give without looking at any video."
            ),
            alt=(
                f"{len(top)} of {len(check.answers):,} answers, together right for {covered:.0%} "
                f"of the questions; the most frequent is right for {top[0][1] / total:.1%}."
            ),
        )
    ]
