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
from scipy.stats import beta, binom, poisson

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.needed import ERROR, check_whole, log_sum
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
        if self.k > self.population:
            return (
                f"There are only {number(self.population)} people, so all of them are in classes "
                f"of fewer than {number(self.k)}."
            )
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
    the sample is the whole population, the share is counted; where that has fewer than k people,
    it is 1.

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
    if k > population:
        return Certified(k, population, k, 0, 0, 0, 1.0)
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
    second half holds no failure with probability 95%. Codes that are not uniform need more. Where
    no half of the population is enough, but counting everybody is, that is P.

    Args:
        population: P.
        bits: N.
        k: at least 1.
        most: between 0 and 1, both excluded.

    Returns:
        Records, at most P; ``None`` where counting everybody might not show it, because with such
        codes it is not so.
    """
    check_whole(population=population, k=k)
    least = 2 * zero_failures_needed(most, ERROR / 2)
    if k > population:
        return None
    everybody = population if _census_proves(population, bits, k, most) else None

    def enough(n: int) -> bool:
        half = n // 2
        m = _records_that_prove(population, half, k)
        return half * float(binom.cdf(m - 1, half, math.ldexp(1.0, -bits))) <= ERROR

    low, high = least - 1, least
    while not enough(min(high, population)):
        if high >= population:
            return everybody
        low, high = high, 2 * high
    high = min(high, population)
    if high < least:
        return everybody
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _census_proves(population: int, bits: int, k: int, most: float) -> bool:
    """Tell whether counting everybody would show the statement of :func:`sample_needed`, at 95%.

    A class of X people has ``f = X [X < k]`` people in classes of fewer than k. Either bound will
    do. The small classes are about Poisson (Barbour, Holst and Janson 1992), of at most k - 1
    people each. And a person is in one with probability ``q = Pr(Binomial(P - 1, 2**-N) <= k -
    2)``; as ``Var f <= (k - 1) E f`` and classes that share P people vary no more together than
    alone, Cantelli's inequality gives a share of at most ``q + sqrt(19 (k - 1) q / P)``.
    """
    chance = math.ldexp(1.0, -bits)
    q = float(binom.cdf(k - 2, population - 1, chance))
    if q + math.sqrt((1 / ERROR - 1) * (k - 1) * q / population) <= most:
        return True
    if q > most:
        return False
    small = float(binom.cdf(k - 1, population, chance) - binom.pmf(0, population, chance))
    classes = float(poisson.ppf(1 - ERROR, math.ldexp(max(0.0, small), min(bits, 1000))))
    return classes * (k - 1) <= most * population


def _records_that_prove(population: int, sampled: int, k: int) -> int:
    """Return the m of :func:`certify`: seen m times, no class of fewer than k is to be feared.

    The bound falls with m. Up to the mean of the hypergeometric count it cannot hold: the tail is
    about a half there, and m is less than P.
    """
    people = k - 1
    low, high = people * sampled // population, k
    while high - low > 1:
        middle = (low + high) // 2
        log_tail = _log_tail(middle, population, people, sampled)
        proves = math.log(population / middle) + log_tail <= math.log(ERROR / 2)
        low, high = (low, middle) if proves else (middle, high)
    return high


def _log_tail(m: int, population: int, marked: int, drawn: int) -> float:
    """Return ``log Pr(Hypergeometric >= m)`` for an m above the mean, of at most P marked."""
    few, many = sorted((marked, drawn))  # the two may change places; fewer factors are exacter
    if m > few:
        return -math.inf

    def log_probability(x: NDArray[np.float64]) -> NDArray[np.float64]:
        logs = gammaln(few + 1.0) - gammaln(x + 1) - gammaln(few - x + 1)
        logs += _log_falling(float(many), x) + _log_falling(float(population - many), few - x)
        logs -= _log_falling(float(population), np.full(1, float(few)))
        return logs

    return log_sum(log_probability, m, few)


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
