"""How much of who it is leaks, among people who are all known: a closed set of candidates.

The secret is the person of a record, so models learn from other records of the very same people,
not from other people. The records are a sample of what these people could have stored; the people
are no sample, and how often each occurs is known.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privkit.capacity.leakage.bounds import fano_error, least_error
from privkit.capacity.leakage.estimates import Estimate, Sample, information
from privkit.capacity.leakage.joint import Joint
from privkit.capacity.leakage.measured import Leakage
from privkit.capacity.leakage.probed import best_posterior, permutation_p
from privkit.errors import InputError
from privkit.evaluation.equal_rows import equal_rows
from privkit.evaluation.intervals import share_over_people
from privkit.evaluation.people import place_among_own, sample_of_people
from privkit.evaluation.posteriors import Known, hits, models_for, shares

__all__ = ["FEWEST_RECORDS", "leakage_of_people"]

Ints = NDArray[np.int64]

#: Records of a person: one to learn from, one to choose a model by, one to ask about.
FEWEST_RECORDS = 3
#: With so many the models end within seconds, and a person is one of enough.
_PEOPLE = 200
_RECORDS = 20
_NUMBERS = 4_000_000
_FEWEST_DRAWN = 400
#: Models that take many classes quickly; they also read most.
_QUICK = ("discriminant", "neighbours", "table")
#: Counts are evidence where at most this share of records is the only one of their person and code.
_MOST_ALONE = 0.1


class _OfPeople(Sample):
    """Records whose secret is their person."""

    @cached_property
    def counted(self) -> bool:
        """Whether people have the same codes again so often that counts are evidence."""
        cells = self.ids * self.known.classes + self.known.labels
        return bool(
            (np.unique(cells, return_counts=True)[1] == 1).sum() <= _MOST_ALONE * len(cells)
        )


def leakage_of_people(
    features: NDArray[np.float32], person: Ints, *, bits: int | None, seed: int
) -> Leakage:
    """Estimate how much of who it is leaks through stored features.

    The mutual information lies between what the best model reads of records that it never saw and
    what counting finds, whose expectation is no smaller: information is convex in the codes of each
    person (Cover and Thomas 2006, theorem 2.7.4).

    Args:
        features: ``(n, width)`` float32, codes as ±1 or floats; finite.
        person: ``(n,)``, whose record each is.
        bits: N, where codes of N bits are stored; ``None`` for floats.
        seed: of the people and records that are drawn, and of folds and permutations.

    Raises:
        InputError: fewer than two people have :data:`FEWEST_RECORDS` records.
    """
    rng = np.random.default_rng([seed, 19])
    rows = _drawn(person, features.shape[1], rng)
    people, labels = np.unique(person[rows], return_inverse=True)
    # Each record stands for itself: it is asked about by models that know others of its person.
    known = Known(features[rows], np.arange(len(rows)), labels.astype(np.int64), len(people))
    ids = equal_rows(known.features)
    names = [name for name in models_for(ids) if name in _QUICK]
    joint = Joint.of_records(ids, known.labels)
    sample = _OfPeople(known, ids, joint, known, best_posterior(known, names, rng))
    capacity = math.inf if bits is None else float(bits)
    shared = information(sample, capacity)
    right = _vulnerability(sample, capacity)
    dealt = Joint.of_records(ids, rng.permutation(known.labels)).mutual_information
    return Leakage(
        records=len(known),
        people=len(people),
        values=len(people),
        bits=bits,
        counted=sample.counted,
        entropy=joint.entropy,
        prior=joint.prior,
        mutual_information=shared,
        p_value=permutation_p(known, names, rng),
        min_entropy=Estimate(
            _bits_won(right.value, joint.prior),
            _bits_won(right.low, joint.prior),
            _bits_won(right.high, joint.prior),
            f"{right.method}; against the most frequent person",
        ),
        bayes_error=Estimate(1 - right.value, 1 - right.high, 1 - right.low, right.method),
        nearest_error=None,
        fano_error=fano_error(joint.entropy, shared.high, len(people)),
        capacity_error=least_error(shares(known), bits=bits),
        notes=(
            f"Of {len(known):,} records of {len(people):,} people"
            + (
                f", drawn from {len(person):,} of {len(np.unique(person)):,}"
                * (len(rows) < len(person))
            )
            + ".",
            f"Counting the stored values finds {joint.mutual_information:.2f} bits, and "
            f"{dealt:.2f} bits with the people shuffled among the records.",
        ),
    )


def _drawn(person: Ints, width: int, rng: np.random.Generator) -> Ints:
    """Rows of people with several records, not too many of each."""
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    several = np.flatnonzero(count >= FEWEST_RECORDS)
    if len(several) < 2:
        raise InputError(
            "how much of who it is leaks cannot be estimated",
            rule=f"two people at least, of {FEWEST_RECORDS} records each",
            found=f"{len(several)} such people",
        )
    chosen = np.zeros(len(count), dtype=np.bool_)
    chosen[rng.permutation(several)[:_PEOPLE]] = True
    rows = np.flatnonzero(chosen[code])
    place = place_among_own(code[rows], rng)
    order = np.lexsort((place, code[rows]))
    rows = rows[order[place[order] < _RECORDS]]
    most = max(_FEWEST_DRAWN, _NUMBERS // width)
    return rows[sample_of_people(person[rows], most, rng)]


def _vulnerability(sample: Sample, capacity: float) -> Estimate:
    """The chance that the best adversary names the right person, whose prior is known.

    ``low`` is that of what the best model names rightly, or of the best guess without the feature;
    ``high`` is that of naming for each code the person who has it most often among the same
    records. N bits allow ``2**N`` times the guess (Smith 2009).
    """
    prior = sample.joint.prior
    record = sample.known.person
    read = share_over_people(hits(sample.posterior, sample.known.labels), record, unit="records")
    again = share_over_people(sample.joint.guesses()[sample.ids] == sample.known.labels, record)
    most = min(1.0, prior * 2.0 ** min(capacity, 64))
    high = max(prior, min(again.high, most))
    value = (again.value + read.value) / 2 if sample.counted else read.value
    value = min(max(value, prior), high)
    method = (
        "between counts on the same and models on other records"
        if sample.counted
        else "what the best model reads"
    )
    return Estimate(value, min(value, max(read.low, prior)), high, method)


def _bits_won(right: float, prior: float) -> float:
    return max(0.0, math.log2(right / prior))
