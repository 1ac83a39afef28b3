"""The figure of a comparison of two audits: each attack's success before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from privkit.audit.compare import Comparison
from privkit.audit.risks import RISKS
from privkit.report.audit_figures import plain_label, quiet_about_glyphs
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_changes"]

_MOST = 24


def draw_changes(folder: Path, found: Comparison, notices: Sequence[str]) -> list[Picture]:
    """Draw ``changes.png``: for each attack that both ran, its rate in either with its interval.

    Args:
        folder: the run folder.
        found: the comparison.
        notices: words to write onto the picture.

    Returns:
        The figure; nothing where no attack was run in both.
    """
    changes = found.changes[:_MOST]
    if not changes:
        return []
    places = np.arange(len(changes), dtype=np.float64)[::-1]
    with quiet_about_glyphs(), new_figure(9.0, 1.6 + 0.5 * len(changes)) as figure:
        axes = figure.add_subplot()
        for side, name, colour, marker, up in (
            ("first", f"before: {found.first.name}", "0.35", "s", 0.14),
            ("second", f"after: {found.second.name}", COLOURS[0], "o", -0.14),
        ):
            rates = [getattr(change, side) for change in changes]
            value = np.array([rate["value"] for rate in rates])
            ends = np.array([[rate["low"], rate["high"]] for rate in rates]).T
            axes.errorbar(
                100 * value,
                places + up,
                xerr=100 * np.abs(ends - value),
                fmt=marker,
                mfc="white" if side == "first" else colour,
                color=colour,
                capsize=3,
                label=plain_label(name),
            )
        labels = [
            f"{RISKS[change.key[0]].title}\n{plain_label(', '.join(change.key[1:]))}"
            for change in changes
        ]
        axes.set_yticks(places, labels)
        for label, change in zip(axes.get_yticklabels(), changes, strict=True):
            label.set(fontsize=8, fontweight="bold" if change.significant else "normal")
        axes.set(xlim=(-2, 102), ylim=(-0.7, len(changes) - 0.3))
        axes.set_xlabel("success of the attack (% of trials)")
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=2, fontsize=8)
        path = save(figure, folder / "changes.png", notices=notices)
    shown = sum(change.significant for change in changes)
    return [
        Picture(
            path,
            "Success of each attack that both audits ran, with its interval over people. Bold "
            "names: the change is shown by the paired test. Intervals that overlap do not mean "
            "that nothing changed: the test pairs people, the intervals do not.",
            f"{len(changes)} attacks before and after; for {shown} of them the change is shown. "
            "The numbers are in the tables below.",
        )
    ]
