"""Figures of people: how few hide a person, what known codes add, what each column costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.metadata import Metadata
from privkit.anonymity.people import PeopleAnonymity
from privkit.anonymity.unicity import Unicity, UnicityPoint
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_columns", "draw_people", "draw_unicity"]


def draw_people(
    folder: Path, found: PeopleAnonymity, counts: ClassCounts, noun: ClassNoun = CODE
) -> list[Picture]:
    """Draw the share of people below k against k, beside the same in records.

    Args:
        folder: where ``people-below-k.png`` is written.
        found: k-anonymity in people.
        counts: the class sizes in records, the baseline.
        noun: what a class is.
    """
    sizes, classes = counts.sizes_of_sizes
    curves = (
        ("people", found.ks, found.people_of_k / found.people, COLOURS[0], "-"),
        ("records (rows taken for people)", sizes, sizes * classes / counts.n, COLOURS[1], "--"),
    )
    right = 1.5 * max(
        float(sizes[-1]), float(found.ks[-1]), found.below[-1].k if found.below else 2
    )
    with new_figure() as figure:
        axes = figure.subplots()
        for label, ks, weights, colour, style in curves:
            below = np.concatenate(([0.0], np.cumsum(weights), [1.0]))
            axes.step(
                [0.8, *ks, right], below, where="post", color=colour, linestyle=style, label=label
            )
        for mark in found.below:
            axes.axvline(mark.k, color=COLOURS[6], linewidth=0.8, linestyle=":")
            axes.annotate(
                f"k={mark.k}",
                (mark.k, 1.01),
                xycoords=("data", "axes fraction"),
                fontsize=7,
                rotation=90,
                ha="center",
                va="bottom",
            )
        axes.set(
            xscale="log",
            xlim=(0.8, right),
            ylim=(-0.02, 1.05),
            xlabel=f"people, or records, who share the {noun.one} (number, oneself included)",
            ylabel="hidden among at most so many (share)",
        )
        axes.legend(loc="best")
        path = save(figure, folder / "people-below-k.png")
    return [
        Picture(
            path,
            caption=(
                "Share of the people, by their most exposed record, who are hidden among at most "
                "so many people; what lies left of a dotted line falls short of that k. Dashed: "
                "the same counted in rows, which takes several rows of one person for several "
                "people."
            ),
            alt=(
                f"k of {found.people:,} people from {found.ks[0]:,} to {found.ks[-1]:,}; "
                f"{found.unique:,} are unique."
            ),
        )
    ]


def draw_unicity(folder: Path, found: Unicity, noun: ClassNoun = CODE) -> list[Picture]:
    """Draw the uniqueness of people against the number of known codes.

    Args:
        folder: where ``known-codes.png`` is written.
        found: the curves.
        noun: what a class is.
    """
    curves = (
        ("as a set", found.as_set, COLOURS[0], "o", "-"),
        ("as a sequence", found.as_sequence, COLOURS[1], "s", "--"),
    )
    with new_figure() as figure:
        axes = figure.subplots()
        for label, points, colour, marker, style in curves:
            axes.errorbar(
                [point.p for point in points],
                [point.share for point in points],
                yerr=[_reach(points, below=True), _reach(points, below=False)],
                color=colour,
                marker=marker,
                linestyle=style,
                capsize=3,
                label=f"{noun.many} known {label}",
            )
        one = found.as_set[0].share
        axes.axhline(
            one, color=COLOURS[6], linewidth=0.8, linestyle=":", label=f"one {noun.one} (baseline)"
        )
        most = max(points[-1].p for _, points, *_ in curves)
        axes.set(
            xticks=range(1, most + 1),
            ylim=(-0.02, 1.05),
            xlabel=f"known {noun.many} of the person, p (number)",
            ylabel="people whom nobody else fits (share)",
        )
        axes.legend(loc="best")
        path = save(figure, folder / "known-codes.png")
    point = found.typical  # beyond it the curve speaks of the few who have most codes
    return [
        Picture(
            path,
            caption=(
                f"How many of the people an observer singles out who knows p of their {noun.many}, "
                "in no order and in their order, among those who have so many. Bars: 95% intervals "
                f"of the draws, none where every draw was tried. Dotted: what one {noun.one} does. "
                f"At least half of the people have {point.p}."
            ),
            alt=(
                f"Uniqueness from {found.as_set[0].share:.1%} with one {noun.one} to "
                f"{point.share:.1%} with {point.p}."
            ),
        )
    ]


def _reach(points: tuple[UnicityPoint, ...], *, below: bool) -> list[float]:
    """Return how far the intervals reach to one side; 0 where the share is exact."""
    ends = [point.low if below else point.high for point in points]
    return [
        0.0 if end is None else abs(end - point.share)
        for end, point in zip(ends, points, strict=True)
    ]


def draw_columns(folder: Path, found: Metadata) -> list[Picture]:
    """Draw what each column of metadata costs.

    Args:
        folder: where ``columns.png`` is written.
        found: the costs.
    """
    names = [
        column.name if len(column.name) < 30 else column.name[:29] + "…" for column in found.columns
    ]
    places = np.arange(len(names))
    beside = "beside the code" if found.code is not None else "by itself"
    with new_figure(8.0, 1.8 + 0.45 * len(names)) as figure:
        axes = figure.subplots()
        axes.barh(
            places + 0.2,
            [column.alone.share_below for column in found.columns],
            0.36,
            color=COLOURS[5],
            edgecolor=COLOURS[6],
            label=f"only this column, {beside}",
        )
        kept = [
            (place, column.without.share_below)
            for place, column in enumerate(found.columns)
            if column.without is not None
        ]
        if kept:
            axes.barh(
                [place - 0.2 for place, _ in kept],
                [value for _, value in kept],
                0.36,
                color="white",
                edgecolor=COLOURS[6],
                hatch="///",
                label="all but this column",
            )
        joined = found.joined.share_below
        axes.axvline(joined, color=COLOURS[1], linestyle="--", label="everything")
        if found.code is not None:
            axes.axvline(
                found.code.share_below, color=COLOURS[6], linestyle=":", label="the code alone"
            )
        axes.set(
            yticks=places,
            yticklabels=[name.replace("$", r"\$") for name in names],
            xlim=(0, 1.02),
            xlabel=f"{found.of} with k below {found.threshold} (share)",
            ylabel="column",
        )
        axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=2)
        path = save(figure, folder / "columns.png")
    worst = found.costliest
    return [
        Picture(
            path,
            caption=(
                f"Share of the {found.of} with k below {found.threshold} when a column is left "
                "out (hatched) or is the only one known (plain). A column costs much where its "
                "hatched bar ends far left of the dashed line."
            ),
            alt=(
                f"{joined:.1%} of the {found.of} below k with all columns; "
                f"{'no column' if worst is None else worst.name} costs most."
            ),
        )
    ]
