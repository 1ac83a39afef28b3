"""Population uniqueness from a sample: the accepted estimators, their intervals and their limits.

An estimator is refused, with the reason, where its equations have no solution or where its
authors and Dankar et al. do not trust it; a refused estimator gives no number. Which of them to
believe is decided by the rule of Dankar, El Emam, Neisa and Roffey (2012), "Estimating the
re-identification risk of clinical data sets", BMC Medical Informatics and Decision Making 12:66:
Pitman up to a sampling fraction of 10%; above it the smaller of SNB and Zayatz, or Zayatz where
SNB has no solution.

Every interval is 95% and comes from a seeded bootstrap of records: samples are drawn from the
distribution over classes that the data suggest (Chao et al. 2014, "Rarefaction and extrapolation
with Hill numbers", appendix G: shares of seen classes shrunk to the estimated coverage, the rest
divided over Chao's number of unseen classes), the estimator is computed anew on each, and the
spread on the logit scale makes a normal interval. It covers the chance of which people were
sampled. It does not cover the error of the model itself, which is as a rule the larger one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.population import check_population
from privkit.anonymity.resampling import Floats, Samples, resamples
from privkit.anonymity.uniqueness_models import MODELS
from privkit.anonymity.words import number, share

__all__ = [
    "REPLICATES",
    "Uniqueness",
    "UniquenessEstimate",
    "dankar_choice",
    "estimate_uniqueness",
]

REPLICATES = 200
MOST_FRACTION_PITMAN = 0.1
"""Dankar's rule: Pitman up to this sampling fraction, SNB and Zayatz above it."""
MOST_EXTRAPOLATION = 3
"""Chao and Jost (2012) trust their extrapolation to two or three times the sample."""
_LEAST_SOLVED = 0.9  # of the resamples; with fewer the interval would be that of the lucky ones
_Z = 1.959963984540054  # two-sided 95%


@dataclass(frozen=True)
class UniquenessEstimate:
    """What one estimator says about the people who are alone in their class in the population.

    Attributes:
        name: as in :data:`MODELS`.
        uniques: estimated unique people; ``None`` where refused.
        share: the same as a share of the population.
        low: lower end of the 95% interval of ``uniques``: sampling error, not model error.
        high: upper end.
        valid: whether the estimator may be used on this sample.
        reason: why it is refused, or on what the estimate rests.
    """

    name: str
    uniques: float | None
    share: float | None
    low: float | None
    high: float | None
    valid: bool
    reason: str


@dataclass(frozen=True)
class Uniqueness:
    """All estimates, and the one that Dankar's rule picks.

    Attributes:
        n: records of the sample.
        population: P.
        estimates: one an estimator, by name.
        named: the estimator that the rule names, be it refused or not.
        why: the rule's words.
    """

    n: int
    population: int
    estimates: dict[str, UniquenessEstimate]
    named: str
    why: str

    @property
    def chosen(self) -> UniquenessEstimate:
        """The estimate that Dankar's rule names; refused where its ``valid`` is false."""
        return self.estimates[self.named]


def estimate_uniqueness(
    counts: ClassCounts, population: int, *, seed: int, replicates: int = REPLICATES
) -> Uniqueness:
    """Estimate how many people of a population are alone in their class.

    Args:
        counts: the class sizes of a simple random sample of the population.
        population: P, at least the records of the sample.
        seed: of the bootstrap; the estimates themselves are not random.
        replicates: resamples of the bootstrap.

    Raises:
        InputError: if P is not a whole number of at least the sample.
    """
    check_population(counts, population)
    if population == counts.n:
        alone = counts.classes_of_size(1)
        estimates = {
            name: UniquenessEstimate(
                name, alone, alone / counts.n, alone, alone, True, "everybody was counted"
            )
            for name in MODELS
        }
        why = "The sample is the whole population, so that nothing has to be estimated"
        return Uniqueness(counts.n, population, estimates, "Zayatz", why)
    data = Samples.of(counts, population)
    again = resamples(counts, population, replicates, np.random.default_rng(seed))
    estimates = {name: _estimate(name, counts, data, again) for name in MODELS}
    named, why = dankar_choice(estimates, data.fraction)
    return Uniqueness(counts.n, population, estimates, named, why)


