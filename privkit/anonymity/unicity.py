"""Unicity: the share of people whom a few of their own codes single out.

de Montjoye, Hidalgo, Verleysen and Blondel (2013), "Unique in the Crowd", and de Montjoye,
Radaelli, Singh and Pentland (2015), "Unique in the shopping mall": an observer knows p codes of a
person. The person is unique when nobody else in the data fits them. Two kinds of observer:

* as a set: p of the person's distinct codes, drawn without replacement; whoever has all of them
  among their codes fits;
* as a sequence: p of the person's records, drawn without replacement and kept in their order;
  whoever has these codes in that order, with anything between, fits.

The share is the mean over the people who have p codes at all, each with equal weight. Where all
draws of all people are few they are enumerated and the share is exact; else the draws are
sampled. The interval is then for the draws: it says how well they tell the share among *these*
people. It does not speak for a larger population, in which fewer people are unique.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from privkit.anonymity.grouping import Grouping, group_labels
from privkit.errors import InputError

__all__ = ["Unicity", "UnicityPoint", "unicity"]

DRAWS = 10_000


@dataclass(frozen=True)
class UnicityPoint:
    """How many people p known codes single out.

    Attributes:
        p: codes that the observer knows.
        share: the share of the people, or of the draws, that nobody else fits.
        low: lower end of its 95% Wilson interval; ``None`` where it is exact.
        high: upper end.
        draws: draws that were tried; all there are where it is exact.
        people: people who have at least p codes.
        left_out: people who have fewer.
    """

    p: int
    share: float
    low: float | None
    high: float | None
    draws: int
    people: int
    left_out: int

    @property
    def exact(self) -> bool:
        """Whether every draw of every person was tried."""
        return self.low is None


@dataclass(frozen=True)
class Unicity:
    """Uniqueness against the number of known codes.

    Attributes:
        people: distinct people.
        codes: distinct codes.
        seed: the seed of the draws.
        as_set: one point for each p, from 1.
        as_sequence: the same for an observer who knows the order as well.
    """

    people: int
    codes: int
    seed: int
    as_set: tuple[UnicityPoint, ...]
    as_sequence: tuple[UnicityPoint, ...]

    @property
    def typical(self) -> UnicityPoint:
        """The point of the set with the largest p that at least half of the people have.

        Beyond it the share speaks of the few who have most codes, and may rest on one person.
        """
        return [point for point in self.as_set if 2 * point.people >= self.people][-1]


@dataclass(frozen=True, eq=False)
class _Traces:
    """The codes of each person one after the other; person ``i`` has ``starts[i:i + 2]``."""

    starts: NDArray[np.int64]
    codes: NDArray[np.int64]
    ordered: bool


@dataclass(frozen=True, eq=False)
class _Holders:
    """The distinct people of each code one after the other; code ``c`` has ``starts[c:c + 2]``."""

    starts: NDArray[np.int64]
    people: NDArray[np.int64]


def unicity(
    grouping: Grouping,
    persons: NDArray[np.int64],
    *,
    p_max: int = 10,
    draws: int = DRAWS,
    seed: int = 0,
    order: NDArray[Any] | None = None,
) -> Unicity:
    """Measure the uniqueness of people against the number of codes known of them.

    Args:
        grouping: the code of each record.
        persons: shape ``(n,)``, the person of each record.
        p_max: the largest number of known codes; curves end earlier where nobody has so many.
        draws: up to so many draws are tried for each p: several a person, or one each of so many
            people where there are more people.
        seed: the seed of the draws.
        order: shape ``(n,)``, what the records of a person are ordered by; equal ones, and all of
            them without it, stand as in the file.

    Raises:
        InputError: if ``p_max`` or ``draws`` is below 1, or persons or order do not fit.
    """
    for name, value in (("p_max", p_max), ("draws", draws)):
        if value < 1:
            raise InputError(f"{name} cannot be used", where=name, rule="at least 1", found=value)
    people = group_labels(persons, records=len(grouping))
    sequences = _sequences(grouping, people, order)
    sets, holders = _sets(grouping, people)
    return Unicity(
        people.classes,
        grouping.classes,
        seed,
        tuple(_curve(sets, holders, p_max, draws, seed)),
        tuple(_curve(sequences, holders, p_max, draws, seed)),
    )


def _sequences(grouping: Grouping, people: Grouping, order: NDArray[Any] | None) -> _Traces:
    if order is None:
        by_person = np.argsort(people.labels, kind="stable")
    else:
        if order.shape != (len(grouping),) or (order.dtype.kind == "f" and np.isnan(order).any()):
            raise InputError(
                "the records cannot be put in order",
                where="order",
                rule=f"{len(grouping)} values, one a record, none missing",
                found=f"{order.dtype} of shape {order.shape}",
            )
        by_person = np.lexsort((order, people.labels))  # stable, as the file stands
    starts = _starts(people.labels, people.classes)
    return _Traces(starts, grouping.labels[by_person], ordered=True)


def _sets(grouping: Grouping, people: Grouping) -> tuple[_Traces, _Holders]:
    # A person and a code as one number: ascending, it goes through the people and their codes.
    pairs = np.unique(people.labels * grouping.classes + grouping.labels, return_counts=True)[0]
    owner, code = np.divmod(pairs, grouping.classes)
    by_code = np.argsort(code, kind="stable")
    traces = _Traces(_starts(owner, people.classes), code, ordered=False)
    return traces, _Holders(_starts(code, grouping.classes), owner[by_code])


def _starts(labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(np.bincount(labels, minlength=classes)))).astype(np.int64)


def _curve(
    traces: _Traces, holders: _Holders, p_max: int, draws: int, seed: int
) -> Iterator[UnicityPoint]:
    """Yield the points for p = 1, 2 … as far as somebody has p codes.

    One sample of draws serves all p, each p with those whose person has so many codes: an
    observer who learns one more code cannot lose certainty, so the curve does not fall by chance.
    Where fewer than a quarter of the draws are left, new ones are drawn among who has p codes.
    """
    lengths = np.diff(traces.starts)
    whose, fitting = np.empty(0, np.int64), np.empty(0, np.int64)
    for p in range(1, min(p_max, int(lengths.max())) + 1):
        able = np.flatnonzero(lengths >= p)
        left_out = lengths.size - able.size
        if _possible(lengths[able], p) <= draws:
            yield _exact_point(traces, holders, able, p, left_out)
            continue
        if 4 * int((lengths[whose] >= p).sum()) < draws:
            whose, places = _some_draws(lengths, able, p_max, draws, seed)
            fitting = _fitting(traces, holders, whose, places)
        known = lengths[whose] >= p
        trials = int(known.sum())
        hits = int((fitting[known] < p).sum())
        interval = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
        low, high = float(interval.low), float(interval.high)
        yield UnicityPoint(p, hits / trials, low, high, trials, able.size, left_out)


def _exact_point(
    traces: _Traces, holders: _Holders, able: NDArray[np.int64], p: int, left_out: int
) -> UnicityPoint:
    """Try every draw of every person; each person has the same weight."""
    lengths = np.diff(traces.starts)
    rows = [(i, chosen) for i in able.tolist() for chosen in combinations(range(lengths[i]), p)]
    whose = np.array([i for i, _ in rows], dtype=np.int64)
    places = np.array([chosen for _, chosen in rows], dtype=np.int64)
    alone = _fitting(traces, holders, whose, places) < p
    tried = np.bincount(whose, minlength=lengths.size)[able]
    shares = np.bincount(whose, weights=alone, minlength=lengths.size)[able] / tried
    return UnicityPoint(p, float(shares.mean()), None, None, len(rows), able.size, left_out)


def _fitting(
    traces: _Traces, holders: _Holders, whose: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many codes of each draw fit somebody else as well."""
    from privkit.anonymity.unicity_kernels import known_until_alone

    lengths = np.minimum(np.diff(traces.starts)[whose], places.shape[1])
    fitting: NDArray[np.int64] = known_until_alone(
        whose,
        places + traces.starts[whose][:, None],
        lengths,
        traces.starts,
        traces.codes,
        holders.starts,
        holders.people,
        traces.ordered,
    )
    return fitting


def _possible(lengths: NDArray[np.int64], p: int) -> int:
    """Count the draws of p codes that people with so many codes allow."""
    different, people = np.unique(lengths, return_counts=True)
    return sum(
        many * math.comb(length, p)
        for length, many in zip(different.tolist(), people.tolist(), strict=True)
    )


def _some_draws(
    lengths: NDArray[np.int64], able: NDArray[np.int64], most: int, draws: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw people, and places of theirs one after the other without replacement.

    Returns:
        Whose each draw is, shape ``(m,)``, and the places, shape ``(m, most)``; a row means as
        many of them as the person has codes.
    """
    rng = np.random.default_rng(seed)
    if able.size > draws:
        whose = rng.choice(able, draws, replace=False)
    else:
        whose = np.repeat(able, draws // able.size)
    places = np.zeros((whose.size, most), dtype=np.int64)
    for step in range(most):
        place = rng.integers(0, np.maximum(1, lengths[whose] - step))
        for taken in np.sort(places[:, :step], axis=1).T:
            place += place >= taken  # the place-th of those that are still free
        places[:, step] = place
    return whose, places
