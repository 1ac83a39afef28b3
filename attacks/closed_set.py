"""Name records by a classifier of the known people: the adversary knows that one of them it is.

The matchers of :mod:`attacks.matching` judge one candidate at a time, so that they serve open and
large galleries. Where the gallery is closed and small, a classifier that learns what tells *these*
candidates apart can read more (closed-set identification; ISO/IEC 19795-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints, on_a_grid
from privkit.evaluation.probes import LinearProbe, linear_probe

__all__ = ["ClosedSet"]

#: Known rows times candidates times width, up to which the classifier is fitted within seconds.
_MOST = 100_000_000
#: Known rows of a person that are learned at least; of fewer people where that is too much.
_LEAST = 20
#: Steps of the solver, as of the linear model of attribute inference.
_STEPS = 500
#: Log-probabilities are rounded to so much: what is less tells the solver's end, not a person.
_GRID = 2.0**-10


@dataclass(frozen=True, eq=False)
class ClosedSet:
    """Probes scored by a logistic regression that learns from all candidates' rows at once.

    The score is the log-probability of a candidate less that of its share of the known rows, so
    that a candidate with many rows is not preferred.

    Attributes:
        probes: ``(n, d)``.
        person: ``(n,)``, the right candidates.
        gallery: ``(g, d)``, the known rows of all candidates.
        gallery_person: ``(g,)``.
    """

    probes: Features
    person: Ints
    gallery: Features
    gallery_person: Ints

    @staticmethod
    def people_that_suit(
        gallery_person: Ints, width: int, asked: Ints, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """People, drawn at random where not all can be learned in time.

        Who is asked about comes before others, who are candidates alone.

        Args:
            gallery_person: ``(g,)``, of the known rows.
            width: numbers of a row.
            asked: people with a probe.
            rng: for the order.
        """
        people, rows = np.unique(gallery_person, return_counts=True)
        order = rng.permutation(len(people))
        order = order[np.argsort(~np.isin(people[order], asked), kind="stable")]
        work = np.cumsum(rows[order]) * width * np.arange(1, len(people) + 1)
        return np.sort(people[order[: int((work <= _MOST).sum())]])

    @staticmethod
    def rows_of_each(gallery_person: Ints, width: int) -> int:
        """Known rows of a person that can be learned in time with those of all others, 20 at least.

        Args:
            gallery_person: ``(g,)``, of the known rows.
            width: numbers of a row.
        """
        people = len(np.unique(gallery_person))
        return max(_LEAST, _MOST // max(1, width * people**2))

    @staticmethod
    def suits(gallery_person: Ints, width: int) -> bool:
        """Whether there are candidates to tell apart, and few enough to learn that in time.

        Args:
            gallery_person: ``(g,)``, of the known rows.
            width: numbers of a row.
        """
        candidates = len(np.unique(gallery_person))
        return candidates > 1 and len(gallery_person) * width * candidates <= _MOST

    def score(self, gallery: Features, gallery_person: Ints) -> NDArray[np.floating[Any]]:
        """The scores of the candidates of a part of the gallery, ``(n, candidates)``.

        Unlike a matcher's they depend on all of the gallery, and not on the rows that are given.
        """
        candidates, scores = self._scores
        return scores[:, np.searchsorted(candidates, np.unique(gallery_person))]

    @cached_property
    def _scores(self) -> tuple[Ints, NDArray[np.float64]]:
        rows = np.asarray(self.gallery, dtype=np.float32)
        probe: LinearProbe = linear_probe(rows, self.gallery_person, steps=_STEPS)
        candidates, count = np.unique(self.gallery_person, return_counts=True)
        with np.errstate(divide="ignore"):
            likely = np.log(probe.posterior(np.asarray(self.probes, dtype=np.float32)))
        floored = np.maximum(likely, np.log(np.finfo(np.float64).tiny))
        return candidates, on_a_grid(floored - np.log(count / count.sum()), _GRID)
