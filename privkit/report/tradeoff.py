"""Defenses compared at equal usefulness: what a store is good for against what it gives away.

Two measures of a result are read, each with ``where`` naming the ``task``, the ``defense`` (a
curve), the ``setting`` (a point on it) and its ``bits``: ``usefulness``, and ``leakage``, the
residual risk of the strongest attack, with the ``leak`` and the ``attack``. A third, ``chance``, is
the usefulness of a guess, by ``task``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture
from privkit.result import Measure, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Point", "draw_tradeoff", "least_leaks", "pareto_front", "points_of"]

_MARKERS = "os^vDP<>Xhd*"
_CURVES = COLOURS[:6]  # black is the front's; further curves are dashed
_PANEL = (4.6, 4.3)  # inches
_LETTERS = 62  # of the front's names on a line below a panel
#: Where a number may stand around its point, in inches, the nearest first.
_RADII = (0.13, 0.19, 0.27, 0.36)
_DIRECTIONS = 16


@dataclass(frozen=True)
class Point:
    """One setting of one defense, as far as one leak goes.

    Attributes:
        task: what it is useful for.
        leak: what is given away.
        defense: the curve.
        setting: its name.
        bits: stored a record, on paper.
        attack: the strongest.
        useful: share of right answers, with the ends of its interval.
        leaked: residual risk, with the ends of its interval; below 0 where the attack does worse
            than guessing.
    """

    task: str
    leak: str
    defense: str
    setting: str
    bits: int
    attack: str
    useful: tuple[float, float, float]
    leaked: tuple[float, float, float]

    @property
    def risk(self) -> float:
        """What is leaked, where worse than guessing is as good as nothing."""
        return max(0.0, self.leaked[0])


def points_of(result: Result) -> list[Point]:
    """Every setting with what it leaks, in the order of the result."""
    useful = {
        (m.where["task"], m.where["defense"], m.where["setting"]): m
        for m in result.measures
        if m.name == "usefulness"
    }
    points = []
    for m in result.measures:
        if m.name != "leakage":
            continue
        task, defense, setting = (m.where[key] for key in ("task", "defense", "setting"))
        points.append(
            Point(
                task,
                m.where["leak"],
                defense,
                setting,
                int(m.where["bits"]),
                m.where["attack"],
                _ends(useful[task, defense, setting]),
                _ends(m),
            )
        )
    return points


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other is at least as useful as and leaks at most as much, the best first.

    Estimates are compared, not their intervals: neighbours on and off the front may differ by
    chance. Leaks below 0 count as 0.
    """

    def beaten(p: Point) -> bool:
        return any(
            q.useful[0] >= p.useful[0]
            and q.risk <= p.risk
            and (q.useful[0] > p.useful[0] or q.risk < p.risk)
            for q in points
        )

    front = [p for p in points if not beaten(p)]
    return sorted(front, key=lambda p: (-p.useful[0], p.risk))


def least_leaks(points: Sequence[Point], wanted: float) -> dict[str, Point | None]:
    """By defense, the setting that leaks least among those at least so useful.

    Args:
        points: of one task and leak.
        wanted: share of right answers.
    """
    found: dict[str, Point | None] = {}
    for defense in dict.fromkeys(p.defense for p in points):
        good = [p for p in points if p.defense == defense and p.useful[0] >= wanted]
        found[defense] = min(good, key=lambda p: (p.risk, -p.useful[0])) if good else None
    return found


def draw_tradeoff(folder: Path, result: Result, *, columns: int | None = None) -> Picture:
    """Draw ``tradeoff.png``: a panel for each leak and task, a curve a defense.

    Args:
        folder: the run folder.
        result: holds the measures ``usefulness``, ``leakage`` and ``chance``.
        columns: of panels; by default one for each task.
    """
    points = points_of(result)
    tasks = list(dict.fromkeys(p.task for p in points))
    leaks = list(dict.fromkeys(p.leak for p in points))
    panels = [(leak, task) for leak in leaks for task in tasks]
    across = columns or len(tasks)
    down = math.ceil(len(panels) / across)
    curves = list(dict.fromkeys(p.defense for p in points))
    chance = {m.where["task"]: m.value or 0.0 for m in result.measures if m.name == "chance"}
    fronts = {}
    with new_figure(_PANEL[0] * across, _PANEL[1] * down + 0.7) as figure:
        grid = figure.subplots(down, across, squeeze=False)
        for axis, panel in zip(grid.flat, panels, strict=False):
            own = [p for p in points if (p.leak, p.task) == panel]
            fronts[panel] = pareto_front(own)
            title = panel[0] if len(tasks) == 1 else ", ".join(panel)
            _panel(axis, title, own, fronts[panel], curves, chance[panel[1]])
        for axis in list(grid.flat)[len(panels) :]:
            axis.set_visible(False)
        handles = {
            label: handle
            for axis in grid.flat
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside upper center",
            ncols=max(2, round(_PANEL[0] * across / 2.4)),
            fontsize=8,
        )
        path = save(figure, folder / "tradeoff.png", notices=result.notices)
    named = "; ".join(
        f"{leak}, {task}: {', '.join(p.setting for p in front)}"
        for (leak, task), front in fronts.items()
    )
    return Picture(
        path,
        "What is stored, by what it is good for (to the right: more useful) and what the strongest "
        "attack takes from it beyond guessing (upwards: leaks more), with 95% intervals. A curve a "
        "defense, a point a setting. Black, with numbers: the Pareto front, which no other setting "
        "beats in both; estimates are compared, so neighbours may be there by chance. Dotted: "
        "guessing. A point at the dotted line is not shown to be private: other attacks may take "
        "more.",
        f"{len(panels)} panels. Pareto fronts, the most useful first. {named}.",
    )


