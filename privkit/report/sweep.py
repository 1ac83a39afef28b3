"""The figures of a sweep: accuracy against bits, and usefulness against privacy on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture
from privkit.result import Measure, Result
from privkit.videoqa.seeds import intervals_over

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_accuracy", "draw_usefulness_and_privacy"]

_COLUMNS = 3
#: Marker, colour and place beside the level, so that equal levels do not hide each other.
_POINTS: Mapping[str, tuple[str, str, float]] = {
    "floats": ("D", COLOURS[6], 1.0),
    "reconstruction-only": ("s", COLOURS[1], 0.8),
    "task+reconstruction": ("^", COLOURS[2], 1.25),
    "4x-clips": ("v", COLOURS[3], 1.0),
}
#: Style and colour; they are named in the legend, as any place in a panel may hold a point.
_LINES: Mapping[str, tuple[Any, str]] = {
    "question-only": ("--", COLOURS[1]),
    "options-only": ("-.", COLOURS[2]),
    "random": ((0, (4, 1, 1, 1, 1, 1)), COLOURS[4]),
    "chance": (":", "0.25"),
}
_MARKERS = "os^v<>p"
#: Inches that an entry of the legend takes.
_ENTRY = 1.6
#: Percent at which a panel ends; above 100 stands nothing but the name of the supervision's mark.
_TOP = 121
#: Where the label of a point may stand, in percentage points from it, and what it covers.
_PLACES = ((0, 8), (-8, 6), (8, 6), (-10, 0), (10, 0), (0, -8), (-10, -7), (-11, 11), (-11, -13))
_COVERED = (7.0, 5.5)


def draw_accuracy(folder: Path, result: Result) -> Picture:
    """Draw ``accuracy.png``: the paper's Figure 3, accuracy against the bits stored of a video.

    Args:
        folder: the run folder.
        result: holds the measures ``accuracy``, ``bits stored``, ``chance`` and ``supervision``.
    """
    cells = _cells(result)
    supervision = {
        m.where["task"]: m.value or 0.0 for m in result.measures if m.name == "supervision"
    }
    tasks = list(dict.fromkeys(task for task, _ in cells))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    with new_figure(max(3.6 * columns + 0.2, 5.0), 3.7 * rows + 0.9) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for n, (axis, task) in enumerate(zip(panels, tasks, strict=False)):
            own = [cell for (name, _), cell in cells.items() if name == task]
            chance = _percent(result.measure("chance", task=task).value)
            _accuracy_panel(axis, own, chance, supervision[task])
            axis.set(title=task, xlabel="bits stored of a video")
            if n % columns == 0:
                axis.set_ylabel("questions answered right, %")
        _hide(panels[len(tasks) :])
        _legend(figure, panels[: len(tasks)])
        path = save(figure, folder / "accuracy.png", notices=result.notices)
    best = "; ".join(
        f"{task}: {', '.join(f'{c.label} {c.shown}' for c in _stores(cells, task))}, supervision "
        f"{supervision[task]:.1f} bits a question"
        for task in tasks
    )
    return Picture(
        path,
        "Accuracy against the bits stored of a video (logarithmic), with "
        f"{intervals_over(_seeds(result))}. Floats stand at their own size, 16 bits a float; the "
        "reconstruction methods are drawn a little beside their level, so that none hides another. "
        "The lines see no video: the question with its options, the options alone, a random guess, "
        "and chance as it is reckoned; bands are their intervals. The mark is the supervision "
        "size, the compressed training questions with their answers in bits a question.",
        f"Accuracy by bits, % of the test questions. {best}.",
    )


def draw_usefulness_and_privacy(folder: Path, result: Result) -> Picture | None:
    """Draw ``usefulness_and_privacy.png``: what a store is good for against what it gives away.

    A panel for each task and secret. To the right is useful, down is private.

    Args:
        folder: the run folder.
        result: holds the measures ``accuracy`` and ``secret read``.

    Returns:
        ``None`` where no secret was probed.
    """
    cells = _cells(result)
    reads = [m for m in result.measures if m.name == "secret read"]
    tasks = list(dict.fromkeys(m.where["task"] for m in reads))
    secrets = list(dict.fromkeys(m.where["secret"] for m in reads))
    if not reads:
        return None
    with new_figure(3.5 * len(tasks) + 0.4, 2.9 * len(secrets) + 0.9) as figure:
        grid = figure.subplots(len(secrets), len(tasks), squeeze=False, sharex="col", sharey="row")
        for row, secret in enumerate(secrets):
            for column, task in enumerate(tasks):
                own = [m for m in reads if (m.where["task"], m.where["secret"]) == (task, secret)]
                _privacy_panel(grid[row, column], _stores(cells, task), own)
            grid[row, 0].set_ylabel(f"{secret} read right,\n% of unseen videos")
        for column, task in enumerate(tasks):
            grid[0, column].set_title(task)
            grid[-1, column].set_xlabel(f"{task} questions\nanswered right, %")
        _legend(figure, list(grid.flat))
        path = save(figure, folder / "usefulness_and_privacy.png", notices=result.notices)
    return Picture(
        path,
        "What is stored of a video, by what it is good for (to the right: more questions answered "
        "right) and what it gives away (upwards: read on videos that the probe has not seen), with "
        f"{intervals_over(_seeds(result))}. Of the probes only the stronger one on each store is "
        "drawn; the table names it. Dotted, with its interval as a band: guessing. A store at the "
        "dotted line is not shown to be private: other probes may read more.",
        f"{len(tasks)} tasks by {len(secrets)} secrets ({', '.join(secrets)}), a point for each "
        "level; the numbers are in the tables below.",
    )


class _Store:
    """One variant on one task.

    Args:
        measure: its accuracy.
        bits: stored a video.
    """

    def __init__(self, measure: Measure, bits: float) -> None:
        self.task, self.label = measure.where["task"], measure.where["variant"]
        self.method, self.bits = measure.where["method"], bits
        self.value, self.low, self.high = _ends(measure)

    @property
    def shown(self) -> str:
        return f"{self.value:.0f} ({self.low:.0f}-{self.high:.0f})"

    @property
    def error(self) -> Any:
        """Lengths of the interval's arms, as matplotlib takes them."""
        return [[self.value - self.low], [self.high - self.value]]


