"""How many people or records it takes before 'every class has at least K people' can be said.

Two questions that are easily mixed up:

* What would ideal codes do? If all ``2**N`` codes were equally likely, P people would share them
  in classes of about ``P / 2**N``; :func:`uniform_k` says how likely even the smallest class
  reaches K, :func:`most_bits` how many bits a population can afford and :func:`people_needed` how
  many people N bits need.
* What does a sample show about the population, without a model? That is
  :mod:`privkit.anonymity.certified`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp
from scipy.stats import poisson

from privkit.anonymity.resampling import log_rising
from privkit.errors import InputError

__all__ = ["ERROR", "check_whole", "ideal_k", "log_sum", "most_bits", "people_needed", "uniform_k"]

Floats = NDArray[np.float64]

ERROR = 0.05
"""Chance of a wrong statement: all hold at 95%."""
EXACT = 1000
"""Up to so many people the chance of uniform codes is computed exactly."""
MOST_PEOPLE = 10**15
_BLOCK = 1 << 16
_NEGLIGIBLE = 60.0
"""Terms of a falling sum that lie below it by so much, as a logarithm, end it."""


def ideal_k(population: int, bits: int) -> float:
    """Return the paper's ideal, ``P / 2**N`` people a class if all codes were equally likely."""
    return math.ldexp(population, -bits)


def uniform_k(population: int, bits: int, k: int) -> float:
    """Return how likely every class of uniform codes has at least k people.

    Codes that nobody has are no classes. Up to :data:`EXACT` people the probability is exact:
    that of independent Poisson class sizes given their sum. Above, it is the lower bound ``1 -
    E[classes of 1 to k - 1 people]`` (Boole); the number of such classes is nearly Poisson
    (Barbour, Holst and Janson 1992), so that the truth is about ``exp`` of minus that mean and a
    bound of 95% is at most 0.2 percentage points too low.

    Args:
        population: P, at least 1.
        bits: N, at least 0.
        k: at least 1.
    """
    check_whole(population=population, k=k)
    if k == 1 or not bits:
        return float(population >= k)
    if population <= EXACT:
        return _uniform_exact(population, bits, k)
    if k - 1 > ideal_k(population, bits):  # not even the mean class has k people
        return 0.0
    empty = math.log1p(-math.ldexp(1.0, -bits))

    def log_classes(j: Floats) -> Floats:
        logs = (1 - j) * bits * math.log(2) + (population - j) * empty
        logs += log_rising(population - j + 1, j) - gammaln(j + 1)
        return logs

    return max(0.0, 1 - math.exp(min(0.0, log_sum(log_classes, k - 1, 1))))


def log_sum(log_term: Callable[[Floats], Floats], first: int, last: int) -> float:
    """Add up terms that fall from the first to the last, given and returned as logarithms.

    A block at a time, and only as far as the terms matter: the range may be as long as a
    population.

    Args:
        log_term: returns the logarithms of the terms of whole numbers, shape ``(m,)``.
        first: where the terms are largest.
        last: the end of the range, above or below ``first``.
    """
    step = 1 if last >= first else -1
    total = -math.inf
    for start in range(first, last + step, step * _BLOCK):
        block = min(_BLOCK, abs(last - start) + 1)
        logs = log_term(start + step * np.arange(float(block)))
        total = float(np.logaddexp(total, logsumexp(logs)))
        if logs[-1] < total - _NEGLIGIBLE:
            break
    return total


def _uniform_exact(population: int, bits: int, k: int) -> float:
    """Return the probability by the coefficient of z**P in the power of a generating function."""
    mean = math.ldexp(population, -bits)
    power = poisson.pmf(np.arange(population + 1), mean)
    power[1:k] = 0
    log_scale = 0.0
    for _ in range(bits):  # squaring once a bit gives the power 2**N
        power = np.convolve(power, power)[: population + 1]
        top = float(power.max())
        if not top:
            return 0.0
        power /= top
        log_scale = 2 * log_scale + math.log(top)
    if not power[population]:
        return 0.0
    log = math.log(power[population]) + log_scale - poisson.logpmf(population, population)
    return min(1.0, math.exp(log))


def most_bits(population: int, k: int) -> int | None:
    """Return the most bits N for which uniform codes give every class k people at 95%.

    ``None`` where even one class for all would have fewer than k people.
    """
    check_whole(population=population, k=k)
    if population < k:
        return None
    bits = max(0, (population // k).bit_length())
    while bits and uniform_k(population, bits, k) < 1 - ERROR:
        bits -= 1
    return bits


def people_needed(bits: int, k: int) -> int | None:
    """Return the fewest people among whom uniform N-bit codes give every class k at 95%.

    ``None`` above 10**15 people.
    """
    check_whole(k=k)
    low, high = k - 1, k
    while uniform_k(high, bits, k) < 1 - ERROR:
        low, high = high, 2 * high
        if high > MOST_PEOPLE:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = uniform_k(middle, bits, k) >= 1 - ERROR
        low, high = (low, middle) if enough else (middle, high)
    return high


def check_whole(**values: int) -> None:
    """Refuse what is not a whole number of at least 1, by the parameter's name.

    Raises:
        InputError: for the first that is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(
                "the number cannot be used",
                where=name,
                rule="a whole number of at least 1",
                found=value,
            )
