"""The figure of task-specificity: the paper's Table 2 as a heat map with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from privkit.report.figures import new_figure, save
from privkit.report.html import Picture
from privkit.result import Measure, Result
from privkit.videoqa.seeds import intervals_over

__all__ = ["draw_transfer"]

_BESIDE = {"FeatComp": "end to end", "Q-only": "question only", "Options-only": "options only"}


def draw_transfer(folder: Path, result: Result, tasks: Sequence[str], bits: int) -> Picture:
    """Draw ``transfer.png``: sources of codes in rows, tasks in columns, baselines below.

    Args:
        folder: the run folder.
        result: of :func:`privkit.videoqa.findings_bits.transfer_result`.
        tasks: sources and targets.
        bits: N.
    """
    rows = [
        [
            result.measure("accuracy", **{"codes of": source, "task": task, "answer type": "all"})
            for task in tasks
        ]
        for source in tasks
    ]
    labels = [f"codes of {source}" for source in tasks]
    for variant, label in _BESIDE.items():
        rows.append(
            [
                result.measure("accuracy", variant=variant, task=task, **{"answer type": "all"})
                for task in tasks
            ]
        )
        labels.append(label)
    values = np.array([[m.value for m in row] for row in rows], dtype=np.float64)
    with new_figure(2.4 + 1.5 * len(tasks), 1.3 + 0.55 * len(rows)) as figure:
        axes = figure.subplots()
        shown = axes.imshow(100 * values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        axes.set_xticks(range(len(tasks)), [f"answering {task}" for task in tasks])
        axes.set_yticks(range(len(rows)), labels)
        axes.grid(visible=False)
        axes.axhline(len(tasks) - 0.5, color="white", linewidth=4)
        for y, row in enumerate(rows):
            for x, measure in enumerate(row):
                dark = 100 * values[y, x] < 55
                own = y == x
                axes.text(
                    x,
                    y,
                    _words(measure),
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                    fontweight="bold" if own else "normal",
                )
        figure.colorbar(shown, ax=axes, label="right answers (%)")
        axes.set_title(f"Answers from stored codes of {bits} bit{'s' if bits > 1 else ''}")
        path = save(figure, folder / "transfer.png", notices=result.notices)
    return Picture(
        path,
        "Right answers of a new answerer that was trained on stored codes alone, by the task that "
        "the codes were learned for. Bold: its own task. Below the white line: the end-to-end "
        "model of the task, and models that see no video. In brackets "
        f"{intervals_over(len(result.configuration['seeds']))}.",
        "A table of shares in colours; the numbers are in the tables below.",
    )


def _words(measure: Measure) -> str:
    value, low, high = (100 * float(v or 0) for v in (measure.value, measure.low, measure.high))
    return f"{value:.0f}% ({low:.0f}-{high:.0f})"
