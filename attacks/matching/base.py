"""What a matcher is, and what it makes: a scorer of probes against candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.evaluation.people import sample_of_people

__all__ = [
    "MOST_ROWS",
    "Features",
    "Ints",
    "Matcher",
    "Scorer",
    "by_candidate",
    "deviations",
    "on_a_grid",
    "sums",
]

Features = NDArray[Any]  # (n, d) of ±1 in any type, or floats
Ints = NDArray[np.int64]

#: Rows that a matcher learns from at most: the covariances of a thousand dimensions need no more.
MOST_ROWS = 20_000


class Scorer(Protocol):
    """Compares probes with candidates.

    The score of a candidate depends on the probe and on this candidate's rows alone: never on the
    other candidates, nor on how many are scored in one call. So a large gallery is scored part by
    part, and equal rows have exactly equal scores.
    """

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.floating[Any]]:
        """Score every probe against every candidate.

        Args:
            probes: ``(n, d)``.
            gallery: ``(g, d)``, known rows.
            gallery_person: ``(g,)``, the candidate on each.

        Returns:
            ``(n, candidates)`` in the order of ``np.unique(gallery_person)``; the larger the
            likelier that the candidate is the probe's person. Finite.
        """
        ...


class Matcher(ABC):
    """A way to compare, before it has learned. Settings are the fields of a frozen dataclass.

    Attributes:
        learns: whether it needs rows of other people with their names.
        of_floats: whether it is for floats: of codes another matcher reads the same.
    """

    learns: ClassVar[bool] = False
    of_floats: ClassVar[bool] = False

    def fit(self, public: Features | None, person: Ints | None, rng: np.random.Generator) -> Scorer:
        """Learn from people who are neither probes nor candidates; of many, some are drawn.

        Args:
            public: ``(p, d)``; a matcher that does not learn takes ``None``.
            person: ``(p,)``, who is on each.
            rng: the only source of random draws.

        Raises:
            InputError: it learns, and there are not two people to learn from.
        """
        if not self.learns:
            return self.learned(np.empty((0, 0)), np.empty(0, dtype=np.int64))
        people = 0 if public is None or person is None else len(np.unique(person))
        if public is None or person is None or people < 2:
            raise InputError(
                "a matcher that learns has nobody to learn from",
                where=type(self).__name__,
                rule="rows of at least 2 people who are neither probes nor candidates",
                found=f"{people} people",
                remedy="give public rows with their people, or use a matcher that does not learn",
            )
        drawn = sample_of_people(person, MOST_ROWS, rng)
        return self.learned(public[drawn], person[drawn])

    @abstractmethod
    def learned(self, public: Features, person: Ints) -> Scorer:
        """Learn from ``public``, which has rows of two people at least if the matcher learns."""


def by_candidate(gallery: Features, person: Ints) -> tuple[Features, Ints]:
    """The rows in the order of their people, and where each person's rows start."""
    if (person[1:] < person[:-1]).any():
        order = np.argsort(person, kind="stable")
        gallery, person = gallery[order], person[order]
    return gallery, np.flatnonzero(np.r_[True, person[1:] != person[:-1]])


def sums(rows: NDArray[np.floating[Any]], start: Ints) -> NDArray[np.float64]:
    """The sum of each person's rows, ``(people, d)``, of rows from :func:`by_candidate`."""
    total: NDArray[np.float64] = np.add.reduceat(rows, start, axis=0, dtype=np.float64)
    return total


def deviations(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of each column; exactly 0 of those whose values are all the same."""
    found: NDArray[np.float64] = np.where((rows != rows[0]).any(0), rows.std(0), 0.0)
    return found


def on_a_grid(
    values: NDArray[np.float64], step: float | NDArray[np.float64] = 2.0**-24
) -> NDArray[np.float64]:
    """Round to multiples of ``step``, so that what is equal but for the last digits is a tie.

    A sum over dimensions comes out with other last digits in another place of a matrix product.
    """
    values /= step
    np.rint(values, out=values)
    values *= step
    return values
