"""Unicity arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.parts import Part
from privkit.anonymity.unicity import Unicity, UnicityPoint
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["unicity_part"]


def unicity_part(found: Unicity, *, bits: int | None = None) -> Part:
    """Say how codes of one person add up.

    Args:
        found: what was measured.
        bits: N, the bits of one code, where known.
    """
    curves = (("set", found.as_set), ("sequence", found.as_sequence))
    return Part(
        findings=[_adds_up(found, bits)],
        warnings=_warnings(found),
        measures=[_measure(kind, point) for kind, points in curves for point in points],
        tables=[_table(found)],
    )


def _adds_up(found: Unicity, bits: int | None) -> str:
    first, last = found.as_set[0], found.as_set[-1]
    if last.p == 1:
        return (
            f"One known code singles out {share(first.share)} of the people; nobody has two "
            "different codes, so that knowing more of them adds nothing."
        )
    sequence = "".join(
        f" ({share(point.share)} where their order is known as well)"
        for point in found.as_sequence
        if point.p == last.p
    )
    if bits is None:
        law = "Several codes of one person are not one code: what they say adds up."
    else:
        law = (
            f"{number(last.p)} codes of {counted(bits, 'bit')} are not {counted(bits, 'bit')}: "
            f"together they hold up to {number(last.p * bits)}."
        )
    return (
        f"One known code singles out {share(first.share)} of the people, {number(last.p)} known "
        f"codes of the same person {share(last.share)}{sequence}. {law}"
    )


def _warnings(found: Unicity) -> list[str]:
    said = [
        "Uniqueness against known codes takes the observer's codes to be stored exactly as here. "
        "It is the share among the people of this file: in a larger population fewer are unique."
    ]
    last = found.as_set[-1]
    if last.left_out:
        said.append(
            f"{number(last.left_out)} of {number(found.people)} people have fewer than "
            f"{counted(last.p, 'different code')} and are left out of the share for "
            f"p = {number(last.p)}; the curve compares different people where it leaves some out."
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


def _table(found: Unicity) -> Table:
    sequences = {point.p: point for point in found.as_sequence}
    sets = {point.p: point for point in found.as_set}
    rows = [
        [
            number(p),
            _share(sets.get(p)),
            _share(sequences.get(p)),
            number((sets.get(p) or sequences[p]).people),
            _sentence(p, sets.get(p), sequences.get(p)),
        ]
        for p in sorted(sets.keys() | sequences.keys())
    ]
    return Table(
        "People singled out by known codes",
        ["known codes", "as a set", "as a sequence", "people with so many", "what it means"],
        rows,
        note=(
            "As a set: different codes of a person, in no order. As a sequence: records of a "
            "person, in their order. In brackets the 95% interval of the draws; none where every "
            "draw was tried."
        ),
    )


def _share(point: UnicityPoint | None) -> str:
    if point is None:
        return "nobody has so many"
    if point.low is None or point.high is None:
        return share(point.share)
    return f"{share(point.share)} ({share(point.low)} to {share(point.high)})"


def _sentence(p: int, known: UnicityPoint | None, ordered: UnicityPoint | None) -> str:
    points: Sequence[UnicityPoint] = [point for point in (known, ordered) if point is not None]
    most = max(point.share for point in points)
    return (
        f"Whoever knows {counted(p, 'code')} of a person finds them with certainty in up to "
        f"{share(most)} of the cases."
    )
