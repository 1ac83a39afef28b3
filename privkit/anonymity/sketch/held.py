"""``Held``: the sampled classes as sorted arrays, and how several are added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["Held", "Sample", "add_up", "smallest"]

Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Held:
    """Classes whose rank lies below the threshold, by ascending identity.

    Args:
        identities: shape ``(m,)``, ascending.
        ranks: shape ``(m,)``, the hash that is compared with the threshold.
        records: shape ``(m,)``, int64, records of each class.
        pair_classes: shape ``(q,)``, ascending; the class's identity for each of its people.
        pair_people: shape ``(q,)``, hashed people, ascending within a class: all of them, or the
            ``cap`` smallest hashes where there are more.
    """

    identities: Words
    ranks: Words
    records: NDArray[np.int64]
    pair_classes: Words
    pair_people: Words

    @classmethod
    def empty(cls) -> Held:
        """No class."""
        none = np.zeros(0, dtype=np.uint64)
        return cls(none, none, np.zeros(0, dtype=np.int64), none, none)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.identities.size)

    @property
    def pairs(self) -> int:
        """How many pairs of class and person there are."""
        return int(self.pair_classes.size)

    @cached_property
    def people(self) -> NDArray[np.int64]:
        """Distinct people of each class, shape ``(m,)``; cut off at the cap."""
        edges = np.searchsorted(self.pair_classes, self.identities)
        return np.diff(edges, append=self.pairs).astype(np.int64)

    def below(self, level: int) -> Held:
        """Only the classes whose rank lies below ``2**(64 - level)``."""
        if level == 0:
            return self
        keep = self.ranks >> np.uint64(64 - level) == 0
        pairs = np.repeat(keep, self.people)
        return Held(
            self.identities[keep],
            self.ranks[keep],
            self.records[keep],
            self.pair_classes[pairs],
            self.pair_people[pairs],
        )

    def useful(self, classes: Words, people: Words, cap: int) -> NDArray[np.bool_]:
        """Mark the pairs that could change something: not above a full class's largest hash."""
        if not self.pairs:
            return np.ones(classes.size, dtype=bool)
        ends = np.cumsum(self.people) - 1
        cut = np.where(self.people >= cap, self.pair_people[ends], np.uint64(2**64 - 1))
        place = np.minimum(np.searchsorted(self.identities, classes), self.classes - 1)
        known: NDArray[np.bool_] = self.identities[place] == classes
        return ~known | (people <= cut[place])


@dataclass(frozen=True, eq=False)
class Sample:
    """What a sketch knows of its stream.

    Attributes:
        n: records of the stream.
        level: a class is in the sample where its rank lies below ``2**(64 - level)``.
        held: the classes in the sample.
        crowd: the smallest hashes of people, ascending, at most ``most``; all where they are fewer.
    """

    n: int
    level: int
    held: Held
    crowd: Words

    @property
    def share(self) -> float:
        """The threshold: the probability that a class is in the sample, ``2**-level``."""
        return 2.0**-self.level

    def check(self, most: int, cap: int, *, with_people: bool) -> None:
        """Check what was read from a file: sorted, complete and within the limits.

        Raises:
            InputError: naming the first rule that does not hold.
        """
        held, crowd = self.held, self.crowd
        fine = {
            "n and level are whole numbers": type(self.n) is int and type(self.level) is int,
            "the level lies from 0 to 63": 0 <= self.level < 64,
            "one rank and one count a class": held.ranks.size == held.records.size == held.classes,
            "classes ascend": bool((held.identities[1:] > held.identities[:-1]).all()),
            "at most 'most' classes": held.classes <= most,
            "every rank lies below the threshold": held.below(self.level).classes == held.classes,
            "every class has a record": bool((held.records > 0).all()),
            "the records are those of the stream": (
                held.records.sum() <= self.n if self.level else held.records.sum() == self.n
            ),
            "every pair has a class and a person": held.pair_people.size == held.pairs,
            "pairs ascend": _ascend(held.pair_classes, held.pair_people),
            "every pair's class is held": bool(np.isin(held.pair_classes, held.identities).all()),
            "every class has 1 to 'people_cap' people, not more than records": not with_people
            or bool(((held.people > 0) & (held.people <= np.minimum(cap, held.records))).all()),
            "people ascend": bool((crowd[1:] > crowd[:-1]).all()) and crowd.size <= most,
            "people are where they are counted": with_people or not held.pairs + crowd.size,
        }
        broken = [rule for rule, holds in fine.items() if not holds]
        if broken:
            raise InputError("these are not the parts of a sketch", rule=broken[0])


def add_up(parts: Sequence[Held], cap: int) -> Held:
    """Add up parts, which may be unsorted and hold a class or a pair several times.

    Args:
        parts: at least one.
        cap: how many people of a class are kept: those of the smallest hashes.
    """
    identities = np.concatenate([p.identities for p in parts])
    order = np.argsort(identities)
    identities = identities[order]
    starts = _starts(identities)
    records = np.concatenate([p.records for p in parts])[order]
    classes, people = _distinct_pairs(
        np.concatenate([p.pair_classes for p in parts]),
        np.concatenate([p.pair_people for p in parts]),
    )
    # The place of a pair within its class: its own place less that of the class's first pair.
    within = np.arange(classes.size) - np.searchsorted(classes, classes)
    keep = within < cap
    return Held(
        identities[starts],
        np.concatenate([p.ranks for p in parts])[order][starts],
        np.add.reduceat(records, starts) if starts.size else records,
        classes[keep],
        people[keep],
    )


def smallest(parts: Sequence[Words], most: int) -> Words:
    """The ``most`` smallest different values, ascending."""
    values = np.sort(np.concatenate(parts))
    return values[_starts(values)][:most]


def _distinct_pairs(classes: Words, people: Words) -> tuple[Words, Words]:
    order = np.lexsort((people, classes))
    classes, people = classes[order], people[order]
    starts = _starts(classes, people)
    return classes[starts], people[starts]


def _ascend(first: Words, second: Words) -> bool:
    """Tell whether the pairs ascend strictly, by the first and then by the second."""
    same = first[1:] == first[:-1]
    return bool(((first[1:] > first[:-1]) | (same & (second[1:] > second[:-1]))).all())


def _starts(*values: Words) -> NDArray[np.intp]:
    """Where runs of equal values begin, in one array or in several side by side."""
    first = np.ones(values[0].size, dtype=bool)
    if first.size:
        first[1:] = np.logical_or.reduce([v[1:] != v[:-1] for v in values])
    return np.flatnonzero(first)
