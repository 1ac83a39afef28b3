"""From trials to a rate with its interval over people, and to what that sample could have shown.

The interval is Wilson's score interval with Student's quantile, where the number of trials is
divided by the design effect of the people. The percentile bootstrap over people was tried beside it
(``reports/audit_calibration``): of a rate of 2.5% its upper end lies below the truth in 4 to 54% of
samples of 20 to 40 people, where 2.5% is promised; it would call leaking stores safe.

Where a few people leak wholly and all others not at all, a sample may hold none of the few, and its
trials then look independent. Of identification, where chance is low, the upper end therefore never
lies below that of the share of people who leak in most of their trials (three in four), counted as
one trial each. Half is not enough: where the same records are compared in several rounds, chance
alone makes one person in forty do as well.

Where the attacked people are learned from in turn, a person bears on the trials of others too, and
trials of different folds go together. A linear or kernel rule scores a person i of value y by
``y_i sum_j y_j k(x_i, x_j)`` over the m people learned from. Two people in different folds share
the term of the two. Where nothing leaks, the sign of each term is a toss: their scores correlate by
1/m, and where the terms are many and alike, as of a linear rule on many features, their hits by
2/pi asin(1/m) (Sheppard 1899): all pairs together make the variance of the rate 1 + 2/pi = 1.64
times that of independent trials, whatever the number of people and folds. With few features, or a
kernel that sees few neighbours, it lies between 0.8 and 1.9 by simulation; where there is a leak,
fewer hits are tossed, but what is learned differs from sample to sample. In simulated stores of 60
people it is 0.8 to 2.9 times, by attack and leak, and 1.5 to 1.6 on average; the intervals hold the
true rate as often as they say (``reports/audit_calibration``). One sample cannot tell it:
cross-fitting has no unbiased estimate of its variance (Bengio and Grandvalet, JMLR 2004).

Of identification, too, an attack that names the same person whatever it sees hits all trials of
that one, and its few hits look like a cluster. What the feature adds is seen beside the control: a
rate is at most that of the same attack on other people's features, and the share of trials that the
own feature gained.

The residual risk of a rate ``a`` over a baseline ``b`` is ``(a - b) / (1 - b)``: 0 for an attack
that does no better than the best guess without the feature, 1 for one that always succeeds (Giomi
et al., PoPETs 2023, section 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from privkit.errors import InputError
from privkit.evaluation.intervals import score_ends
from privkit.evaluation.trials import Trials

__all__ = [
    "POWER",
    "Rate",
    "detectable",
    "people_needed",
    "power",
    "rate_of",
    "variance_in_folds",
]

#: With this probability a leak of the detectable size is found; the field's usual choice.
POWER = 0.8

#: Up to this chance nobody succeeds in most of several trials without leaking.
_LOW_CHANCE = 0.1

#: Somebody leaks wholly from this share of the trials on that are hit beyond the control.
_WHOLLY = 0.75

#: People who leak are few up to this share.
_FEW = 0.1


def variance_in_folds(folds: int) -> float:
    """How many times the variance of independent trials that of cross-fitted ones is taken to be.

    Args:
        folds: above 0; 1 for trials that are independent.
    """
    return 1 + 2 / math.pi if folds > 1 else 1.0


@dataclass(frozen=True)
class Rate:
    """How often an attack succeeded, beside baseline and control, with intervals over people.

    Attributes:
        attack: its name.
        measure: what a hit is.
        people: independent units.
        units: people of equal weight that carry the same information (Kish): few of many, where a
            few people make most of the mean, or where they are learned from in turn.
        trials: how many.
        effective: independent trials that carry the same information.
        value: the rate.
        low: lower end of the interval of this rate alone.
        high: upper end of it.
        baseline: rate of the best guess without the feature.
        control: rate of the same attack given another person's feature.
        residual: ``(value - baseline) / (1 - baseline)``.
        residual_low: lower end, of this rate alone.
        residual_high: upper end, of this rate alone.
        bound: one-sided lower bound of the residual risk that holds for all attacks of a family
            together (Bonferroni).
        over_control: ``(value - control) / (1 - control)``.
        family: how many attacks the bound allows for.
        confidence: coverage of the interval.
    """

    attack: str
    measure: str
    people: int
    units: float
    trials: int
    effective: float
    value: float
    low: float
    high: float
    baseline: float
    control: float
    residual: float
    residual_low: float
    residual_high: float
    bound: float
    over_control: float
    family: int
    confidence: float

    @property
    def name(self) -> str:
        """Attack and measure."""
        return f"{self.attack}, {self.measure}"


def rate_of(trials: Trials, *, confidence: float = 0.95, family: int = 1) -> Rate:
    """The rate of an attack with its intervals.

    Args:
        trials: its trials.
        confidence: coverage of the two-sided interval.
        family: so many attacks are looked at together; the bound is lowered by that.

    Raises:
        InputError: confidence outside (0, 1), or a family of none.
    """
    if not 0 < confidence < 1 or family < 1:
        raise InputError(
            "no interval can have this coverage",
            where="rate_of",
            rule="confidence in (0, 1), family at least 1",
            found=f"{confidence}, {family}",
        )
    people, code = np.unique(trials.person, return_inverse=True)
    hit = _Share.of(trials.hit, trials.weight, code, len(people)).in_folds(trials.folds)
    base = _Share.of(trials.baseline, trials.weight, code, len(people))
    tail = (1 - confidence) / 2
    low, high = hit.ends(tail)
    if base.value <= _LOW_CHANCE:
        if base.exact:
            high = min(high, _chance_and_gained(trials, base.value, code, hit, tail))
        high = max(high, _few_leak_wholly(trials, base.value, code, hit, tail))
    family_low, _ = hit.ends(tail / family)
    residual = [
        _residual(hit.value, base.value, base),
        _residual(low, base.end(tail, above=True), base, hit, above=False),
        _residual(high, base.end(tail, above=False), base, hit, above=True),
        _residual(family_low, base.end(tail / family, above=True), base, hit, above=False),
    ]
    control = trials.mean("control")
    return Rate(
        attack=trials.attack,
        measure=trials.measure,
        people=len(people),
        units=hit.units,
        trials=len(trials),
        effective=hit.effective,
        value=hit.value,
        low=low,
        high=high,
        baseline=base.value,
        control=control,
        residual=residual[0],
        residual_low=residual[1],
        residual_high=residual[2],
        bound=residual[3],
        over_control=(hit.value - control) / max(1.0 - control, 1e-12),
        family=family,
        confidence=confidence,
    )


@dataclass(frozen=True)
class _Share:
    """A weighted share, the influence of each person on it, and its effective trials."""

    value: float
    influence: NDArray[np.float64]
    effective: float
    people: int
    units: float

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        weight: NDArray[np.float64],
        code: NDArray[np.int64],
        people: int,
    ) -> _Share:
        total = weight.sum()
        p = float((weight * values).sum() / total)
        influence = np.bincount(code, weight * (values - p), people) / total
        independent = float(total**2 / (weight**2).sum())  # Kish's effective number of trials
        # A tie counts by its expectation; the draw that would break it adds its own variance.
        ties = float((weight**2 * values * (1 - values)).sum()) / total**2
        units = float(total**2 / (np.bincount(code, weight, people) ** 2).sum())
        if ((values == values[0]).all() and values[0] in (0.0, 1.0)) or people == 1:
            return cls(p, influence, min(units, independent), people, units)
        clustered = people / (people - 1) * float((influence**2).sum()) + ties
        effective = min(independent, p * (1 - p) / clustered) if clustered > 0 else independent
        return cls(p, influence, max(effective, 1.0), people, units)

    def in_folds(self, folds: int) -> _Share:
        """The share where people were learned from in turn, in so many folds."""
        more = variance_in_folds(folds)
        return replace(self, effective=max(self.effective / more, 1.0), units=self.units / more)

    @property
    def exact(self) -> bool:
        """Whether it is known without error: chance of one in C, or a chosen false-alarm rate."""
        return bool(np.abs(self.influence).max() < 1e-12)

    def end(self, tail: float, *, above: bool) -> float:
        """One end of :meth:`ends`."""
        return self.ends(tail)[above]

    def ends(self, tail: float) -> tuple[float, float]:
        """Ends of the interval that leaves ``tail`` on each side."""
        if self.people == 1:
            return 0.0, 1.0  # one person says nothing about others
        t = float(stats.t.ppf(1 - tail, self.people - 1))
        low, high = score_ends(self.value, self.effective, t)
        return min(low, self.value), max(high, self.value)


def _few_leak_wholly(
    trials: Trials, baseline: float, code: NDArray[np.int64], hit: _Share, tail: float
) -> float:
    """The upper end of a rate in which people leak wholly or not at all.

    By chance nobody succeeds in most of several trials where chance is low. Somebody whom the
    attack names whatever the feature, as the control shows, does not leak.
    """
    count = np.bincount(code)
    if count.max() < 2 or hit.people == 1:
        return 0.0
    gained = trials.weight * (trials.hit - trials.control)
    share = np.bincount(code, gained) / np.bincount(code, trials.weight)
    leak = (share >= _WHOLLY - 1e-9) & (count > 1)
    leaking = float(leak.mean())
    # Those who are many have shown how much they leak; those who are few may leak wholly.
    depth = float(share[leak].mean()) if leaking > _FEW else 1.0
    t = float(stats.t.ppf(1 - tail, hit.people - 1))
    return baseline + (1 - baseline) * depth * score_ends(leaking, hit.units, t)[1]


def _chance_and_gained(
    trials: Trials, baseline: float, code: NDArray[np.int64], hit: _Share, tail: float
) -> float:
    """Chance, or the control, and the upper end of the share that hit with their own feature alone.

    The control is at chance where probes and candidates are the same people; where they are not,
    it may lie above.
    """
    gained = np.maximum(trials.hit - trials.control, 0.0)
    share = _Share.of(gained, trials.weight, code, hit.people).in_folds(trials.folds)
    # A person counts once, as where nobody is gained: no more trials must not mean less doubt.
    share = replace(share, effective=min(share.effective, share.units))
    end = max(baseline, trials.mean("control")) + share.end(tail, above=True)
    return max(end, hit.value)


def _residual(
    end: float, other: float, base: _Share, hit: _Share | None = None, *, above: bool = False
) -> float:
    """The residual risk at the value (``hit`` is ``None``) or at an end of the interval.

    A baseline that is itself measured on the trials, as the majority guess, goes up and down with
    the rate; the ends of the two are joined by MOVER with their correlation over people (Zou and
    Donner, Statistics in Medicine 2008).

    Args:
        end: of the rate.
        other: end of the baseline on the other side.
        base: the baseline.
        hit: the rate.
        above: which end it is.
    """
    difference = end - base.value
    if hit is not None and not base.exact:
        a, b = end - hit.value, base.value - other
        norm = math.sqrt(float((hit.influence**2).sum() * (base.influence**2).sum()))
        r = float((hit.influence * base.influence).sum()) / norm if norm > 0 else 0.0
        spread = math.sqrt(max(a * a + b * b - 2 * r * a * b, 0.0))
        difference = hit.value - base.value + (spread if above else -spread)
    return difference / max(1.0 - base.value, 1e-12)


def _least_hit_share(rate: Rate, limit: float, units: float) -> float:
    """The smallest observed share whose bound lies above the limit; 1.0 where none does."""
    goal = rate.baseline + limit * (1 - rate.baseline)
    t = float(stats.t.ppf(1 - (1 - rate.confidence) / 2 / rate.family, max(rate.people - 1, 1)))

    def above(p: float) -> float:
        return score_ends(p, units, t)[0] - goal

    if above(1.0) <= 0:
        return math.inf
    return float(optimize.brentq(above, goal, 1.0))


def power(rate: Rate, residual: float, limit: float) -> float:
    """The probability that a sample of these people shows a leak of this true size.

    A person's trials are counted as one: where a leak exists, it is a leak of people. That is the
    least that the sample could have shown.

    Args:
        rate: of the sample, for its people, baseline and family.
        residual: the true residual risk.
        limit: the residual risk above which the bound has to lie.
    """
    if rate.people < 2 or rate.units < 2:
        return 0.0
    units = max(2, math.floor(rate.units + 1e-9))
    least = _least_hit_share(rate, limit, units)
    if not math.isfinite(least):
        return 0.0
    p = rate.baseline + residual * (1 - rate.baseline)
    hits = math.ceil(least * units - 1e-9)
    return float(stats.binom.sf(hits - 1, units, min(max(p, 0.0), 1.0)))


def detectable(rate: Rate, limit: float) -> float | None:
    """The smallest true residual risk that is shown with probability :data:`POWER`.

    Returns:
        ``None`` where these people cannot show even a leak of everyone.
    """
    if power(rate, 1.0, limit) < POWER:
        return None
    return float(
        optimize.brentq(lambda r: power(rate, r, limit) - POWER, max(limit, 0.0), 1.0, xtol=1e-4)
    )


def people_needed(rate: Rate, limit: float) -> int | None:
    """How many people decide the matter if the true residual risk is the one observed.

    From the normal approximation at :data:`POWER`: the distance to the limit has to be the sum of
    the two quantiles in standard errors. An attack that did worse than the guess is expected to do
    as well as the guess with more people. Where few people may leak wholly, the end that allows for
    them has to come below the limit too.

    Returns:
        ``None`` where the observed risk is the limit itself: no number of people decides that.
    """
    seen = max(rate.residual, 0.0)
    distance = abs(seen - limit) * (1 - rate.baseline)
    if distance < 1e-9 or rate.people < 1:
        return None
    tail = (1 - rate.confidence) / 2
    # Above the limit the corrected lower bound has to clear it.
    corrected = tail / rate.family if seen > limit else tail
    quantiles = float(stats.norm.ppf(1 - corrected) + stats.norm.ppf(POWER))
    goal = rate.baseline + limit * (1 - rate.baseline)
    share = rate.baseline + seen * (1 - rate.baseline)
    variance = max(share * (1 - share), goal * (1 - goal))
    trials = variance * (quantiles / distance) ** 2
    people = max(rate.people + 1, math.ceil(trials * rate.people / rate.effective))
    several = rate.trials > rate.people
    if seen < limit and several and rate.baseline <= _LOW_CHANCE:
        people = max(people, _people_past_few(rate, limit, tail))
    return people


def _people_past_few(rate: Rate, limit: float, tail: float) -> int:
    """The fewest people of whom none leaks wholly that bring :func:`_few_leak_wholly` below."""
    people, each = rate.people + 1, rate.units / rate.people
    while score_ends(0.0, people * each, float(stats.t.ppf(1 - tail, people - 1)))[1] >= limit:
        people += max(1, people // 50)
    return people
