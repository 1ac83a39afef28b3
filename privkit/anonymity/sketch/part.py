"""What a sketch says, in numbers, tables and sentences."""

from __future__ import annotations

from privkit.anonymity.parts import Part
from privkit.anonymity.sketch.estimates import (
    Estimate,
    PeopleBelow,
    SizeEstimates,
    SketchEstimates,
    SmallClasses,
    estimate,
)
from privkit.anonymity.sketch.sketch import Sketch
from privkit.anonymity.words import number, share
from privkit.result import Better, Measure, Table

__all__ = ["sketch_part"]

SAMPLED = "keyed sample of classes, binomial interval"
EXACT = "exact count"


def sketch_part(sketch: Sketch, thresholds: tuple[int, ...] = (2, 5, 10, 100)) -> Part:
    """Say what a sketch shows of its stream.

    Args:
        sketch: the sketch.
        thresholds: the k's below which classes count as small.

    Raises:
        InputError: see :func:`privkit.anonymity.sketch.estimate`.
    """
    found = estimate(sketch, thresholds)
    views = [found.records] + ([found.people] if found.people is not None else [])
    tables = [_overview(found)]
    for view in views:
        tables += [_below(view, found), _sizes(view)]
    if found.people_below:
        tables.append(_people(found))
    return Part(
        findings=[_headline(found), *(_k(view, found) for view in reversed(views))],
        warnings=_warnings(sketch, found),
        measures=_measures(found, views),
        tables=tables,
    )


def _headline(e: SketchEstimates) -> str:
    if e.exact:
        return (
            f"All {number(e.held)} classes of {number(e.n)} records fitted into the sketch: every "
            "number is an exact count."
        )
    return (
        f"{number(e.n)} records in about {number(round(e.classes.value))} equivalence classes "
        f"(95% interval {_ends(e.classes)}), estimated from {number(e.held)} classes that were "
        f"chosen by a keyed hash, each with probability 1/{number(round(1 / e.share))}, and "
        "counted exactly."
    )


def _k(view: SizeEstimates, e: SketchEstimates) -> str:
    said = f"In {view.unit}, k {'=' if e.exact else 'is at most'} {number(view.smallest)}"
    if e.exact:
        return f"{said}, the smallest class."
    if view.smallest == 1:
        return f"{said}: {view.unit} that are alone in their class were seen, so k = 1."
    return (
        f"{said}, the smallest class in the sample. Smaller ones cannot be excluded: none was "
        f"found, so at most {number(round(view.smaller))} classes (one-sided 95%, "
        f"{share(min(1.0, view.smaller / e.classes.low))} of all) are smaller."
    )


def _warnings(sketch: Sketch, e: SketchEstimates) -> list[str]:
    said = []
    if not e.exact:
        said.append(
            "These are estimates from a sample of classes. A sample cannot show that k is at least "
            "some K: count exactly for that."
        )
    if sketch.public:
        said.append(
            "This sketch was made without a secret key, with one derived from the seed: whoever "
            "has its file can test for any code whether it occurs and how often. Give --key for a "
            "sketch that leaves your hands."
        )
    if e.people_below and not e.exact:
        said.append(
            "People below k are given as a range: a sample of classes does not tell in how many "
            "small classes the same person is."
        )
    return said


def _overview(e: SketchEstimates) -> Table:
    rows = [
        ["records", number(e.n), "", "all records of the stream; counted, not estimated"],
        [
            "equivalence classes",
            *_cells(e.classes),
            "different codes that occur",
        ],
        [
            "classes counted",
            number(e.held),
            "",
            "classes whose keyed hash lies below the threshold; these are counted exactly",
        ],
        [
            "threshold",
            "1" if e.exact else f"1/{number(round(1 / e.share))}",
            "",
            "the probability with which a class is counted; 1 means that all are",
        ],
    ]
    if e.crowd is not None:
        rows.append(["people", *_cells(e.crowd), "different people in the stream"])
    return Table("The sketch", ["", "estimate", "95% interval", "what it means"], rows)


def _below(view: SizeEstimates, e: SketchEstimates) -> Table:
    return Table(
        f"Classes below k, in {view.unit}",
        [
            "k",
            "classes",
            "95% interval",
            "share of classes",
            view.unit,
            "95% interval",
            "what it means",
        ],
        [
            [
                number(b.k),
                *_cells(b.classes),
                f"{share(b.share.value)} ({share(b.share.low)} to {share(b.share.high)})",
                *_cells(b.members),
                _below_words(view, b, e),
            ]
            for b in view.below
        ],
        note="" if view.unit == "records" else "Someone in several small classes counts in each.",
    )


