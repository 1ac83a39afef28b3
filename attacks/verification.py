"""Rates of identification and verification, with ties by their expectation.

Few-bit codes tie all the time. A rule that takes ties for hits, or for misses, would report
anything from 0 to 1 for codes that are all equal. Here the order of equals is random, and what is
reported is the expectation over it; a threshold accepts the share of equals that it needs to.

Measures as in ISO/IEC 19795-1 (biometric performance testing): rank-k identification and the
cumulative match characteristic, equal error rate, true positives at a rate of false ones, and, for
an open gallery, detection and identification at a rate of false alarms (Grother and Ngan, NIST IR
8009, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.matched_counts import Matched
from privkit.errors import InputError

__all__ = [
    "Threshold",
    "cmc",
    "control_rank_hits",
    "equal_error_rate",
    "genuine_scores",
    "impostor_scores",
    "open_hits",
    "rank_hits",
    "threshold_at",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Threshold:
    """Accept every score above ``value``, and of those that equal it a share, at random."""

    value: float
    share: float

    def accepts(self, scores: Floats) -> Floats:
        """The probability that each is accepted, ``(n,)``."""
        accepted: Floats = (scores > self.value) + self.share * (scores == self.value)
        return accepted


def rank_hits(scores: Matched, k: int = 1) -> Floats:
    """The probability that each right candidate is among the first ``k``, ``(n,)``.

    Tied first of three counts 1/3 at k = 1 and 2/3 at k = 2.

    Args:
        scores: trials whose people are all among the candidates.
        k: above 0.

    Raises:
        InputError: a trial whose person is not among the candidates.
    """
    _refuse_strangers(scores)
    return _among_first(scores.better, scores.tied, k)


def control_rank_hits(scores: Matched, k: int = 1) -> Floats:
    """The same with the probe of another person, as :func:`rank_hits`."""
    _refuse_strangers(scores)
    return _among_first(scores.control_better, scores.control_tied, k)


def cmc(scores: Matched, most: int) -> Floats:
    """The cumulative match characteristic: the share of trials within rank 1 … ``most``.

    Raises:
        InputError: a trial whose person is not among the candidates.
    """
    return np.array([rank_hits(scores, k).mean() for k in range(1, most + 1)])


def genuine_scores(scores: Matched) -> Floats:
    """The scores of right candidates, of the trials that have one."""
    return scores.own[scores.enrolled]


def impostor_scores(scores: Matched) -> Floats:
    """The sampled scores of wrong candidates, flat."""
    return scores.impostors[~np.isnan(scores.impostors)]


def threshold_at(impostors: Floats, rate: float) -> Threshold:
    """The threshold that accepts exactly this share of the impostor scores.

    Args:
        impostors: ``(m,)``.
        rate: of false positives; at least 1/m, the smallest that m scores resolve, and at most 1.

    Raises:
        InputError: too few impostor scores for this rate, or a rate above 1.
    """
    m = len(impostors)
    if not (m and 1.0 / m <= rate * (1 + 1e-12) and rate <= 1):
        raise InputError(
            "the false positive rate cannot be resolved",
            where="false positive rate",
            rule=f"from 1/{m} to 1, with {m} impostor scores" if m else "impostor scores",
            found=f"{rate:g}",
            remedy="a higher rate, or more records",
        )
    wanted = rate * m
    place = m - max(1, int(np.ceil(wanted - 1e-9)))
    value = float(np.partition(impostors, place)[place])
    above = int((impostors > value).sum())
    equal = int((impostors == value).sum())
    return Threshold(value, min(1.0, (wanted - above) / equal))


def equal_error_rate(genuine: Floats, impostors: Floats) -> float:
    """The error rate at the threshold where as many right are refused as wrong are accepted.

    Between two thresholds, and among equals, the error rates run straight (randomised decisions).

    Args:
        genuine: ``(n,)`` scores of right candidates, n above 0.
        impostors: ``(m,)`` scores of wrong ones, m above 0.
    """
    value = np.unique(np.concatenate([genuine, impostors]))[::-1]
    ascending = np.sort(genuine), np.sort(impostors)
    refused = np.r_[1.0, np.searchsorted(ascending[0], value, side="left") / len(genuine)]
    accepted = np.r_[0.0, 1.0 - np.searchsorted(ascending[1], value, side="left") / len(impostors)]
    gap = refused - accepted  # from 1 down to -1
    after = int(np.argmax(gap <= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(accepted[after - 1] + share * (accepted[after] - accepted[after - 1]))


def open_hits(scores: Matched, rate: float) -> Floats:
    """Detection and identification of enrolled people at a rate of false alarms.

    The adversary names the best candidate, but only where its score passes a threshold. A false
    alarm is a person who is not enrolled and is named all the same; the threshold is put where
    this happens to ``rate`` of those trials.

    Args:
        scores: trials of people among the candidates, and of people who are not.
        rate: of false alarms, at least 1 / trials of people who are not.

    Returns:
        ``(enrolled,)``, the probability that each enrolled trial is named, and rightly.

    Raises:
        InputError: too few trials of people who are not enrolled for this rate.
    """
    inside = scores.take(scores.enrolled)
    threshold = threshold_at(scores.top[~scores.enrolled], rate)
    return rank_hits(inside) * threshold.accepts(inside.own)


def _among_first(better: Ints, tied: Ints, k: int) -> Floats:
    hits: Floats = np.clip((k - better) / (tied + 1.0), 0.0, 1.0)
    return hits


def _refuse_strangers(scores: Matched) -> None:
    if not scores.enrolled.all():
        raise InputError(
            "a rank needs the right person among the candidates",
            where="probes",
            rule="every probe's person is in the gallery; others are for an open gallery",
            found=f"{int((~scores.enrolled).sum())} probes of people who are not",
        )
