"""Models of population uniqueness: from the class sizes of a sample to the share of unique people.

Notation of the disclosure-control literature: a sample of n records of a population of P people,
sampling fraction ``pi = n / P``, ``u`` classes in the sample, ``s_j`` of them of size j. Every
model takes many samples at once (the data and their resamples) and returns the share of the
population that is alone in its class, or ``nan`` where its equations have no solution.

* Zayatz (1991), "Estimation of the number of unique population elements using a sample", Bureau
  of the Census: Bayes' rule with the sample's class sizes as the prior of the population's.
* Pitman, in :mod:`privkit.anonymity.pitman_model`.
* SNB: the slide negative binomial model of Chen and Keller-McNulty (1998), "Estimation of
  identification disclosure risk in microdata", its number of classes by Shlosser's estimator in
  the form of Haas and Stokes (1998).
* Chao-Jost: the coverage of Chao and Jost (2012), extrapolated from n to P.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from privkit.anonymity.pitman_model import pitman
from privkit.anonymity.resampling import Floats, Samples, log_rising

__all__ = ["MODELS", "chao_jost", "shlosser", "snb", "zayatz"]

_STEPS = 48  # halvings of a bracket: 1e-14 of its width


def zayatz(samples: Samples) -> Floats:
    """Return Zayatz's share of unique people, ``s_1**2 / sum_j s_j h_j / P``.

    ``h_j``, hypergeometric, is the probability that a population class of size j has exactly one
    record in the sample.
    """

    def seen_once(size: Floats) -> Floats:
        # n / P times the probability that the other size - 1 people were all missed.
        others = size - 1
        out, all_ = samples.population - samples.n - others + 1, samples.population - others
        missed = np.zeros_like(size)
        possible = out > 0
        missed[possible] = np.exp(
            log_rising(out[possible], others[possible])
            - log_rising(all_[possible], others[possible])
        )
        seen: Floats = size * samples.fraction * missed
        return seen

    singles = samples.of_size(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = singles**2 / samples.total(seen_once)
        share *= samples.fraction / samples.records
    return share


def chao_jost(samples: Samples) -> Floats:
    """Return ``1 - coverage(P - 1)`` after Chao and Jost (2012), equation 12.

    Nobody of the other P - 1 people has the class of a person who is unique among P. Without
    doubletons half a one is reckoned with: the bias-corrected form of the paper would jump to no
    uniques at all for a single singleton.
    """
    singles, doubles = samples.of_size(1), samples.of_size(2)
    n = samples.records
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (n - 1) * singles / ((n - 1) * singles + 2 * np.maximum(doubles, 0.5))
        more = n * (samples.population / samples.n - 1)
        share: Floats = np.where(singles > 0, singles / n * ratio**more, 0.0)
    return share


def shlosser(samples: Samples) -> Floats:
    """Estimate the population's classes: Shlosser (1981) as modified by Haas and Stokes (1998).

    Their estimator Sh3: ``u + s_1 (A / B) (C / D)**2`` with ``A = sum j pi**2 (1 - pi**2)**(j-1)
    s_j``, ``B = sum (1 - pi)**j ((1 + pi)**j - 1) s_j``, ``C = sum (1 - pi)**j s_j`` and
    ``D = sum j pi (1 - pi)**(j-1) s_j``.
    """
    pi = samples.fraction
    a = samples.total(lambda j: j * pi**2 * (1 - pi**2) ** (j - 1))
    b = samples.total(lambda j: (1 - pi**2) ** j - (1 - pi) ** j)
    c = samples.total(lambda j: (1 - pi) ** j)
    d = samples.total(lambda j: j * pi * (1 - pi) ** (j - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        classes: Floats = samples.seen + samples.of_size(1) * (a / b) * (c / d) ** 2
    return classes


def snb(samples: Samples) -> Floats:
    """Return the share of unique people, ``K beta**alpha / P``, of the SNB model.

    Population class sizes are 1 + negative binomial (alpha, beta); of each person the record is
    in the sample with probability pi. With ``K`` by :func:`shlosser` and ``d = (1 - beta)
    (1 - pi)``, alpha and beta solve the two moment equations of the paper::

        s_1 = K pi r**alpha (1 + alpha d / (1 - d)),  r = beta / (1 - d)
        s_2 = K alpha pi**2 beta**alpha (1 - beta) (2 - (1 - alpha) d) / (2 (1 - d)**(alpha + 2))

    Their ratio is quadratic in alpha, with one positive root, so that one equation in beta is
    left, whose root is bracketed on a grid. Of several roots the one is taken whose mean class
    size comes closest to the sample's.
    """
    pi = samples.fraction
    singles, doubles = samples.of_size(1), samples.of_size(2)
    classes = shlosser(samples)
    mean = samples.records / (pi * classes)  # people of a population class
    grid = 1 / (1 + np.exp(-np.linspace(-25, 12, 400)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        target = np.log(singles / (classes * pi))
        ratio = doubles / singles

        def off(beta: Floats, ratio: Floats, target: Floats) -> tuple[Floats, Floats]:
            """How far the first equation is off, and the alpha of the second."""
            d = (1 - beta) * (1 - pi)
            rest = pi + beta * (1 - pi)  # 1 - d without cancellation
            c = pi * (1 - beta) / (2 * rest)
            half = (c * (2 - d) - ratio * d) / 2
            # The positive root in the form that does not cancel, for either sign of half.
            root = np.sqrt(half**2 + c * d * ratio * rest)
            alpha = np.where(half > 0, ratio * rest / (half + root), (root - half) / (c * d))
            return alpha * np.log(beta / rest) + np.log1p(alpha * d / rest) - target, alpha

        found = off(grid[None, :], ratio[:, None], target[:, None])[0]
        rows, columns = np.nonzero(found[:, :-1] * found[:, 1:] <= 0)
        low, high = grid[columns], grid[columns + 1]
        falling = found[rows, columns] > 0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            above = off(middle, ratio[rows], target[rows])[0] > 0
            low = np.where(above == falling, middle, low)
            high = np.where(above == falling, high, middle)
        beta = (low + high) / 2
        alpha = off(beta, ratio[rows], target[rows])[1]
        mismatch = np.abs(np.log1p(alpha * (1 - beta) / beta) - np.log(mean[rows]))
        share = classes[rows] * beta**alpha * pi / samples.records[rows]
    best = np.full(len(classes), np.nan)
    order = np.argsort(-np.nan_to_num(mismatch, nan=np.inf), kind="stable")
    best[rows[order]] = share[order]  # the last one written is the closest
    return best


MODELS: dict[str, Callable[[Samples], Floats]] = {
    "Pitman": pitman,
    "SNB": snb,
    "Zayatz": zayatz,
    "Chao-Jost": chao_jost,
}
"""Every model by the name under which it is reported."""
