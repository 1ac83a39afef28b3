"""How much of a secret leaks through stored features, with both ends of each figure.

What a model reads bounds the leakage from below; what counting the stored codes finds, with every
chance coincidence taken for a leak, bounds it from above. The two are never mixed up: ``low`` and
``high`` say which is which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.capacity.leakage.bounds import fano_error, least_error, nearest_neighbour_bound
from privkit.capacity.leakage.estimates import Estimate, Sample, guessing, information, ratio_low
from privkit.capacity.leakage.joint import Joint
from privkit.capacity.leakage.probed import best_posterior, nearest_errors, permutation_p
from privkit.errors import InputError
from privkit.evaluation.attribute_values import attribute_of
from privkit.evaluation.equal_rows import equal_rows
from privkit.evaluation.intervals import CONFIDENCE, share_over_people
from privkit.evaluation.people import sample_of_people
from privkit.evaluation.posteriors import Known, models_for, shares

__all__ = ["Estimate", "Leakage", "leakage_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_COUNTED = 1_000_000
#: Features times records that are counted: wide codes do not repeat, and counts tell nothing.
_MOST_NUMBERS = 20_000_000
_MOST_PROBED = 10_000


@dataclass(frozen=True)
class Leakage:
    """What leaks of one secret, in bits, and what no adversary can beat.

    All of it holds for the values of the secret that were seen, and for people like these.

    Attributes:
        records: that were counted; models learn from 10,000 of them at most.
        people: whose they are.
        values: of the secret.
        bits: N of the stored code; ``None`` if not known.
        counted: whether codes repeat between people so often that counts are evidence. Where not,
            the values rest on models alone, which may miss a leak.
        entropy: ``H(S)`` of the sample, in bits.
        prior: the chance of the best guess without the feature.
        mutual_information: ``I(S; X)`` in bits.
        p_value: of the hypothesis that nothing leaks, by permutation among people.
        min_entropy: min-entropy leakage in bits: log2 of how many times likelier the best
            adversary's guess is right (Smith 2009).
        bayes_error: the error of the best adversary of all (Bayes risk).
        nearest_error: the bound of Cover and Hart on the same, from nearest neighbours; it holds
            for endless records only. ``None`` of people, who have few records each.
        fano_error: the least error that the upper end of the mutual information leaves (Fano).
        capacity_error: the least error that N bits leave, whatever the code; 0 if not known.
        notes: what was left out, joined or drawn, in sentences.
    """

    records: int
    people: int
    values: int
    bits: int | None
    counted: bool
    entropy: float
    prior: float
    mutual_information: Estimate
    p_value: float
    min_entropy: Estimate
    bayes_error: Estimate
    nearest_error: Estimate | None
    fano_error: float
    capacity_error: float
    notes: tuple[str, ...]


def leakage_of(
    features: NDArray[np.float32],
    person: Ints,
    values: NDArray[np.generic],
    *,
    bits: int | None,
    seed: int,
) -> Leakage:
    """Estimate how much of a secret leaks through stored features.

    Args:
        features: ``(n, width)`` float32, codes as ±1 or floats; finite.
        person: ``(n,)``, whose record each is.
        values: ``(n,)``, the secret; made into classes as attribute inference does.
        bits: N, where codes of N bits are stored; ``None`` for floats.
        seed: the same gives the same figures.

    Raises:
        InputError: the secret has fewer than two values of three people each, or the lengths do
            not match.
    """
    if features.ndim != 2 or not len(features) == len(person) == len(values) > 0:
        raise InputError(
            "each record needs a feature, a person and a value",
            where="leakage",
            rule="(n, width) features, n people, n values, n above 0",
            found=f"{features.shape} features, {len(person)} people, {len(values)} values",
        )
    rng = np.random.default_rng(seed)
    most = min(_MOST_COUNTED, max(_MOST_PROBED, _MOST_NUMBERS // features.shape[1]))
    drawn = sample_of_people(person, most, rng)
    attribute = attribute_of(values[drawn], person[drawn], "the secret")
    if len(attribute.names) < 2:
        raise InputError(
            "the leakage of this secret cannot be estimated",
            rule="two values at least, of three people each",
            found="; ".join(attribute.notes),
        )
    labels = attribute.labels(values[drawn])
    known = Known(features[drawn], person[drawn], labels, len(attribute.names)).take(labels >= 0)
    return _measure(known, bits, attribute.notes, rng)


def _measure(
    known: Known, bits: int | None, notes: tuple[str, ...], rng: np.random.Generator
) -> Leakage:
    ids = equal_rows(known.features)
    probed = known.take(sample_of_people(known.person, _MOST_PROBED, rng))
    names = models_for(equal_rows(probed.features))
    sample = Sample(
        known, ids, Joint.of_records(ids, known.labels), probed, best_posterior(probed, names, rng)
    )
    joint = sample.joint
    capacity = math.inf if bits is None else float(bits)
    shared = information(sample, capacity)
    # The likeliest value was picked after looking at all: each has its part of the uncertainty.
    guess = share_over_people(
        known.labels == int(joint.of_s.argmax()),
        known.person,
        1 - (1 - CONFIDENCE) / known.classes,
    )
    floor = max(guess.low, 1 / known.classes)  # the likeliest of C values has 1 / C
    right = guessing(sample, guess, capacity)
    ceiling = min(-math.log2(floor), capacity)
    leak = min(max(0.0, math.log2(right.value / guess.value)), ceiling)
    nearest = share_over_people(nearest_errors(probed, rng), probed.person)
    return Leakage(
        records=len(known),
        people=len(np.unique(known.person)),
        values=known.classes,
        bits=bits,
        counted=sample.counted,
        entropy=joint.entropy,
        prior=guess.value,
        mutual_information=shared,
        p_value=permutation_p(probed, names, rng),
        min_entropy=Estimate(
            leak,
            min(leak, ratio_low(sample)),
            max(leak, min(ceiling, math.log2(right.high / floor))),
            f"{right.method}; against the most frequent value",
        ),
        bayes_error=Estimate(1 - right.value, 1 - right.high, 1 - right.low, right.method),
        nearest_error=Estimate(
            nearest_neighbour_bound(nearest.value, known.classes),
            nearest_neighbour_bound(nearest.low, known.classes),
            nearest_neighbour_bound(nearest.high, known.classes),
            "Cover and Hart, nearest record of other people",
        ),
        fano_error=fano_error(joint.entropy, shared.high, known.classes),
        capacity_error=least_error(shares(known), bits=bits),
        notes=notes,
    )
