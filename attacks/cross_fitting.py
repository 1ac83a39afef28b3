"""Learn to compare from the very people who are compared, and yet keep people apart.

A matcher that saw a candidate while it learned scores this candidate in another way than one it
did not see: right and wrong candidates would be told apart by that, and not by the stored feature.
So people are dealt into folds, and a probe is scored against a candidate by what was learned
without the folds of *both*. Everyone is scored by equally much learned from strangers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints, Matcher, Scorer

__all__ = ["FEWEST_PEOPLE", "FITS", "CrossFitted", "Folds", "deal_folds"]

#: More folds leave more people to learn from: with 8, three quarters.
_FOLDS = 8
FITS = _FOLDS * (_FOLDS - 1) // 2
"""How often a matcher is fitted: once without each two folds."""
#: With four people and as many folds, two are left to learn from.
FEWEST_PEOPLE = 4


@dataclass(frozen=True)
class Folds:
    """Which fold each person is in.

    Attributes:
        people: sorted.
        fold: of each.
        count: how many folds there are.
    """

    people: Ints
    fold: Ints
    count: int

    def of(self, person: Ints) -> Ints:
        """The fold of each of these people."""
        return self.fold[np.searchsorted(self.people, person)]


def deal_folds(people: Ints, known: Ints, rng: np.random.Generator) -> Folds:
    """Deal people into folds at random, those that are learned from evenly.

    Args:
        people: all people.
        known: those of them whose rows are learned from, 3 at least.
        rng: for the order.
    """
    people = np.unique(people)
    order = rng.permutation(len(people))
    order = order[np.argsort(~np.isin(people[order], known), kind="stable")]
    count = min(_FOLDS, len(np.unique(known)))
    fold = np.empty(len(people), dtype=np.int64)
    fold[order] = np.arange(len(people)) % count
    return Folds(people, fold, count)


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Probes scored by scorers that saw neither their person nor the candidate.

    Attributes:
        matcher: what is fitted, once for each two folds left out.
        probes: ``(n, d)``.
        person: ``(n,)``, the right candidates.
        probe_fold: ``(n,)``, the fold of each; -1 for probes of people in no fold.
        public: ``(p, d)``, rows that are learned from.
        public_person: ``(p,)``, who is on each.
        folds: of the people of the gallery, of ``public`` and, except -1, of the probes.
        seed: of the draws while learning.
    """

    matcher: Matcher
    probes: Features
    person: Ints
    probe_fold: Ints
    public: Features
    public_person: Ints
    folds: Folds
    seed: int
    _scorers: dict[tuple[int, ...], Scorer] = field(default_factory=dict)

    def score(self, gallery: Features, gallery_person: Ints) -> NDArray[np.float64]:
        """Fill the scores in, fold by fold.

        By one thread: two take longer over the decomposition of a small covariance, several times
        longer where numpy and scipy bring an OpenBLAS each.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):
            return self._filled(gallery, gallery_person)

    def _filled(self, gallery: Features, gallery_person: Ints) -> NDArray[np.float64]:
        candidate = np.unique(gallery_person)
        row_fold, candidate_fold = self.folds.of(gallery_person), self.folds.of(candidate)
        scores = np.empty((len(self.probes), len(candidate)))
        for there in np.unique(candidate_fold):
            rows = row_fold == there
            columns = np.flatnonzero(candidate_fold == there)
            for here in np.unique(self.probe_fold):
                probes = np.flatnonzero(self.probe_fold == here)
                scorer = self._scorer(int(here), int(there))
                scores[np.ix_(probes, columns)] = scorer.score(
                    self.probes[probes], gallery[rows], gallery_person[rows]
                )
        return scores

    def _scorer(self, here: int, there: int) -> Scorer:
        """What was learned without both folds; where they are one, without the next one too."""
        out = (there,) if here < 0 else tuple(sorted({here, there}))
        if here == there:
            out = tuple(sorted((here, (here + 1) % self.folds.count)))
        if out not in self._scorers:
            rng = np.random.default_rng([self.seed, *out])
            rows = np.flatnonzero(~np.isin(self.folds.of(self.public_person), out))
            self._scorers[out] = self.matcher.fit(self.public[rows], self.public_person[rows], rng)
        return self._scorers[out]
