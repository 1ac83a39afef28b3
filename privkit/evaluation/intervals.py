"""Intervals for shares and means, over people rather than photos where people are sampled.

Photos of one person fail or succeed together, so they are not independent trials. The interval
of a share is Wilson's with the number of trials divided by the design effect of the people
(Wilson 1927; Rao and Scott 1992); the interval of a mean is Student's over the people's means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from privkit.errors import InputError

__all__ = [
    "CONFIDENCE",
    "Interval",
    "mean_over_people",
    "score_ends",
    "share_over_people",
    "wilson",
]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A point estimate with its interval.

    Attributes:
        value: the estimate.
        low: lower end.
        high: upper end.
        n: trials (photos, or photos × seeds).
        successes: for a share, how many of the trials; ``None`` for a mean.
        effective: independent trials that carry the same information; at most ``n``.
        method: how it was computed.
    """

    value: float
    low: float
    high: float
    n: int
    successes: int | None
    effective: float
    method: str

    def percent(self) -> str:
        """E.g. ``"70% (61-78)"``."""
        return f"{100 * self.value:.0f}% ({100 * self.low:.0f}-{100 * self.high:.0f})"


def wilson(successes: float, trials: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Args:
        successes: from 0 to ``trials``; need not be whole when trials are effective trials.
        trials: above 0.
        confidence: coverage, between 0 and 1.

    Returns:
        Lower and upper end, within [0, 1] and around ``successes / trials``.

    Raises:
        InputError: no trials, or successes outside [0, trials].
    """
    if not trials > 0 or not 0 <= successes <= trials:
        raise InputError(
            "a share needs trials, and successes among them",
            where="wilson",
            rule="0 <= successes <= trials, trials > 0",
            found=f"{successes} of {trials}",
        )
    p = successes / trials
    low, high = score_ends(p, trials, float(stats.norm.ppf((1 + confidence) / 2)))
    return min(p, low), max(p, high)


def score_ends(p: float, trials: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share ``p`` with any quantile, within [0, 1].

    Rounding may leave an end a last digit inside of ``p``.
    """
    z = quantile
    scale = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / scale
    spread = p * (1 - p) / trials + z * z / (4 * trials * trials)
    half = z / scale * math.sqrt(max(spread, 0.0))  # a share summed from weights may pass 1
    return max(0.0, centre - half), min(1.0, centre + half)


def share_over_people(
    hits: ArrayLike,
    person: ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    unit: str = "people",
) -> Interval:
    """The share of hits, with an interval that allows for hits of one person going together.

    The design effect is the ratio of the variance of the share when people are drawn (the linear
    approximation of a ratio estimator, Cochran 1977, section 6.3) to its variance when every trial
    is independent. It is never taken below 1. Where all trials agree it cannot be estimated, and
    the people are counted as the independent trials.

    Args:
        hits: ``(n,)`` of 0 and 1.
        person: ``(n,)``, whose trial each is; a person pooled over seeds keeps one number.
        confidence: coverage.
        unit: what the trials go together by, for the words of the method.

    Raises:
        InputError: no trials, or different lengths.
    """
    y, sums, counts = _by_person(hits, person)
    n, people = len(y), len(counts)
    p = float(y.mean())
    if people in (1, n) or p in (0.0, 1.0):
        effective = float(people)
    else:
        residual = sums - p * counts
        clustered = people / (people - 1) * float((residual**2).sum()) / n**2
        effect = max(1.0, clustered / (p * (1 - p) / n))
        effective = n / effect
    low, high = wilson(p * effective, effective, confidence)
    return Interval(
        p,
        min(p, low),
        max(p, high),
        n,
        int(y.sum()),
        effective,
        f"Wilson {confidence:.0%}, trials divided by the design effect of {people} {unit}",
    )


def mean_over_people(
    values: ArrayLike, person: ArrayLike, confidence: float = CONFIDENCE
) -> Interval:
    """The mean of a measure, with Student's interval over the people's means.

    Args:
        values: ``(n,)`` finite numbers.
        person: ``(n,)``.
        confidence: coverage.

    Raises:
        InputError: no values, or different lengths.
    """
    y, sums, counts = _by_person(values, person)
    means = sums / counts
    people = len(means)
    value = float(means.mean())
    half = math.inf
    if people > 1:
        t = float(stats.t.ppf((1 + confidence) / 2, people - 1))
        half = t * float(means.std(ddof=1)) / math.sqrt(people)
    return Interval(
        value,
        value - half,
        value + half,
        len(y),
        None,
        float(people),
        f"Student {confidence:.0%} over the means of {people} people",
    )


def _by_person(
    values: ArrayLike, person: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The values, and for each person their sum and count."""
    y = np.asarray(values, dtype=np.float64)
    _, code = np.unique(np.asarray(person), return_inverse=True)
    if y.ndim != 1 or len(y) == 0 or len(code) != len(y):
        raise InputError(
            "an interval needs one value and one person a trial",
            rule="two 1-D arrays of the same length, at least 1",
            found=f"{y.shape} and {np.shape(person)}",
        )
    sums = np.bincount(code, weights=y).astype(np.float64)
    return y, sums, np.bincount(code).astype(np.float64)
