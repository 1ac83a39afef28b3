"""The figure of class sizes: how small the equivalence classes are, and for how many records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from privkit.anonymity.classes import ClassCounts
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_class_sizes"]


def draw_class_sizes(
    folder: Path, counts: ClassCounts, *, bits: int | None, thresholds: Sequence[int]
) -> list[Picture]:
    """Draw the class sizes beside the ideal ``n / 2**N`` and the thresholds.

    Args:
        folder: where ``class-sizes.png`` is written.
        counts: the class sizes.
        bits: N; without it no ideal is drawn.
        thresholds: the k's to mark.

    Returns:
        The figure with its caption.
    """
    sizes, classes = counts.sizes_of_sizes
    at_least = np.cumsum(classes[::-1])[::-1]
    below = np.cumsum(sizes * classes) / counts.n
    ideal = None if bits is None else math.ldexp(counts.n, -bits)
    marks = sorted(set(thresholds))
    right = 1.5 * max(float(sizes[-1]), float(marks[-1]) if marks else 1.0, ideal or 1.0)
    left = min(0.8, max(0.5 * ideal, 1e-6)) if ideal else 0.8
    with new_figure(10.0, 4.5) as figure:
        many, few = figure.subplots(1, 2)
        many.step([left, *sizes], [at_least[0], *at_least], where="pre", color=COLOURS[0])
        many.plot(sizes[-1:], at_least[-1:], "o", color=COLOURS[0], markersize=4)
        many.set(yscale="log", ylabel="classes of at least this size (number)")
        few.step([left, *sizes, right], [0, *below, 1], where="post", color=COLOURS[0])
        few.set(ylim=(-0.02, 1.05), ylabel="records in classes of at most this size (share)")
        for axes in (many, few):
            axes.set(xscale="log", xlim=(left, right), xlabel="class size (records)")
            for k in marks:
                axes.axvline(k, color=COLOURS[6], linewidth=0.8, linestyle=":")
                axes.annotate(
                    f"k={k}",
                    (k, 1.01),
                    xycoords=("data", "axes fraction"),
                    fontsize=7,
                    rotation=90,
                    ha="center",
                    va="bottom",
                )
            if ideal is not None and ideal >= left:
                label = f"class size of uniform codes: n / 2^{bits} = {ideal:,.3g} records"
                drawn = axes.axvline(ideal, color=COLOURS[1], linewidth=1.5, linestyle="--")
                if axes is many:
                    figure.legend([drawn], [label], loc="outside upper center")
        path = save(figure, folder / "class-sizes.png")
    line = (
        ""
        if ideal is None
        else " The dashed line is the class size if all codes were equally likely."
    )
    outside = "" if ideal is None or ideal >= left else f" The ideal, {ideal:.3g}, is off the axis."
    return [
        Picture(
            path,
            caption=(
                "Sizes of the equivalence classes. Left: how many classes have at least the size "
                "on the axis. Right: which share of the records is in classes of at most that "
                "size; what lies left of a dotted line falls short of that k." + line + outside
            ),
            alt=(
                f"Class sizes from {sizes[0]:,} to {sizes[-1]:,} records in {counts.classes:,} "
                f"classes of {counts.n:,} records."
            ),
        )
    ]