def dankar_choice(estimates: dict[str, UniquenessEstimate], fraction: float) -> tuple[str, str]:
    """Choose by the rule of Dankar et al. (2012).

    ARX falls back on Zayatz where Pitman has no solution at a sampling fraction up to 10%; here
    there is then no choice, because Zayatz is several times too high there.

    Args:
        estimates: of Pitman, SNB and Zayatz, by name.
        fraction: the sampling fraction n / P.

    Returns:
        The name, of an estimator that may be refused, and the rule's words.
    """
    if fraction <= MOST_FRACTION_PITMAN:
        return "Pitman", "Dankar's rule takes Pitman up to a sampling fraction of 10%"
    snb, zayatz = estimates["SNB"].uniques, estimates["Zayatz"].uniques
    if snb is None:
        return "Zayatz", "Dankar's rule takes Zayatz above 10% where SNB has no solution"
    why = "Dankar's rule takes the smaller of SNB and Zayatz above a sampling fraction of 10%"
    return ("SNB" if zayatz is not None and snb <= zayatz else "Zayatz"), why


def _estimate(name: str, counts: ClassCounts, data: Samples, again: Samples) -> UniquenessEstimate:
    """Apply one estimator and its limits."""
    reason = _unusable(counts) or LIMITS[name](data)
    if reason:
        return _refused(name, reason)
    found = float(MODELS[name](data)[0])
    if not 0 < found < 1:
        return _refused(name, NO_SOLUTION[name])
    low, high = _interval(found, MODELS[name](again))
    if low is None or high is None:
        return _refused(name, "on resamples of these data it has often no solution")
    people = data.population
    return UniquenessEstimate(
        name, found * people, found, low * people, high * people, True, RESTS_ON[name]
    )


def _refused(name: str, reason: str) -> UniquenessEstimate:
    return UniquenessEstimate(name, None, None, None, None, False, reason)


def _interval(found: float, again: Floats) -> tuple[float | None, float | None]:
    """Return the 95% interval of a share from its resamples, normal on the logit scale."""
    solved = again[(again > 0) & (again < 1)]
    if solved.size < _LEAST_SOLVED * again.size:
        return None, None
    half = _Z * float(np.std(np.log(solved) - np.log1p(-solved), ddof=1))
    centre = math.log(found) - math.log1p(-found)
    return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def _unusable(counts: ClassCounts) -> str:
    """Return why no model can be fitted to the sample, or nothing."""
    if not counts.classes_of_size(1):
        return "nobody is alone in the sample, so that every model would say 0 without any doubt"
    if not counts.classes_of_size(2):
        return "no class has exactly two records, on which every model rests"
    return ""


def _up_to_ten_percent(data: Samples) -> str:
    if data.fraction <= MOST_FRACTION_PITMAN:
        return ""
    return (
        f"the sample is {share(data.fraction)} of the population: Dankar's rule uses it up to 10%"
    )


def _above_ten_percent(data: Samples) -> str:
    if data.fraction > MOST_FRACTION_PITMAN:
        return ""
    return (
        f"the sample is {share(data.fraction)} of the population: Dankar's rule uses it above 10%"
    )


def _near(data: Samples) -> str:
    times = data.population / data.n
    if times <= MOST_EXTRAPOLATION:
        return ""
    return (
        f"the population is {number(times)} times the sample: its authors extrapolate to at most "
        f"{MOST_EXTRAPOLATION} times"
    )


LIMITS: dict[str, Callable[[Samples], str]] = {
    "Pitman": _up_to_ten_percent,
    "SNB": _above_ten_percent,
    "Zayatz": _above_ten_percent,
    "Chao-Jost": _near,
}
"""Why each estimator is refused on a sample, or an empty text."""

NO_SOLUTION: dict[str, str] = {
    "Pitman": "the classes are more even than the model allows (alpha would not be positive)",
    "SNB": "its two moment equations have no solution for these singles and pairs",
    "Zayatz": "it would call everybody unique",
    "Chao-Jost": "it would call nobody or everybody unique",
}

RESTS_ON: dict[str, str] = {
    "Pitman": "it assumes class sizes with a heavy tail, fitted by maximum likelihood",
    "SNB": "it assumes class sizes of 1 + negative binomial, fitted to the singles and the pairs",
    "Zayatz": "it takes the sample's class sizes for the population's, as a rule too high",
    "Chao-Jost": "it extrapolates the sample's coverage, as a rule too low",
}
