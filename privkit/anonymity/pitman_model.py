"""Pitman's sampling formula, fitted by maximum likelihood.

The two-parameter model of class sizes (Pitman 1995, "Exchangeable and partially exchangeable random
partitions"), in the use of Hoshino (2001), "Applying Pitman's sampling formula to microdata
disclosure risk assessment", Journal of Official Statistics 17:4. After m people in u classes, the
next one opens a class of their own with probability ``(theta + u alpha) / (theta + m)`` and joins a
class of j people with probability ``(j - alpha) / (theta + m)``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from privkit.anonymity.resampling import Floats, Samples, log_rising

__all__ = ["pitman", "pitman_fit"]

_ASYMPTOTIC = 1e3  # from here on the first terms of the series are exact to rounding
_ALPHAS = (1e-4, 1 - 1e-9)  # alpha is sought between these
_STEPS = 48  # halvings of a bracket: 1e-14 of its width


def pitman_fit(samples: Samples) -> tuple[Floats, Floats]:
    """Fit Pitman's sampling formula by maximum likelihood.

    For each alpha the best theta is the root of its score, which falls through zero once for
    ``theta > -alpha``; alpha is the root of the profile score. Both are halved brackets.

    Returns:
        alpha and theta, ``(b,)`` each; ``nan`` where the likelihood has no maximum at
        ``0 < alpha < 1``, as when the classes are more even than the model allows.
    """
    n, u = samples.records, samples.seen
    with np.errstate(all="ignore"):
        low, high = (np.full(n.shape, end) for end in _ALPHAS)
        rising = _score_alpha(samples, low, _best_theta(low, n, u)) > 0
        for _ in range(_STEPS):
            alpha = (low + high) / 2
            above = _score_alpha(samples, alpha, _best_theta(alpha, n, u)) > 0
            low, high = np.where(above, alpha, low), np.where(above, high, alpha)
        alpha = np.where(rising & (u > 1) & (u < n), (low + high) / 2, np.nan)
        return alpha, _best_theta(alpha, n, u)


def pitman(samples: Samples) -> Floats:
    """Return the share of unique people under the fitted Pitman model.

    ``G(theta + 1) G(theta + alpha + P - 1) / (G(theta + alpha) G(theta + P))`` with the gamma
    function G, the probability that no later person joins the class of a given one. Times P, for
    large P it is ``G(theta + 1) / G(theta + alpha) P**alpha``, the form printed by Hoshino (2001)
    and Dankar et al. (2012).
    """
    alpha, theta = pitman_fit(samples)
    population = samples.records / samples.fraction
    with np.errstate(all="ignore"):
        log = log_rising(theta + alpha, 1 - alpha)
        log -= log_rising(theta + alpha + population - 1, 1 - alpha)
        share: Floats = np.exp(log)
    return share


def _digamma_rise(x: Floats, m: Floats) -> Floats:
    """Return ``digamma(x + m) - digamma(x)``, the sum of ``1 / (x + i)`` for i from 0 to m - 1."""
    y = x + m
    series = np.log1p(m / x) + (1 / x - 1 / y) / 2 + (1 / x**2 - 1 / y**2) / 12
    return np.where(x > _ASYMPTOTIC, series, digamma(y) - digamma(x))


def _best_theta(alpha: Floats, n: Floats, u: Floats) -> Floats:
    """Return the theta of highest likelihood for each alpha."""
    low = np.full(n.shape, -30.0)  # of log(theta + alpha)
    high = 2 * np.log(n) + 5  # one pair of equal records among n puts theta at about n**2 / 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        theta = np.exp(middle) - alpha
        score = _digamma_rise((theta + alpha) / alpha, u - 1) / alpha
        score -= _digamma_rise(theta + 1, n - 1)
        low, high = np.where(score > 0, middle, low), np.where(score > 0, high, middle)
    best: Floats = np.exp((low + high) / 2) - alpha
    return best


def _score_alpha(samples: Samples, alpha: Floats, theta: Floats) -> Floats:
    """Return the derivative of the log-likelihood by alpha."""
    new = _digamma_rise((theta + alpha) / alpha, samples.seen - 1) / alpha
    opened = (samples.seen - 1 - theta * new) / alpha
    # sum over l of 1 / (l - alpha), l from 1 to j - 1, for every tabulated size j.
    steps = 1 / (samples.sizes[None, :-1] - alpha[:, None])
    joined = (samples.classes[:, 1:] * np.cumsum(steps, axis=1)).sum(axis=1)
    size, classes = samples.tail_sizes, samples.tail_classes
    joined += classes @ np.log(size) - (alpha + 0.5) * (classes @ (1 / size))
    joined -= (alpha**2 / 2 + alpha / 2 + 1 / 12) * (classes @ (1 / size**2))
    joined -= classes.sum() * digamma(1 - alpha)
    score: Floats = opened - joined
    return score