def _panel(
    axis: Axes,
    title: str,
    points: Sequence[Point],
    front: Sequence[Point],
    curves: Sequence[str],
    chance: float,
) -> None:
    for n, curve in enumerate(curves):
        own = [p for p in points if p.defense == curve]
        if not own:
            continue
        values = [100 * p.leaked[0] for p in own]
        arms = [
            [100 * (p.leaked[0] - p.leaked[1]) for p in own],
            [100 * (p.leaked[2] - p.leaked[0]) for p in own],
        ]
        drawn = axis.errorbar(
            [100 * p.useful[0] for p in own],
            values,
            yerr=arms,
            fmt=_MARKERS[n % len(_MARKERS)],
            linestyle="-" if n < len(_CURVES) else "--",
            linewidth=1,
            markersize=5,
            elinewidth=0.7,
            color=_CURVES[n % len(_CURVES)],
            label=curve,
        )
        for bar in drawn[2]:
            bar.set_alpha(0.45)
    axis.axhline(0, linestyle=":", color="0.25", linewidth=1.3, label="guessing")
    axis.axvline(100 * chance, linestyle=":", color="0.25", linewidth=1.3)
    low = min([0.0, *(100 * p.leaked[1] for p in points)])
    axis.set(
        xlim=(-3, 106),
        ylim=(max(-30.0, low) - 5, 109),
        xticks=range(0, 101, 20),
        yticks=range(0, 101, 20),
        title=title,
        ylabel="leaked beyond guessing, %",
    )
    steps = [(100 * p.useful[0], 100 * p.leaked[0]) for p in front]
    axis.plot(*zip(*steps, strict=True), color="black", linewidth=2.2, alpha=0.35, zorder=1)
    axis.plot(
        *zip(*steps, strict=True),
        "o",
        markersize=10,
        markerfacecolor="none",
        color="black",
        zorder=4,
    )
    taken = [(100 * p.useful[0], 100 * p.leaked[0]) for p in points]
    for n, (place, at) in enumerate(zip(_places(axis, steps, taken), steps, strict=True), 1):
        axis.annotate(
            str(n),
            at,
            place,
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold",
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4},
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.4},
            zorder=5,
        )
    names = [f"({n}) {p.setting}" for n, p in enumerate(front, 1)]
    axis.set_xlabel("\n".join([f"{points[0].task}: right, %", *_lines(names)]), fontsize=8)


def _lines(names: Sequence[str]) -> list[str]:
    """The names of a front, whole, as many on a line as it holds."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) < _LETTERS:
            lines[-1] += f"  {name}"
        else:
            lines.append(name)
    return lines


def _places(
    axis: Axes, at: Sequence[tuple[float, float]], taken: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """For the number of each point the nearest place with room, in units of the data."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    # A panel loses about an inch to its labels in each direction.
    scale = ((right - left) / (_PANEL[0] - 0.9), (top - bottom) / (_PANEL[1] - 1.3))
    covered = [(x / scale[0], y / scale[1]) for x, y in (*taken, *at)]
    out = []
    for x, y in at:
        options = [
            (x / scale[0] + r * math.cos(a), y / scale[1] + r * math.sin(a))
            for r in _RADII
            for a in (2 * math.pi * k / _DIRECTIONS for k in range(_DIRECTIONS))
        ]
        inside = [
            (u, v)
            for u, v in options
            if left < u * scale[0] < right and bottom < v * scale[1] < top
        ]
        room = [min(math.dist(one, other) for other in covered) for one in inside]
        enough = next((n for n, free in enumerate(room) if free >= 0.125), None)
        best = inside[room.index(max(room)) if enough is None else enough]
        covered.append(best)
        out.append((best[0] * scale[0], best[1] * scale[1]))
    return out


def _ends(measure: Measure) -> tuple[float, float, float]:
    """Value, low and high; the interval of a difference may reach beyond what is possible."""
    value = measure.value or 0.0
    low = value if measure.low is None else measure.low
    return value, low, min(1.0, value if measure.high is None else measure.high)
