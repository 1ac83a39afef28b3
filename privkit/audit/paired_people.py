"""Whether an attack succeeds more often on one store than on another, on the same people.

The test flips signs (Fisher 1935; Good, Permutation, Parametric and Bootstrap Tests, 2005, section
3.2): if nothing changed, a person's mean hit is as likely higher in the one audit as in the other,
so that the sign of each person's difference is a coin. People are the units, for trials of one
person go together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privkit.errors import InputError
from privkit.evaluation.intervals import CONFIDENCE, Interval, mean_over_people
from privkit.evaluation.rates import variance_in_folds

__all__ = ["EXACT_UP_TO", "RESAMPLINGS", "PairedPeople", "paired_people", "sign_flip_p"]

#: People with a difference up to whom all flips are counted, 2^18 of them.
EXACT_UP_TO = 18
#: Flips drawn for more people; the least p value is one over one more.
RESAMPLINGS = 19_999
_BLOCK = 4_000_000
#: Sums of differences are equal if they differ by less than this.
_EQUAL = 1e-9


@dataclass(frozen=True)
class PairedPeople:
    """The change of an attack's success on the people of both audits.

    Attributes:
        difference: mean over people of second minus first, with its interval.
        p: of the two-sided sign-flip test.
        people: how many are in both.
        rose: people on whom the attack succeeds more often in the second.
        fell: people on whom it succeeds less often.
    """

    difference: Interval
    p: float
    people: int
    rose: int
    fell: int


def paired_people(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    folds: int = 1,
) -> PairedPeople:
    """Compare the mean hits of the same people in two audits.

    Where people were learned from in turn they are not independent: the interval is wider and the
    p value larger by what the variance is larger (:mod:`privkit.evaluation.rates`).

    Args:
        first: ``(people,)`` in [0, 1].
        second: ``(people,)``, of the same people in the same order.
        rng: draws the flips where they are too many to be counted.
        folds: as in :class:`privkit.evaluation.trials.Trials`.

    Raises:
        InputError: no people, or not the same number.
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise InputError(
            "a paired comparison needs the same people twice",
            rule="one number a person in either audit",
            found=f"{first.shape} and {second.shape}",
        )
    moved = second - first
    times = math.sqrt(variance_in_folds(folds))
    return PairedPeople(
        _interval(moved, times),
        _wider(sign_flip_p(moved, rng), times),
        len(moved),
        int((moved > _EQUAL).sum()),
        int((moved < -_EQUAL).sum()),
    )


def sign_flip_p(moved: NDArray[np.float64], rng: np.random.Generator) -> float:
    """The two-sided p value of the mean difference under flips of sign.

    Exact for at most :data:`EXACT_UP_TO` people with a difference; otherwise ``(1 + c) / (1 + B)``
    for ``c`` of ``B`` random flips that are as extreme, which never is too small (Phipson and
    Smyth 2010).

    Args:
        moved: ``(people,)`` differences.
        rng: draws the flips.
    """
    sizes = np.abs(moved[np.abs(moved) > _EQUAL])  # a difference of 0 is the same when flipped
    if not len(sizes):
        return 1.0
    observed = abs(float(moved.sum())) - _EQUAL * len(moved)
    if len(sizes) <= EXACT_UP_TO:
        sums = np.zeros(1)
        for size in sizes:
            sums = np.concatenate([sums - size, sums + size])
        return float((np.abs(sums) >= observed).mean())
    extreme, left = 0, RESAMPLINGS
    while left:
        block = min(left, max(1, _BLOCK // len(sizes)))
        signs = rng.integers(0, 2, (block, len(sizes)), dtype=np.int8)
        sums = 2 * (signs @ sizes) - sizes.sum()
        extreme += int((np.abs(sums) >= observed).sum())
        left -= block
    return (1 + extreme) / (1 + RESAMPLINGS)


def _wider(p: float, times: float) -> float:
    """The p value of a difference whose standard error is so many times larger."""
    return p if times == 1 else float(min(1.0, 2 * stats.norm.sf(stats.norm.isf(p / 2) / times)))


def _interval(moved: NDArray[np.float64], times: float) -> Interval:
    """Student's over people, within [-1, 1].

    Where nobody differs no spread can be seen; then the rule of three bounds what was missed.
    """
    people = len(moved)
    found = mean_over_people(moved, np.arange(people))
    value, method = found.value, found.method
    low, high = value - times * (value - found.low), value + times * (found.high - value)
    if not np.abs(moved).max() > _EQUAL:
        half = 1 - (1 - CONFIDENCE) ** (times**2 / people)
        low, high = -half, half
        method = f"{CONFIDENCE:.0%} bound on what {people} people without a difference can miss"
    return Interval(
        found.value,
        -1.0 if math.isinf(low) else max(low, -1.0),
        1.0 if math.isinf(high) else min(high, 1.0),
        people,
        None,
        float(people),
        method,
    )
