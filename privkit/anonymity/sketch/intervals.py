"""Totals and shares over all classes, from a sample that holds each with a known probability.

Every class is in the sample independently with probability p, the threshold. A total is the
sample's divided by p (Horvitz and Thompson 1952). Its interval inverts the binomial distribution
of how many classes are found, exactly for a number of classes. For a total of sizes it inverts the
binomial of the same mean and variance, with one further class of the largest possible size at the
upper end: the idea of Fay and Feuer (1997) for weighted sums of Poisson counts. It is conditional
on p. With p = 1 every interval is a point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc
from scipy.stats import gamma

__all__ = ["Estimate", "none_found", "share_of", "size_of_set", "total"]

TAIL = 0.025


@dataclass(frozen=True)
class Estimate:
    """An estimate with its 95% interval.

    Attributes:
        value: the estimate.
        low: lower end.
        high: upper end.
        found: classes of the sample that it rests on.
    """

    value: float
    low: float
    high: float
    found: int

    def over(self, whole: float) -> Estimate:
        """Return it as a share of a whole that is known exactly, at most 1."""
        value, low, high = (min(1.0, end / whole) for end in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.found)


def total(sizes: NDArray[np.int64], p: float, largest: float) -> Estimate:
    """Estimate the sum of a quantity over all classes of a sort.

    Args:
        sizes: shape ``(found,)``, the quantity for the classes of that sort in the sample.
        p: the probability with which each class is in the sample.
        largest: the largest value the quantity can take.
    """
    found = int(sizes.size)
    plain = float(sizes.sum())
    square = float((sizes.astype(np.float64) ** 2).sum())
    if p == 1:
        return Estimate(plain, plain, plain, found)
    low = _scaled(plain, square, p, TAIL)
    high = _scaled(plain + largest, square + largest**2, p, 1 - TAIL)
    return Estimate(plain / p, max(plain, low), max(plain / p, high), found)


def _scaled(plain: float, square: float, p: float, tail: float) -> float:
    """Return the total at which the sample's total lies at the given tail."""
    if not plain:
        return 0.0
    weight = square / plain
    return weight * _trials(plain / weight, p, tail)


def _trials(successes: float, p: float, tail: float) -> float:
    """Solve ``P(Binomial(trials, p) >= successes) = tail`` for the trials, a real number."""

    def short(trials: float) -> float:
        return float(betainc(successes, trials - successes + 1, p)) - tail

    if short(successes) >= 0:
        return successes
    top = 2 * successes / p + 1
    while short(top) < 0:
        top *= 2
    return float(brentq(short, successes, top, xtol=1e-9 * top))


def share_of(part: Estimate, rest: Estimate) -> Estimate:
    """Estimate the share of a part in the whole of two independent estimates.

    The interval is that of a ratio of two estimates by MOVER (Donner and Zou 2012), which needs
    nothing but the two intervals.
    """
    if part.value > rest.value:
        other = share_of(rest, part)
        return Estimate(1 - other.value, 1 - other.high, 1 - other.low, part.found)
    if not rest.value:
        return Estimate(0.0, 0.0, 0.0, part.found)
    a, b = part.value, rest.value
    low_root = (a * b) ** 2 - part.low * rest.high * (2 * a - part.low) * (2 * b - rest.high)
    high_root = (a * b) ** 2 - part.high * rest.low * (2 * a - part.high) * (2 * b - rest.low)
    # Too few classes of the rest for MOVER: the ends of the two intervals, which is wider.
    low, high = part.low / rest.high, part.high / rest.low if rest.low else math.inf
    if low_root >= 0 and 2 * b > rest.high:
        low = max(0.0, (a * b - math.sqrt(low_root)) / (rest.high * (2 * b - rest.high)))
    if high_root >= 0 and rest.low:
        high = (a * b + math.sqrt(high_root)) / (rest.low * (2 * b - rest.low))
    odds = a / b
    upper = 1.0 if math.isinf(high) else high / (1 + high)
    return Estimate(odds / (1 + odds), low / (1 + low), upper, part.found)


def none_found(p: float) -> float:
    """Return how many classes of a sort there are at most (one-sided 95%) when none is found.

    About ``3 / p``: the rule of three (Hanley and Lippman-Hand 1983).
    """
    return 0.0 if p == 1 else math.log(0.05) / math.log1p(-p)


def size_of_set(smallest: NDArray[np.uint64], most: int) -> Estimate:
    """Estimate how many different things were hashed, from their smallest 64-bit hashes.

    Args:
        smallest: the ``most`` smallest hashes, ascending; all of them where there are fewer.
        most: how many are kept.

    Returns:
        ``(most - 1) / h`` for the largest hash h kept, as a share of all hashes (Giroire 2009);
        the interval is that of a gamma variable, conservative for small sets. Exact for fewer.
    """
    found = int(smallest.size)
    if found < most:
        return Estimate(float(found), float(found), float(found), found)
    h = (float(smallest[-1]) + 1) / 2.0**64
    low, high = (float(gamma.ppf(tail, found)) / h for tail in (TAIL, 1 - TAIL))
    return Estimate(max(found, (found - 1) / h), max(found, low), max(found, high), found)
