"""What a sketch says of the whole stream: classes, their sizes, and who is in small ones.

k itself, the size of the one smallest class, cannot be bounded from below by a sample of classes:
the smallest may be among those that were not sampled. What can be said is that k is at most the
smallest class seen, and how many smaller ones there can be at most although none was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.sketch.held import Sample
from privkit.anonymity.sketch.intervals import (
    Estimate,
    none_found,
    share_of,
    size_of_set,
    total,
)
from privkit.anonymity.sketch.sketch import Sketch
from privkit.errors import InputError

__all__ = [
    "Band",
    "Estimate",
    "PeopleBelow",
    "SizeEstimates",
    "SketchEstimates",
    "SmallClasses",
    "counts_of",
    "estimate",
]


@dataclass(frozen=True)
class SmallClasses:
    """Classes smaller than k.

    Attributes:
        k: the threshold.
        classes: how many classes are smaller.
        share: the same as a share of all classes.
        members: the records in them; or, over people, their people, one who is in several such
            classes counted in each.
    """

    k: int
    classes: Estimate
    share: Estimate
    members: Estimate


@dataclass(frozen=True)
class Band:
    """Classes of ``low`` to ``high`` members, ``high`` ``None`` for 'and more'."""

    low: int
    high: int | None
    classes: Estimate
    share: Estimate


@dataclass(frozen=True)
class SizeEstimates:
    """The sizes of the classes, in records or in people.

    Attributes:
        unit: ``"records"`` or ``"people"``.
        smallest: members of the smallest class seen; k is at most that.
        smaller: at most so many classes are smaller still, at 95%; 0 where all were counted.
        uniques: classes of one record, or of one person.
        below: one entry a threshold, ascending.
        bands: the distribution over sizes from powers of two to below the next.
    """

    unit: str
    smallest: int
    smaller: float
    uniques: Estimate
    below: tuple[SmallClasses, ...]
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class PeopleBelow:
    """People whose k, the smallest of their classes, lies below ``k``.

    A sample of classes tells how often people are in small classes, not in how many of them each
    one is; so this is a range, of which each end allows for sampling at 95%. It closes to a point
    where every class was counted.

    Attributes:
        k: the threshold.
        low: at least so many: the people seen, or what follows from how often one person was
            found in two small classes (Cauchy and Schwarz).
        high: at most so many: as if nobody were in a second small class outside the sample.
        share_low: ``low`` as a share of all people.
        share_high: ``high`` as a share of all people.
    """

    k: int
    low: float
    high: float
    share_low: float
    share_high: float


@dataclass(frozen=True)
class SketchEstimates:
    """Everything a sketch says.

    Attributes:
        n: records of the stream, exact.
        share: the threshold p; 1 where everything is exact.
        held: classes in the sample.
        classes: all classes.
        records: sizes in records.
        people: sizes in distinct people; ``None`` where people are not known.
        crowd: how many people there are; ``None`` likewise.
        people_below: one entry a threshold; empty likewise.
    """

    n: int
    share: float
    held: int
    classes: Estimate
    records: SizeEstimates
    people: SizeEstimates | None
    crowd: Estimate | None
    people_below: tuple[PeopleBelow, ...]

    @property
    def exact(self) -> bool:
        """Whether every class was counted, so that nothing is estimated."""
        return self.share == 1


def counts_of(sketch: Sketch, *, people: bool = False) -> ClassCounts:
    """Return the exact sizes of the classes in the sample.

    They are the classes of the stream only where ``sketch.sample.share`` is 1; otherwise a fair
    sample of them, with fewer records than the stream has.

    Args:
        sketch: the sketch.
        people: sizes in distinct people, cut off at ``people_cap``, rather than in records.

    Raises:
        InputError: if no class was sampled, or people are not known.
    """
    held = _filled(sketch).held
    if people and not sketch.layout.persons:
        raise InputError(
            "this sketch does not know people",
            where="sketch",
            rule="people are counted where persons were given",
        )
    return ClassCounts.from_sizes(held.people if people else held.records)


def estimate(sketch: Sketch, thresholds: Sequence[int] = (2, 5, 10, 100)) -> SketchEstimates:
    """Estimate everything, with 95% intervals.

    Args:
        sketch: the sketch.
        thresholds: the k's below which classes count as small.

    Raises:
        InputError: if no class was sampled, or a threshold is below 1 or above ``people_cap``.
    """
    sample = _filled(sketch)
    with_people = bool(sketch.layout.persons)
    top = sketch.people_cap if with_people else np.inf
    for k in thresholds:
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= top:
            raise InputError(
                "the threshold cannot be used",
                where="--k",
                rule="a whole number of at least 1"
                + (f", at most the sketch's people_cap {top}" if with_people else ""),
                found=k,
            )
    wanted = sorted(set(thresholds))
    held, p = sample.held, sample.share
    crowd = size_of_set(sample.crowd, sketch.most) if with_people else None
    return SketchEstimates(
        n=sample.n,
        share=p,
        held=held.classes,
        classes=total(np.ones(held.classes, dtype=np.int64), p, 1),
        records=_sizes("records", held.records, p, wanted, None, sample.n),
        people=_sizes("people", held.people, p, wanted, sketch.people_cap, sample.n)
        if with_people
        else None,
        crowd=crowd,
        people_below=()
        if crowd is None
        else tuple(_people_below(sample, k, crowd) for k in wanted),
    )


def _filled(sketch: Sketch) -> Sample:
    sample = sketch.sample
    if not sample.held.classes:
        raise InputError(
            "the sketch holds no class",
            where="sketch",
            rule="at least one record was counted",
            found=f"{sample.n} records",
            remedy="count records first, or make the sketch with a larger 'most'",
        )
    return sample


def _sizes(
    unit: str, sizes: NDArray[np.int64], p: float, thresholds: list[int], cap: int | None, n: int
) -> SizeEstimates:
    bands = []
    low = 1
    while low <= sizes.max():
        high = None if cap is not None and 2 * low > cap else 2 * low - 1
        inside = (sizes >= low) & (sizes <= (high or np.iinfo(np.int64).max))
        bands.append(Band(low, high, *_counted(inside, p)))
        if high is None:
            break
        low = high + 1
    below = []
    for k in thresholds:
        small = sizes < k
        members = total(sizes[small], p, k - 1)
        members = Estimate(members.value, members.low, min(n, members.high), members.found)
        below.append(SmallClasses(k, *_counted(small, p), members))
    smallest = int(sizes.min())
    return SizeEstimates(
        unit=unit,
        smallest=smallest,
        smaller=none_found(p) if smallest > 1 else 0.0,
        uniques=_counted(sizes == 1, p)[0],
        below=tuple(below),
        bands=tuple(bands),
    )


def _counted(chosen: NDArray[np.bool_], p: float) -> tuple[Estimate, Estimate]:
    """Estimate how many classes are of a sort, and their share of all classes."""
    found = int(chosen.sum())
    part = total(np.ones(found, dtype=np.int64), p, 1)
    rest = total(np.ones(chosen.size - found, dtype=np.int64), p, 1)
    return part, share_of(part, rest)


def _people_below(sample: Sample, k: int, crowd: Estimate) -> PeopleBelow:
    held, p = sample.held, sample.share
    small = held.people < k
    who = np.sort(held.pair_people[np.repeat(small, held.people)])
    _, times = np.unique(who, return_counts=True)
    seen = float(times.size)
    low = high = seen
    if p < 1:
        members = total(held.people[small], p, k - 1)
        # E[seen] >= p U, because a person of m small classes is seen with 1 - (1 - p)**m >= p.
        high = members.high * (seen / who.size if seen else 1.0)
        # For people in m_i >= 1 small classes each: U >= (sum m)**2 / sum m**2, and a pair of
        # a person's classes is in the sample with probability p**2. Two classes share at most
        # k - 1 people.
        twice = total(times[times > 1] * (times[times > 1] - 1), p * p, 2 * (k - 1))
        if members.low:
            low = max(seen, members.low**2 / (members.low + twice.high))
    high = max(seen, min(high, crowd.high))
    low = min(low, high)
    return PeopleBelow(k, low, high, min(1.0, low / crowd.high), min(1.0, high / crowd.low))
