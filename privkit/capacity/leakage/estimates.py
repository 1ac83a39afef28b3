"""The estimates of mutual information and of the best guess, each with both of its ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privkit.capacity.leakage.joint import Joint
from privkit.evaluation.intervals import CONFIDENCE, Interval, share_over_people
from privkit.evaluation.posteriors import Known, hits

__all__ = ["Estimate", "Sample", "guessing", "information", "ratio_low"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Codes are counted as evidence where at most this share of records has a code of one person.
_MOST_ALONE = 0.1


@dataclass(frozen=True)
class Estimate:
    """A figure between two ends.

    Attributes:
        value: the estimate.
        low: the 95% lower end.
        high: the 95% upper end, or the ceiling where the sample gives none.
        method: how value, low and high were found.
    """

    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, eq=False)
class Sample:
    """The records of one secret, counted, and what models say of some of them.

    Attributes:
        known: all records.
        ids: ``(n,)``, the number of each record's code.
        joint: the shares of code and secret among them.
        probed: the records that models were tried on, people apart.
        posterior: ``(m, classes)``, the cross-fitted probabilities of their secrets.
    """

    known: Known
    ids: Ints
    joint: Joint
    probed: Known
    posterior: Floats

    @cached_property
    def _pairs(self) -> Ints:
        """The code of each pair of a person and a code that they have."""
        _, who = np.unique(self.known.person, return_inverse=True)
        people = int(who.max()) + 1
        return np.unique(self.ids * people + who) // people

    @cached_property
    def counted(self) -> bool:
        """Whether codes repeat between people so often that counts are evidence."""
        people_of_code = np.bincount(self._pairs)
        alone = people_of_code[self.ids] == 1
        return bool(alone.mean() <= _MOST_ALONE)

    @property
    def independent(self) -> int:
        """Records that count as drawn anew: a person's equal codes count once."""
        return len(self._pairs)


def information(sample: Sample, capacity: float) -> Estimate:
    """The mutual information ``I(S; X)`` in bits.

    ``low`` is that of the bound ``I >= H(S) - E[-log2 q(s | x)]`` for any model q (Barber and
    Agakov 2003), on people that the model never saw. ``high`` is that of the plug-in, which is too
    high by chance coincidences (Paninski 2003); of codes that do not repeat it is the ceiling, the
    entropy of the secret or N. ``value`` is the plug-in less its bias to first order (Miller 1955;
    Panzeri and Treves 1996), or the model's figure where counts are no evidence.

    Args:
        sample: the records.
        capacity: N in bits; infinite if not known.
    """
    probed, joint = sample.probed, sample.joint
    truth = probed.labels
    share = np.bincount(truth, minlength=probed.classes) / len(truth)
    gained = np.log2(sample.posterior[np.arange(len(truth)), truth] / share[truth])
    read, error = _mean(gained, probed.person)
    width = int(sample.joint.s.max()) + 1
    cells = sample.joint.x * width + sample.joint.s
    density = joint.density[np.searchsorted(cells, sample.ids * width + sample.known.labels)]
    plugin, plugin_error = _mean(density, sample.known.person)
    _, entropy_error = _mean(-np.log2(joint.of_s[sample.known.labels]), sample.known.person)
    spurious = len(cells) - len(joint.of_x) - int((joint.of_s > 0).sum()) + 1
    corrected = plugin - spurious / (2 * sample.independent * math.log(2))
    most = min(math.log2(probed.classes), joint.entropy + entropy_error, capacity)
    high = min(most, max(0.0, plugin + plugin_error)) if sample.counted else most
    low = min(max(0.0, read - error), high)
    value = corrected if sample.counted else read
    method = "counts less their bias" if sample.counted else "what the best model reads"
    return Estimate(min(max(value, low), high), low, high, method)


def guessing(sample: Sample, guess: Interval, capacity: float) -> Estimate:
    """The chance that the best adversary's guess is right (Bayes vulnerability).

    ``low`` is that of what the best model reached on people that it never saw, or of the best guess
    without the feature. ``high`` is that of guessing for each code the most frequent secret of the
    same records, which is right too often; N bits allow ``2**N`` times the guess at most (Smith
    2009). ``value`` is half-way between the two rates where counts are evidence, else the model's.

    Args:
        sample: the records.
        guess: the share of the most frequent value.
        capacity: N in bits; infinite if not known.
    """
    # Where nothing leaks, the folds learn much the same chance coincidence, and which value it
    # favours is picked by the sample: each value has its part of the uncertainty.
    picked = 1 - (1 - CONFIDENCE) / sample.probed.classes
    right = hits(sample.posterior, sample.probed.labels)
    read = share_over_people(right, sample.probed.person, picked)
    again = sample.joint.guesses()[sample.ids] == sample.known.labels
    counted = share_over_people(again, sample.known.person)
    most = min(1.0, 2.0 ** min(capacity, 64) * guess.high)
    high = max(guess.value, min(counted.high, most))
    value = (counted.value + read.value) / 2 if sample.counted else read.value
    value = min(max(value, guess.value), high)
    method = (
        "between counts on the same and models on other people"
        if sample.counted
        else "what the best model reads"
    )
    return Estimate(value, min(value, max(read.low, guess.low)), high, method)


def ratio_low(sample: Sample) -> float:
    """The lower end of the min-entropy leakage: what the best model reads, in bits, at least 0.

    Model and guess are right on the same records, so that the error of their ratio is that of the
    difference (linearised, Cochran 1977, section 6.3).
    """
    probed = sample.probed
    read = hits(sample.posterior, probed.labels)
    guess = probed.labels == np.bincount(probed.labels).argmax()
    right, base = float(read.mean()), float(guess.mean())
    if right >= 1:  # the share has no variance, yet is not certain
        return max(0.0, math.log2(share_over_people(read, probed.person).low / base))
    _, error = _mean(read / max(right, 1e-12) - guess / base, probed.person)
    return max(0.0, (math.log(max(right, 1e-12) / base) - error) / math.log(2))


def _mean(values: Floats, person: Ints) -> tuple[float, float]:
    """The mean over records, and half its 95% interval, in which a person's go together."""
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    people = len(count)
    value = float(values.mean())
    if people < 2:
        return value, math.inf
    off = np.bincount(code, weights=values) - value * count
    scale = people / (people - 1) * float((off**2).sum())
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, people - 1))
    return value, t * math.sqrt(scale) / len(values)