def _cells(result: Result) -> dict[tuple[str, str], _Store]:
    """By task and variant, in the order of the result."""
    bits = {
        (m.where["task"], m.where["variant"]): m.value or 0.0
        for m in result.measures
        if m.name == "bits stored"
    }
    return {
        (m.where["task"], m.where["variant"]): _Store(m, bits[m.where["task"], m.where["variant"]])
        for m in result.measures
        if m.name == "accuracy" and m.where["answer type"] == "all"
    }


def _stores(cells: Mapping[tuple[str, str], _Store], task: str) -> list[_Store]:
    """FeatComp by bits, then floats."""
    kept = [c for c in cells.values() if c.task == task and c.method in ("featcomp", "floats")]
    return sorted(kept, key=lambda c: (c.method == "floats", c.bits))


def _accuracy_panel(axis: Axes, cells: Sequence[_Store], chance: float, supervision: float) -> None:
    """One task; ``supervision`` is in bits a question."""
    codes = sorted((c for c in cells if c.method == "featcomp"), key=lambda c: c.bits)
    blind = {c.method: c for c in cells if c.method in _LINES}
    for method, (style, colour) in _LINES.items():
        cell = blind.get(method)
        if cell is not None:
            axis.axhspan(cell.low, cell.high, color=colour, alpha=0.12, linewidth=0)
        if cell is not None or method == "chance":
            value, name = (chance, "Chance") if cell is None else (cell.value, cell.label)
            axis.axhline(value, linestyle=style, color=colour, linewidth=1.4, label=name)
    if codes:
        axis.errorbar(
            [c.bits for c in codes],
            [c.value for c in codes],
            yerr=np.hstack([c.error for c in codes]),
            fmt="o-",
            color=COLOURS[0],
            capsize=3,
            label="FeatComp",
        )
    for cell in cells:
        if cell.method in _POINTS:
            marker, colour, beside = _POINTS[cell.method]
            axis.errorbar(
                cell.bits * beside,
                cell.value,
                yerr=cell.error,
                fmt=marker,
                color=colour,
                markerfacecolor="white",
                capsize=3,
                label=_in_legend(cell),
            )
    stores = sorted({c.bits for c in cells if c.method in ("featcomp", "floats")})
    axis.set_xscale("log")
    axis.set(ylim=(0, _TOP), yticks=range(0, 101, 20))
    axis.spines.left.set_bounds(0, 100)
    if stores:
        floats = {c.bits for c in cells if c.method == "floats"}
        axis.set_xlim(0.7 * min(stores[0], supervision), 2.5 * max(stores[-1], supervision))
        axis.set_xticks(stores, [_level(b, b in floats) for b in stores], fontsize=8)
        axis.minorticks_off()
    _mark_supervision(axis, supervision)


