"""Unicity arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.parts import Part
from privkit.anonymity.unicity import Unicity, UnicityPoint
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["unicity_part"]


def unicity_part(found: Unicity, *, bits: int | None = None, noun: ClassNoun = CODE) -> Part:
    """Say how codes of one person add up.

    Args:
        found: what was measured.
        bits: N, the bits of one code, where known.
        noun: what a class is.
    """
    curves = (("set", found.as_set), ("sequence", found.as_sequence))
    return Part(
        findings=[_adds_up(found, bits if noun.alone else None, noun)],
        warnings=_warnings(found, noun),
        measures=[_measure(kind, point) for kind, points in curves for point in points],
        tables=[_table(found, noun)],
    )


def _adds_up(found: Unicity, bits: int | None, noun: ClassNoun) -> str:
    first, most = found.as_set[0], found.as_set[-1]
    start = f"One known {noun.one} singles out {share(first.share)} of the people"
    if most.p == 1:
        return (
            f"{start}; nobody has two different {noun.many}, so that knowing more of them adds "
            "nothing."
        )
    # What most people have is told, not what the one with most codes has.
    point = found.typical if found.typical.p > 1 else found.as_set[1]
    sequence = "".join(
        f" ({share(one.share)} of the {number(one.people)} with so many records where their order "
        "is known as well)"
        for one in found.as_sequence
        if one.p == point.p
    )
    if bits is None:
        law = f"Several {noun.many} of one person are not one: what they say adds up."
    else:
        law = (
            f"{number(point.p)} codes of {counted(bits, 'bit')} are not {counted(bits, 'bit')}: "
            f"together they hold up to {number(point.p * bits)}."
        )
    return (
        f"{start}, {number(point.p)} known {noun.many} of the same person {share(point.share)} of "
        f"the {_of(point, found)} who have so many{sequence}. {law}"
    )


def _of(point: UnicityPoint, found: Unicity) -> str:
    if point.people == found.people:
        return f"{number(found.people)} people"
    return f"{number(point.people)} of {number(found.people)} people"


def _warnings(found: Unicity, noun: ClassNoun) -> list[str]:
    said = [
        f"Uniqueness against known {noun.many} takes what the observer knows to be stored exactly "
        "as here. It is the share among the people of this file: in a larger population fewer are "
        "unique."
    ]
    last = found.as_set[-1]
    if last.left_out:
        said.append(
            f"The curve compares different people where it leaves some out: its last point, for "
            f"p = {number(last.p)}, rests on {_of(last, found)}."
        )
    return said


def _measure(kind: str, point: UnicityPoint) -> Measure:
    drawn = f"{number(point.draws)} draws"
    return Measure(
        "people singled out by known codes",
        point.share,
        "share",
        "lower protects",
        n=point.people,
        low=point.low,
        high=point.high,
        confidence=None if point.exact else 0.95,
        method=f"all {drawn}, exact" if point.exact else f"{drawn}, Wilson 95% over the draws",
        where={"known codes": str(point.p), "known as": kind},
    )


def _table(found: Unicity, noun: ClassNoun) -> Table:
    sequences = {point.p: point for point in found.as_sequence}
    sets = {point.p: point for point in found.as_set}
    rows = [
        [
            number(p),
            _share(sets.get(p)),
            _share(sequences.get(p)),
            number((sets.get(p) or sequences[p]).people),
            _sentence(p, sets.get(p), sequences.get(p), noun),
        ]
        for p in sorted(sets.keys() | sequences.keys())
    ]
    return Table(
        "People singled out by known codes",
        ["known codes", "as a set", "as a sequence", "people with so many", "what it means"],
        rows,
        note=(
            f"As a set: different {noun.many} of a person, in no order. As a sequence: records of "
            "a person, in their order. In brackets the 95% interval of the draws; none where every "
            "draw was tried."
        ),
    )


def _share(point: UnicityPoint | None) -> str:
    if point is None:
        return "nobody has so many"
    if point.low is None or point.high is None:
        return share(point.share)
    return f"{share(point.share)} ({share(point.low)} to {share(point.high)})"


def _sentence(
    p: int, known: UnicityPoint | None, ordered: UnicityPoint | None, noun: ClassNoun
) -> str:
    points: Sequence[UnicityPoint] = [point for point in (known, ordered) if point is not None]
    most = max(point.share for point in points)
    what = f"{number(p)} {noun.one if p == 1 else noun.many}"
    return (
        f"Whoever knows {what} of a person finds them with certainty in up to "
        f"{share(most)} of the cases."
    )