def _below_words(view: SizeEstimates, b: SmallClasses, e: SketchEstimates) -> str:
    if not b.classes.found:
        return (
            f"no class has fewer than {number(b.k)} {view.unit}"
            if e.exact
            else f"no class of fewer than {number(b.k)} {view.unit} is in the sample, which does "
            "not exclude some"
        )
    if view.unit == "records":
        part = share(b.members.over(e.n).value)
        others = "no other" if b.k == 2 else f"fewer than {number(b.k - 1)} others"
        return f"{part} of all records share their code with {others}"
    return f"{share(b.share.value)} of the codes point at fewer than {number(b.k)} people"


def _sizes(view: SizeEstimates) -> Table:
    return Table(
        f"Class sizes, in {view.unit}",
        [view.unit, "classes", "95% interval", "share of classes", "what it means"],
        [
            [
                _band(b.low, b.high),
                *_cells(b.classes),
                share(b.share.value),
                f"codes that {_band(b.low, b.high)} {view.unit} share"
                if b.high != 1
                else f"codes that single out one of the {view.unit}",
            ]
            for b in view.bands
        ],
    )


def _people(e: SketchEstimates) -> Table:
    return Table(
        "People below k",
        ["k", "at least", "at most", "share of people", "what it means"],
        [
            [
                number(b.k),
                number(round(b.low)),
                number(round(b.high)),
                _range(b),
                f"people of whom some code is shared by fewer than {number(b.k)} people in all",
            ]
            for b in e.people_below
        ],
        note="A person's k is the smallest of the classes of all their records.",
    )


def _measures(e: SketchEstimates, views: list[SizeEstimates]) -> list[Measure]:
    def measure(name: str, found: Estimate, unit: str, better: Better, **where: str) -> Measure:
        return Measure(
            name,
            found.value,
            unit,
            better,
            n=found.found if e.exact else e.held,
            low=None if e.exact else found.low,
            high=None if e.exact else found.high,
            confidence=None if e.exact else 0.95,
            method=EXACT if e.exact else SAMPLED,
            where=where,
        )

    rows = [
        Measure("records", e.n, "records", "neither", n=e.n, method=EXACT),
        Measure("sampling threshold", e.share, "share", "neither", n=e.held),
        measure("equivalence classes", e.classes, "classes", "lower protects"),
    ]
    if e.crowd is not None:
        rows.append(measure("people", e.crowd, "people", "neither"))
    for view in views:
        of = {"over": view.unit}
        how = EXACT if e.exact else "smallest class in the sample; k is at most that"
        name = "k" if e.exact else "k at most"
        rows.append(
            Measure(name, view.smallest, view.unit, "higher protects", method=how, where=of)
        )
        rows.append(measure("unique classes", view.uniques, "classes", "lower protects", **of))
        for b in view.below:
            at = {**of, "k": str(b.k)}
            rows += [
                measure("smaller classes", b.classes, "classes", "lower protects", **at),
                measure("share of smaller classes", b.share, "share", "lower protects", **at),
            ]
            if view.unit == "records":
                part = b.members.over(e.n)
                rows.append(
                    measure("records in smaller classes", part, "share", "lower protects", **at)
                )
    return rows + [
        Measure(
            "people below k",
            b.share_low if e.exact else None,
            "share",
            "lower protects",
            low=b.share_low,
            high=b.share_high,
            confidence=None if e.exact else 0.95,
            method=EXACT if e.exact else "range, each end allowing for sampling at 95%",
            where={"k": str(b.k)},
        )
        for b in e.people_below
    ]


def _cells(found: Estimate) -> list[str]:
    exact = found.low == found.high
    return [number(round(found.value)), "exact" if exact else _ends(found)]


def _ends(found: Estimate) -> str:
    return f"{number(round(found.low))} to {number(round(found.high))}"


def _band(low: int, high: int | None) -> str:
    if high is None:
        return f"{number(low)} or more"
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _range(b: PeopleBelow) -> str:
    low, high = share(b.share_low), share(b.share_high)
    return low if low == high else f"{low} to {high}"
