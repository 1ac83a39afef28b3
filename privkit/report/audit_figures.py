"""The figures of an audit: how often each attack succeeds, its curves, and what it rebuilds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from privkit.audit.evidence import MEAN_FACE, Evidence
from privkit.audit.findings import Curve, RiskFinding
from privkit.audit.percent import percent
from privkit.evaluation.rates import Rate
from privkit.report.audit_words import rate_words, verdict_words
from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture
from privkit.report.inversion import draw_reconstructions
from privkit.report.visible import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

__all__ = [
    "allowed_rate",
    "draw_curves",
    "draw_evidence",
    "draw_rates",
    "plain_label",
    "quiet_about_glyphs",
]

#: Attacks in a figure; the table below it has all of them.
_MOST = 12
_SHOWN_PEOPLE = 8
_LABEL = 44
_AXIS_LABEL = 64
_LINES = ("-", "--", "-.", ":")
_MARKERS = "os^Dv<>P"
#: From this ratio of its ends on, an axis of positive numbers is logarithmic.
_WIDE = 50.0


def allowed_rate(rate: Rate, limit: float) -> float:
    """The success at which this attack's residual risk is the limit of the policy."""
    return rate.baseline + limit * (1 - rate.baseline)


def draw_rates(folder: Path, finding: RiskFinding, notices: Sequence[str]) -> Picture:
    """Draw ``rates-RISK.png``: success of each attack beside guess, control and limit.

    Args:
        folder: the run folder.
        finding: with at least one rate.
        notices: words to write onto the picture.
    """
    rates = list(finding.rates[:_MOST])
    places = np.arange(len(rates))[::-1]
    with _figure(9.0, 1.5 + 0.42 * len(rates)) as figure:
        axes = figure.add_subplot()
        for place, rate in zip(places, rates, strict=True):
            _draw_rate(axes, float(place), rate, finding.limit, first=place == places[0])
        axes.set_yticks(places)
        for label, rate in zip(
            axes.set_yticklabels([_name(rate) for rate in rates]), rates, strict=True
        ):
            label.set(parse_math=False, fontsize=9)
            label.set_fontweight("bold" if rate == finding.strongest else "normal")
        axes.set(xlim=(-2, 102), ylim=(-0.7, len(rates) - 0.3))
        axes.set_xlabel("success of the attack (% of trials)")
        axes.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=5, fontsize=8)
        path = save(figure, folder / f"rates-{finding.risk}.png", notices=notices)
    more = len(finding.rates) - len(rates)
    strongest = rates[0]
    return Picture(
        path,
        f"How often each attack succeeds, with its {strongest.confidence:.0%} interval over people "
        "(thin line). Bold line: from the lower bound that is corrected for all attacks of the "
        "audit. It is a leak where the bold line lies to the right of the dashed limit."
        + (f" {more} weaker attacks are in the table only." if more > 0 else ""),
        f"{finding.title}: {verdict_words(finding)}. The strongest of {len(finding.rates)}, "
        f"{shortened(visible(strongest.name))}, succeeds in {rate_words(strongest)}; a guess gets "
        f"{percent(strongest.baseline)}, the policy allows "
        f"{percent(allowed_rate(strongest, finding.limit))}.",
    )


def _draw_rate(axes: Axes, place: float, rate: Rate, limit: float, *, first: bool) -> None:
    """A row: interval, corrected bound, value, guess, control and limit."""

    def label(words: str) -> str | None:
        return words if first else None

    bound = 100 * min(max(rate.baseline + rate.bound * (1 - rate.baseline), 0.0), rate.value)
    value = 100 * rate.value
    axes.plot([100 * rate.low, 100 * rate.high], [place, place], color=COLOURS[0], lw=1.2)
    axes.plot([bound, value], [place, place], color=COLOURS[0], lw=4, solid_capstyle="butt")
    for end in (100 * rate.low, 100 * rate.high):
        axes.plot([end, end], [place - 0.13, place + 0.13], color=COLOURS[0], lw=1.2)
    axes.plot(value, place, "o", color=COLOURS[0], ms=8, label=label("attack"))
    axes.plot(
        100 * rate.control, place, "x", color="0.25", ms=7, mew=1.5,
        label=label("control: another person's feature"),
    )  # fmt: skip
    axes.plot(
        100 * rate.baseline, place, "D", mfc="white", mec=COLOURS[6], ms=6, zorder=1.9,
        label=label("guess without the feature"),
    )  # fmt: skip
    allowed = 100 * allowed_rate(rate, limit)
    axes.plot(
        [allowed, allowed], [place - 0.4, place + 0.4], "--", color=COLOURS[1], lw=2,
        label=label("limit of the policy"),
    )  # fmt: skip


