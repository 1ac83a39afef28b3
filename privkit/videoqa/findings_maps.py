"""What was found about where the bits look."""

from __future__ import annotations

from scipy import stats

from privkit.evaluation.intervals import (
    CONFIDENCE,
    Interval,
    mean_over_people,
    share_over_people,
)
from privkit.result import Measure, Result, Table
from privkit.videoqa.findings_bits import (
    data_used,
    described,
    left_out_warnings,
    start_warnings,
)
from privkit.videoqa.map_checks import Pointing
from privkit.videoqa.map_study import CONTROL, MapStudy
from privkit.videoqa.methods import bits_words
from privkit.videoqa.paired import SIGNIFICANT
from privkit.videoqa.task import TaskSource

__all__ = ["maps_result"]

_HALF = "the half of the picture in which the figure stands"


def maps_result(study: MapStudy, source: TaskSource, *, seed: int, command: str) -> Result:
    """The result of a study of bit activation maps."""
    peaks = {name: _peak(found) for name, found in study.pointing.items()}
    shares = {name: _share(found) for name, found in study.pointing.items()}
    changes = {
        name: mean_over_people(scores, range(len(scores))) for name, scores in study.changes.items()
    }
    tasks = list(study.opened.values())
    warnings = [*start_warnings(tasks), *left_out_warnings(tasks)]
    for name, found in study.pointing.items():
        if found.empty:
            warnings.append(f"{name}: {found.empty} videos have an empty map and do not count.")
    if study.real:
        warnings.append(
            "The pictures show frames of the videos. Where those show people, pass the pictures "
            "on only as you may pass on the videos."
        )
    if not peaks:
        warnings.append(
            "What is where in these videos is not known: the maps are pictures without a check."
        )
    findings = _pointing_findings(study, peaks) if peaks else []
    if changes:
        findings.append(_change_finding(study, changes))
    names = [video.name for video in study.shown]
    findings.append(
        f"Maps of {bits_words(study.bits)} learned for {' and '.join(study.tasks)} are drawn "
        f"for {', '.join(names)}."
    )
    return Result(
        command,
        described(source, [seed], tasks=list(study.tasks), bits=study.bits, shown=names),
        seed,
        [data_used(task) for task in study.opened.values()],
        findings,
        [
            *(_measure("peak in the figure's half", n, found) for n, found in peaks.items()),
            *(_measure("activation in the figure's half", n, f) for n, f in shares.items()),
            *(_measure("scene changes in the activation", n, f) for n, f in changes.items()),
        ],
        [_table(peaks, shares, changes)] if peaks else [],
        warnings,
    )


def _peak(found: Pointing) -> Interval:
    return share_over_people(found.peak, found.videos, unit="videos")


def _share(found: Pointing) -> Interval:
    return mean_over_people(found.share, found.videos)


def _pointing_findings(study: MapStudy, peaks: dict[str, Interval]) -> list[str]:
    said = "; ".join(
        f"{peaks[name].percent()} of {peaks[name].n:,} unseen videos for codes of {name}"
        for name in study.tasks
    )
    out = [
        f"The strongest activation lies in {_HALF} in {said}; half of the area would give 50%, a "
        f"bottleneck that was not trained gives {peaks[CONTROL].percent()}."
    ]
    for n, name in enumerate(study.tasks):
        for other in study.tasks[n + 1 :]:
            out.append(_compared(study, name, other))
    return out


def _compared(study: MapStudy, name: str, other: str) -> str:
    """McNemar's exact test on the videos whose maps both are not empty."""
    first = dict(zip(study.pointing[name].videos, study.pointing[name].peak, strict=True))
    second = dict(zip(study.pointing[other].videos, study.pointing[other].peak, strict=True))
    both = [video for video in first if video in second]
    more = sum(bool(first[v]) and not second[v] for v in both)
    less = sum(bool(second[v]) and not first[v] for v in both)
    p = float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0
    if p >= SIGNIFICANT:
        return (
            f"Codes of {name} and of {other} were not shown to look at different halves "
            f"(they differ on {more} against {less} videos, p = {p:.2g})."
        )
    closer, further = (name, other) if more > less else (other, name)
    return (
        f"Codes of {closer} look at the figure's half more often than codes of {further} do "
        f"(on {max(more, less):,} videos against {min(more, less):,}, "
        f"p {'< 0.001' if p < 0.001 else f'= {p:.2g}'})."
    )


def _change_finding(study: MapStudy, changes: dict[str, Interval]) -> str:
    said = ", ".join(f"{_score(changes[name])} for {name}" for name in study.tasks)
    return (
        "In long videos, the chance that the activation steps further at a change of the scene "
        f"than between other frames is {said} (0.5 would be no sign of a change; "
        f"{_score(changes[CONTROL])} for a bottleneck that was not trained)."
    )


def _score(found: Interval) -> str:
    return f"{found.value:.2f} ({max(0.0, found.low):.2f}-{min(1.0, found.high):.2f})"


def _measure(name: str, codes: str, found: Interval) -> Measure:
    return Measure(
        name,
        found.value,
        "share",
        "neither",
        n=found.n,
        successes=found.successes,
        low=max(0.0, found.low),
        high=min(1.0, found.high),
        confidence=CONFIDENCE,
        method=found.method.replace("people", "videos"),
        where={"codes of": codes},
    )


def _table(
    peaks: dict[str, Interval], shares: dict[str, Interval], changes: dict[str, Interval]
) -> Table:
    return Table(
        "Where the bits look",
        ["codes of", "videos", "peak in the figure's half", "activation there", "scene changes"],
        [
            [
                name,
                f"{peaks[name].n:,}",
                peaks[name].percent(),
                shares[name].percent(),
                _score(changes[name]),
            ]
            for name in peaks
        ],
        f"The figure's half is {_HALF}; the things beside it are in the other. Scene changes: the "
        "chance that the activation steps further at a change of the scene than elsewhere, in "
        "long videos. 95% intervals over videos.",
    )
