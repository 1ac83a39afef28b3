"""What a sample of records says about k and uniqueness in a population of P people.

The records are taken to be drawn independently from the population's distribution over classes.
Two pairs of estimates are given, because the obvious pair misleads:

* plug-in: the shares of the sample are taken for the truth. Classes that were not seen do not
  exist for it, so that it makes k too large and uniques too few, badly so where most records are
  alone in their class: a sample of n different records would promise k = P / n.
* corrected: k from the unbiased collision probability; uniques without bias by rarefaction for
  P <= n, and beyond by extrapolating the coverage after Chao and Jost (2012), "Coverage-based
  rarefaction and extrapolation": a person is unique among P when nobody of the other P - 1 has
  the class, so uniques(P) = P (1 - coverage(P - 1)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import beta

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.entropy import collision_probability
from privkit.errors import InputError

__all__ = ["PopulationEstimate", "chao1_unseen", "coverage", "estimate_population"]

_Z = 1.959963984540054  # two-sided 95%


@dataclass(frozen=True)
class PopulationEstimate:
    """Expected anonymity of a population of ``population`` people.

    Attributes:
        population: P.
        expected_k: the expected class size of a random person, from the unbiased collision
            probability; ``None`` for a sample of one record.
        expected_k_low: lower end of its 95% interval, at least 1.
        expected_k_high: upper end; ``None`` where no two records share a class.
        expected_k_plugin: ``1 + (P - 1) sum p_i**2`` with the shares of the sample; too large.
        uniques: the expected people who are alone in their class, by rarefaction or coverage.
        uniques_high: for P > n, P times the upper 95% Clopper-Pearson end of the share of
            singletons in the sample, a bound because the share of uniques falls with P; else
            ``None``.
        uniques_plugin: ``P sum p_i (1 - p_i)**(P - 1)`` with the shares of the sample; as a rule
            too few.
        extrapolation: P / n. Beyond about 3 the estimate of uniques rests on the model.
    """

    population: int
    expected_k: float | None
    expected_k_low: float | None
    expected_k_high: float | None
    expected_k_plugin: float
    uniques: float
    uniques_high: float | None
    uniques_plugin: float
    extrapolation: float


def estimate_population(counts: ClassCounts, population: int) -> PopulationEstimate:
    """Estimate k and uniques in a population.

    Args:
        counts: the class sizes of the sample.
        population: P, at least 1.

    Raises:
        InputError: if P is not a whole number of at least 1.
    """
    if isinstance(population, bool) or not isinstance(population, int) or population < 1:
        raise InputError(
            "the population cannot be used",
            where="--population",
            rule="a whole number of people, at least 1",
            found=population,
        )
    sizes, classes = counts.sizes_of_sizes
    share = sizes / counts.n
    others = population - 1
    square = float((classes * share**2).sum())
    low, middle, high = _collision_interval(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.exp(others * np.log1p(-share)) if others else np.ones_like(share)
    return PopulationEstimate(
        population=population,
        expected_k=None if middle is None else 1 + others * middle,
        expected_k_low=None if low is None else 1 + others * low,
        expected_k_high=None if high is None else 1 + others * high,
        expected_k_plugin=1 + others * square,
        uniques=_uniques(counts, population),
        uniques_high=_uniques_high(counts, population),
        uniques_plugin=float(population * (classes * share * alone).sum()),
        extrapolation=population / counts.n,
    )


def coverage(counts: ClassCounts) -> float:
    """Return Good and Turing's estimate of the share of the population whose class was seen."""
    return 1 - counts.classes_of_size(1) / counts.n


def chao1_unseen(counts: ClassCounts) -> float:
    """Return a lower bound of the expected number of classes not seen (Chao 1984, corrected)."""
    singles, doubles = counts.classes_of_size(1), counts.classes_of_size(2)
    return (counts.n - 1) / counts.n * singles * (singles - 1) / (2 * (doubles + 1))


def _collision_interval(counts: ClassCounts) -> tuple[float | None, float | None, float | None]:
    """Return the collision probability with a 95% interval.

    The variance is that of the U-statistic (Hoeffding 1948): ``4 (s3 - s2**2) / n`` from the
    records plus ``2 s2 / n**2`` from the pairs. Without a shared pair it is not known.
    """
    square = collision_probability(counts)
    if square is None:
        return None, None, None
    if not square:
        return 0.0, 0.0, None
    sizes, classes = counts.sizes_of_sizes
    share = sizes / counts.n
    cube = float((classes * share**3).sum())
    plug = float((classes * share**2).sum())
    spread = math.sqrt(4 * max(0.0, cube - plug**2) / counts.n + 2 * square / counts.n**2)
    return max(0.0, square - _Z * spread), square, min(1.0, square + _Z * spread)


def _uniques(counts: ClassCounts, population: int) -> float:
    """Return the expected uniques: by rarefaction for P <= n, else by Chao and Jost (2012)."""
    n = counts.n
    sizes, classes = counts.sizes_of_sizes
    if population <= n:
        # P * sum (n_i / n) C(n - n_i, P - 1) / C(n - 1, P - 1), in logarithms.
        possible = n - sizes >= population - 1
        s, k = sizes[possible], classes[possible]
        if not s.size:
            return 0.0
        log = _log_choose(n - s, population - 1) - _log_choose(np.array([n - 1]), population - 1)
        return float(population * (k * s / n * np.exp(log)).sum())
    singles, doubles = counts.classes_of_size(1), counts.classes_of_size(2)
    if not singles:
        return 0.0
    # Without doubles, half a double is reckoned with: the bias-corrected form would jump to no
    # uniques at all for a single singleton.
    ratio = (n - 1) * singles / ((n - 1) * singles + 2 * max(doubles, 0.5))
    return float(population * singles / n * ratio ** (population - n))


def _uniques_high(counts: ClassCounts, population: int) -> float | None:
    """Return what the sample cannot exclude: no singleton in n still allows about 3 / n of them."""
    if population <= counts.n:
        return None
    singles = counts.classes_of_size(1)
    if singles == counts.n:
        return float(population)
    return float(population * beta.ppf(0.95, singles + 1, counts.n - singles))


def _log_choose(n: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return logs