def _mark_supervision(axis: Axes, bits: float) -> None:
    """A line at the size, named above all points; the name leans away from a near edge."""
    low, high = np.log(axis.get_xlim())
    place = float((np.log(bits) - low) / (high - low))
    side = "left" if place < 0.3 else "right" if place > 0.7 else "center"
    axis.plot([bits, bits], [0, 103], color="0.55", linewidth=1, zorder=1)
    axis.plot(bits, 103, marker="v", color="0.35", markersize=5, clip_on=False)
    axis.text(
        bits,
        107,
        f"supervision size\n{bits:.1f} bits a question",
        ha=side,
        va="bottom",
        fontsize=8,
        color="0.2",
    )


def _privacy_panel(axis: Axes, stores: Sequence[_Store], reads: Sequence[Measure]) -> None:
    """One secret against one task, a point for each level."""
    strongest: dict[str, tuple[float, float, float]] = {}
    guess = (0.0, 0.0, 0.0)
    for measure in reads:
        ends = _ends(measure)
        if measure.where["probe"] == "chance":
            guess = max(guess, ends)
        elif ends[0] >= strongest.get(measure.where["variant"], (-1.0,))[0]:
            strongest[measure.where["variant"]] = ends
    axis.axhspan(*guess[1:], color="0.25", alpha=0.15, linewidth=0)
    axis.axhline(guess[0], linestyle=":", color="0.25", linewidth=1.2, label="guessing")
    shown = [store for store in stores if store.label in strongest]
    axis.plot(
        [s.value for s in shown if s.method == "featcomp"],
        [strongest[s.label][0] for s in shown if s.method == "featcomp"],
        color="0.7",
        linewidth=1,
        zorder=1,
    )
    for n, store in enumerate(shown):
        value, low, high = strongest[store.label]
        floats = store.method == "floats"
        axis.errorbar(
            store.value,
            value,
            xerr=store.error,
            yerr=[[value - low], [high - value]],
            fmt="D" if floats else _MARKERS[n % len(_MARKERS)],
            color=COLOURS[6] if floats else COLOURS[n % 6],
            capsize=2,
            markersize=6,
            label=store.label,
        )
    points = [(store.value, strongest[store.label][0]) for store in shown]
    for store, place in zip(shown, _free_places(points), strict=True):
        text = "floats" if store.method == "floats" else f"{store.bits:,.0f}"
        axis.text(
            *place,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color="0.1",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
        )
    axis.set(xlim=(-3, 108), ylim=(-3, 110), xticks=range(0, 101, 20), yticks=range(0, 101, 20))


def _free_places(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A place for the label of each point that no other point and no earlier label covers."""
    taken = list(points)
    out = []
    for x, y in points:
        places = [
            (x + dx, y + dy) for dx, dy in _PLACES if 2 <= y + dy <= 108 and 4 <= x + dx <= 104
        ]
        free = [
            (u, v)
            for u, v in places
            if all(abs(u - a) > _COVERED[0] or abs(v - b) > _COVERED[1] for a, b in taken)
        ]
        out.append((free or places)[0])
        taken.append(out[-1])
    return out


def _in_legend(cell: _Store) -> str:
    """All levels of 4×FeatComp have one marker, and where they stand tells their bits."""
    return cell.label.partition(" ")[0] if cell.method == "4x-clips" else cell.label


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One for all panels, above them: every name once."""
    named = {
        label: handle
        for axis in panels
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(named.values()),
        list(named),
        loc="outside upper center",
        ncols=min(len(named), max(1, int(figure.get_figwidth() / _ENTRY))),
        fontsize=8,
    )


def _hide(panels: Sequence[Axes]) -> None:
    for axis in panels:
        axis.set_visible(False)


def _level(bits: float, floats: bool) -> str:
    return f"floats\n{bits:,.0f}" if floats else f"{bits:,.0f}"


def _seeds(result: Result) -> int:
    """How many trainings an interval is over."""
    return len(result.configuration["seeds"])


def _percent(value: float | None) -> float:
    return 100 * (value or 0.0)


def _ends(measure: Measure) -> tuple[float, float, float]:
    """Value, low and high in percent."""
    return _percent(measure.value), _percent(measure.low), _percent(measure.high)