def draw_curves(folder: Path, finding: RiskFinding, notices: Sequence[str]) -> Picture:
    """Draw ``curves-RISK.png``: a panel for each kind of curve.

    Args:
        folder: the run folder.
        finding: with at least one curve.
        notices: words to write onto the picture.
    """
    ordered = sorted(finding.curves, key=lambda curve: curve.kind)
    kinds = [list(several) for _, several in groupby(ordered, key=lambda curve: curve.kind)]
    with _figure(max(5.4, 4.8 * len(kinds)), 4.2) as figure:
        panels = figure.subplots(1, len(kinds), squeeze=False)[0]
        for axes, curves in zip(panels, kinds, strict=True):
            _draw_panel(axes, curves)
        path = save(figure, folder / f"curves-{finding.risk}.png", notices=notices)
    said = "; ".join(
        f"{shortened(visible(curve.label))}: {percent(float(curve.y[0]))} at {curve.x[0]:g}, "
        f"{percent(float(curve.y[-1]))} at {curve.x[-1]:g}"
        for curve in ordered[:6]
        if len(curve.x)
    )
    return Picture(
        path,
        "What the attacks reach when they may try more, or may raise more false alarms. Grey "
        "dotted line: a guess. The further a line lies above it, the more a feature tells.",
        f"{finding.title}, curves. {said}.",
    )


def _draw_panel(axes: Axes, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for n, curve in enumerate(curves[:_MOST]):
        axes.plot(
            curve.x,
            np.asarray(curve.y, dtype=np.float64),
            _LINES[n % len(_LINES)],
            marker=_MARKERS[n % len(_MARKERS)] if len(curve.x) <= 40 else None,
            ms=4,
            color=COLOURS[n % len(COLOURS)],
            label=plain_label(curve.label),
        )
    first = curves[0]
    axes.plot(first.x, np.asarray(first.chance, dtype=np.float64), ":", color="0.35", label="guess")
    places = [x for curve in curves for x in curve.x]
    if places and min(places) > 0 and max(places) > _WIDE * min(places):
        axes.set_xscale("log")
    elif all(float(x).is_integer() for x in places):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(plain_label(first.x_label, _AXIS_LABEL))
    axes.set_ylabel(plain_label(first.y_label, _AXIS_LABEL))
    axes.legend(fontsize=8)


def draw_evidence(folder: Path, evidence: Evidence, notices: Sequence[str]) -> Picture:
    """Draw ``reconstructions.png``: originals, the mean face, and what each attack rebuilt."""
    k = min(_SHOWN_PEOPLE, len(evidence))

    def key(attack: str) -> tuple[str, str]:
        return ("", attack if attack == MEAN_FACE else plain_label(attack))

    with quiet_about_glyphs():
        drawn = draw_reconstructions(
            folder,
            evidence.originals[:k],
            {key(attack): made[:k] for attack, made in evidence.made.items()},
            {key(attack): right[:k] for attack, right in evidence.recognised.items()},
            evidence.shape,
            notices,
        )
    said = "; ".join(
        f"{shortened(visible(attack))}: {int(right[:k].sum())} of {k} recognised"
        for attack, right in evidence.recognised.items()
    )
    people = ", ".join(shortened(visible(person), 40) for person in evidence.people[:k])
    return replace(
        drawn,
        caption="Pictures behind stored features, and what each attack rebuilds from the feature "
        "alone. A frame: an independent evaluator recognises the right person. A picture that does "
        "not look like a face may still name the person."
        + (f" From left to right: {people}." if people else ""),
        alt=f"{k} original pictures and their reconstructions. {said}.",
    )


def _name(rate: Rate) -> str:
    return f"{plain_label(rate.attack)}\n{plain_label(rate.measure)}"


def plain_label(text: str, most: int = _LABEL) -> str:
    """A label that matplotlib takes neither for a formula nor for a missing legend entry."""
    return shortened(visible(text), most).replace("$", r"\$").lstrip("_")


@contextmanager
def _figure(width: float, height: float) -> Iterator[Any]:
    with quiet_about_glyphs(), new_figure(width, height) as figure:
        yield figure


@contextmanager
def quiet_about_glyphs() -> Iterator[None]:
    """Keep warnings of letters that the figures' font lacks; the page has the words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        yield
