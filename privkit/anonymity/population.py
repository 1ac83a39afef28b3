"""What a sample of records says about k and uniqueness in a population of P people.

The records are taken to be drawn independently from the population's distribution over classes.
Two pairs of estimates are given, because the obvious pair misleads:

* plug-in: the shares of the sample are taken for the truth. Classes that were not seen do not
  exist for it, so that it makes k too large and uniques too few, badly so where most records are
  alone in their class: a sample of n different records would promise k = P / n.
* corrected: k from the unbiased collision probability; uniques by extrapolating the coverage
  after Chao and Jost (2012), "Coverage-based rarefaction and extrapolation": a person is unique
  among P when nobody of the other P - 1 has the class, so uniques(P) = P (1 - coverage(P - 1)).

The models of population uniqueness of the disclosure-control literature stand in
:mod:`privkit.anonymity.uniqueness`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.entropy import collision_interval, collision_probability
from privkit.errors import InputError

__all__ = [
    "PopulationEstimate",
    "chao1_unseen",
    "check_population",
    "coverage",
    "estimate_population",
    "uniques_not_excluded",
]


@dataclass(frozen=True)
class PopulationEstimate:
    """Expected anonymity of a population of ``population`` people.

    Attributes:
        population: P.
        expected_k: the expected class size of a random person, from the unbiased collision
            probability; ``None`` for a sample of one record of several people.
        expected_k_low: lower end of its 95% interval, at least 1; the same for P = n.
        expected_k_high: upper end; ``None`` where no two records share a class and P > n.
        expected_k_plugin: ``1 + (P - 1) sum p_i**2`` with the shares of the sample; too large.
        uniques: the expected people who are alone in their class, by the coverage.
        uniques_high: for P > n, an upper 95% bound without any model, see
            :func:`uniques_not_excluded`; ``None`` for P = n, where nothing is estimated.
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
        population: P, at least the records of the sample.

    Raises:
        InputError: if P is not a whole number of at least the sample.
    """
    check_population(counts, population)
    sizes, classes = counts.sizes_of_sizes
    share = sizes / counts.n
    others = population - 1
    square = float((classes * share**2).sum())
    middle = collision_probability(counts)
    low, high = collision_interval(counts)
    if population == counts.n:  # everybody was counted, so that nothing is uncertain
        low = middle = high = middle or 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.exp(others * np.log1p(-share)) if others else np.ones_like(share)
    return PopulationEstimate(
        population=population,
        expected_k=None if middle is None else 1 + others * middle,
        expected_k_low=None if low is None else 1 + others * low,
        expected_k_high=None if high is None else 1 + others * high,
        expected_k_plugin=1 + others * square,
        uniques=_uniques(counts, population),
        uniques_high=uniques_not_excluded(counts, population) if population > counts.n else None,
        uniques_plugin=float(population * (classes * share * alone).sum()),
        extrapolation=population / counts.n,
    )


def check_population(counts: ClassCounts, population: int) -> None:
    """Refuse a population that is none, or that the sample cannot have been drawn from.

    Raises:
        InputError: if P is not a whole number of at least the sample.
    """
    whole = isinstance(population, int) and not isinstance(population, bool)
    if not whole or population < 1:
        raise InputError(
            "the population cannot be used",
            where="--population",
            rule="a whole number of people, at least 1",
            found=population,
        )
    if population < counts.n:
        raise InputError(
            "the population is smaller than the sample",
            where="--population",
            rule=f"at least {counts.n}, the records that were counted",
            found=population,
            remedy="give the number of people that the records were drawn from",
        )


def coverage(counts: ClassCounts) -> float:
    """Return Good and Turing's estimate of the share of the population whose class was seen."""
    return 1 - counts.classes_of_size(1) / counts.n


def chao1_unseen(counts: ClassCounts) -> float:
    """Return a lower bound of the expected number of classes not seen (Chao 1984, corrected)."""
    singles, doubles = counts.classes_of_size(1), counts.classes_of_size(2)
    return (counts.n - 1) / counts.n * singles * (singles - 1) / (2 * (doubles + 1))


def uniques_not_excluded(counts: ClassCounts, population: int) -> float:
    """Return the most unique people that the sample leaves possible, at 95%, without a model.

    The share of people who are unique falls with the population, so its mean among P is at most
    that among n, which is the mean of the singletons over n. The singletons are a sum of
    indicators, one a class, independent where n itself is a Poisson count; such a sum has lighter
    tails than a Poisson count of equal mean (Hoeffding 1956), so that the upper end of the exact
    Poisson interval (Garwood 1936) holds: 3.0 of n where no record is alone, the rule of three.
    For a fixed n the indicators are weakly dependent; there the coverage is shown by simulation.
    """
    from scipy.stats import chi2  # a second and 30 MB that counting alone does not need

    singles = counts.classes_of_size(1)
    return population * min(1.0, float(chi2.ppf(0.95, 2 * (singles + 1))) / 2 / counts.n)


def _uniques(counts: ClassCounts, population: int) -> float:
    """Return the expected uniques after Chao and Jost (2012)."""
    singles, doubles, n = counts.classes_of_size(1), counts.classes_of_size(2), counts.n
    if not singles:
        return 0.0
    # Without doubles, half a double is reckoned with: the bias-corrected form would jump to no
    # uniques at all for a single singleton.
    ratio = (n - 1) * singles / ((n - 1) * singles + 2 * max(doubles, 0.5))
    return float(population * singles / n * ratio ** (population - n))
