"""What a sample proves about the class sizes of a population, without a model.

Never that *every* class has k people: whoever is not in the sample may be alone, so that takes 95%
of the population (:func:`sample_needed_for_everyone`). But that at most a small share of people is
in smaller classes, which :func:`certify` proves and :func:`sample_needed` plans for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import beta, binom

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.needed import ERROR, check_whole
from privkit.anonymity.population import check_population
from privkit.anonymity.resampling import log_rising
from privkit.anonymity.words import number, share
from privkit.errors import InputError

__all__ = [
    "Certified",
    "certify",
    "sample_needed",
    "sample_needed_for_everyone",
    "zero_failures_needed",
]


@dataclass(frozen=True)
class Certified:
    """What a sample proves about classes of at least k people in the population.

    Attributes:
        k: the class size in question, people of the population.
        population: P.
        records: seen this often in the first half of the sample, a class is taken to have k
            people.
        classes: classes that are.
        tested: records of the second half.
        failures: those of them outside the classes taken to have k people.
        share_high: at most this share of the P people is in classes of fewer than k, at 95%.
    """

    k: int
    population: int
    records: int
    classes: int
    tested: int
    failures: int
    share_high: float

    def sentence(self) -> str:
        """Say it to a privacy officer."""
        if not self.tested:
            return (
                f"Everybody was counted: {share(self.share_high)} of the {number(self.population)} "
                f"people are in classes of fewer than {number(self.k)}."
            )
        if self.share_high >= 1:
            return f"This sample proves nothing about classes of {number(self.k)} people."
        return (
            f"With 95% confidence at most {share(self.share_high)} of the "
            f"{number(self.population)} people are in classes of fewer than {number(self.k)}."
        )


def zero_failures_needed(most: float, error: float = ERROR) -> int:
    """Return how many random people without a failure show that at most a share ``most`` fails.

    ``n >= log(error) / log(1 - most)``, since n people all pass with probability ``(1 -
    most)**n`` if a share ``most`` fails: the rule of three, ``3 / most``, exactly.

    Args:
        most: between 0 and 1, both excluded.
        error: chance of a wrong statement.

    Raises:
        InputError: if the share is outside.
    """
    if not 0 < most < 1:
        raise InputError(
            "this share cannot be shown", where="share", rule="between 0 and 1", found=most
        )
    return math.ceil(math.log(error) / math.log1p(-most))


def sample_needed_for_everyone(population: int) -> int:
    """Return the records needed before 'every class has k >= 2 people' can be said at 95%.

    One person who is alone in the population is missed by a simple random sample of n with
    probability ``1 - n / P``. Without a model nothing but 95% of the population excludes that.
    """
    check_whole(population=population)
    return population - math.floor(ERROR * population)


def certify(counts: ClassCounts, population: int, k: int, *, seed: int) -> Certified:
    """Prove from a sample, without a model, that few people are in classes of fewer than k.

    Theorem. Let the records be a simple random sample of the P people, one a person, split at
    random in halves A and B. Call a class *large* if A holds at least m of it, where m is the
    least number with ``P / m * Pr(Hypergeometric(P, k - 1, |A|) >= m) <= 0.025``. Then with
    confidence 95% at most ``(a + (P - |A|) q) / P`` of the people are in classes of fewer than k,
    where ``a`` counts the people of A outside large classes and ``q`` is the upper 97.5% Clopper-
    Pearson end of the share of B outside them.

    Proof. At most ``P / m`` classes have m to k - 1 people, and each reaches m in A with at most
    the probability above, since the hypergeometric count grows with the class: with probability
    97.5% no class of fewer than k is large. Given A, B is a simple random sample of the other
    people, and the binomial interval is too wide for draws without replacement. Both hold with
    probability 95%, and then all people in classes of fewer than k are outside large ones. Where
    the sample is the whole population, the share is counted.

    Args:
        counts: the class sizes of the sample, one record a person.
        population: P, at least the sample.
        k: at least 1.
        seed: of the split.

    Raises:
        InputError: if P is smaller than the sample, or k is not at least 1.
    """
    check_population(counts, population)
    check_whole(k=k)
    if population == counts.n:
        large = counts.sizes >= k
        small = int(counts.sizes[~large].sum()) / population
        return Certified(k, population, k, int(large.sum()), 0, 0, small)
    first = np.random.default_rng(seed).binomial(counts.sizes, 0.5)
    learnt = int(first.sum())
    tested = counts.n - learnt
    needed = _records_that_prove(population, learnt, k)
    large = first >= needed
    failures = int((counts.sizes - first)[~large].sum())
    rest = _upper(failures, tested)
    outside = int(first[~large].sum()) + (population - learnt) * rest
    return Certified(
        k=k,
        population=population,
        records=needed,
        classes=int(large.sum()),
        tested=tested,
        failures=failures,
        share_high=min(1.0, outside / population),
    )


def sample_needed(population: int, bits: int, k: int, most: float) -> int | None:
    """Return the sample size with which :func:`certify` would prove its statement.

    The statement is 'at most a share ``most`` of the P people is in classes of fewer than k'; the
    codes are taken to be uniform over N bits, and the size is the least (to 1%) at which the
    second half holds no failure with probability 95%. Codes that are not uniform need more.

    Args:
        population: P.
        bits: N.
        k: at least 1.
        most: between 0 and 1, both excluded.

    Returns:
        Records; ``None`` where not even the whole population, split in halves, is enough.
    """
    check_whole(population=population, k=k)
    least = 2 * zero_failures_needed(most, ERROR / 2)

    def enough(n: int) -> bool:
        half = n // 2
        m = _records_that_prove(population, half, k)
        return half * float(binom.cdf(m - 1, half, math.ldexp(1.0, -bits))) <= ERROR

    low, high = least - 1, least
    while not enough(min(high, population)):
        if high >= population:
            return None
        low, high = high, 2 * high
    high = min(high, population)
    if high < least:
        return None
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _records_that_prove(population: int, sampled: int, k: int) -> int:
    """Return the m of :func:`certify`: seen m times, no class of fewer than k is to be feared."""
    people = k - 1
    x = np.arange(float(people + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = gammaln(people + 1.0) - gammaln(x + 1) - gammaln(people - x + 1)
        logs += _log_falling(float(sampled), x) + _log_falling(population - sampled, people - x)
        logs -= _log_falling(float(population), np.full(1, float(people)))
    tails = np.cumsum(np.exp(logs)[::-1])[::-1]
    m = np.arange(1, people + 1)
    proves = np.flatnonzero(population / m * tails[1:] <= ERROR / 2)
    return int(m[proves[0]]) if proves.size else k


def _log_falling(top: float, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log(top (top - 1) ... (top - steps + 1))``, minus infinity where that is 0."""
    logs = np.full(steps.shape, -np.inf)
    possible = steps <= top
    logs[possible] = log_rising(top - steps[possible] + 1, steps[possible])
    return logs


def _upper(failures: int, trials: int) -> float:
    """Return the one-sided 97.5% Clopper-Pearson end of a share."""
    if failures >= trials:
        return 1.0
    return float(beta.ppf(1 - ERROR / 2, failures + 1, trials - failures))
