"""Scores of probes against candidates, reduced while they are made.

Of a million known rows one cannot keep the scores of every pair. What ranks, curves and error
rates need is kept instead: how many candidates score better than the right one and how many the
same, and a sample of the scores of wrong candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attacks.matched_counts import Counting, Matched
from attacks.matching.base import Features, Ints, Scorer
from privkit.errors import InputError

__all__ = ["Judge", "Matched", "OneByOne", "blocks", "matched", "matched_and_fused"]

#: Scores held at once; a handful of arrays of so many numbers is what a reduction takes.
_CELLS = 2**23
#: Scores of wrong candidates kept in all.
_IMPOSTORS = 2**20


class Judge(Protocol):
    """Probes that are ready to be scored against any part of a gallery."""

    @property
    def person(self) -> Ints:
        """The right candidate of each probe, ``(n,)``."""
        ...

    def score(self, gallery: Features, gallery_person: Ints) -> NDArray[np.floating[Any]]:
        """Scores ``(n, candidates)``, as :meth:`attacks.matching.base.Scorer.score` gives them."""
        ...


@dataclass(frozen=True, eq=False)
class OneByOne:
    """Probes that are all scored by one scorer."""

    scorer: Scorer
    probes: Features
    person: Ints

    def score(self, gallery: Features, gallery_person: Ints) -> NDArray[np.floating[Any]]:
        """The scorer's scores."""
        return self.scorer.score(self.probes, gallery, gallery_person)


def matched(
    judge: Judge,
    gallery: Features,
    gallery_person: Ints,
    rng: np.random.Generator,
    *,
    cells: int = _CELLS,
    impostors: int = _IMPOSTORS,
) -> Matched:
    """Score every probe against every candidate, and keep what rates are made of.

    Args:
        judge: the probes, of two people at least.
        gallery: ``(g, d)``, known rows; may be a memory map.
        gallery_person: ``(g,)``, the candidate on each.
        rng: draws the controls and the sample of wrong candidates.
        cells: scores held at once; the outcome does not depend on it.
        impostors: scores of wrong candidates kept in all, one a trial at least.

    Raises:
        InputError: the probes are of one person, whom no other can stand in for.
    """
    single = np.arange(len(judge.person))
    return _reduced(judge, [single], gallery, gallery_person, rng, cells, impostors)[0]


def matched_and_fused(
    judge: Judge,
    gallery: Features,
    gallery_person: Ints,
    rng: np.random.Generator,
    *,
    cells: int = _CELLS,
    impostors: int = _IMPOSTORS,
) -> tuple[Matched, Matched]:
    """As :func:`matched`, and the same with all probes of one person as one trial.

    Their scores are added (sum rule; Kittler et al., PAMI 1998). The adversary knows that they
    belong together, not whose they are: the records of one pseudonym, or frames of one video.

    Returns:
        A trial for each probe, and a trial for each person in sorted order.

    Raises:
        InputError: as :func:`matched`.
    """
    single = np.arange(len(judge.person))
    _, together = np.unique(judge.person, return_inverse=True)
    one, fused = _reduced(judge, [single, together], gallery, gallery_person, rng, cells, impostors)
    return one, fused


def _reduced(
    judge: Judge,
    forms: Sequence[Ints],
    gallery: Features,
    gallery_person: Ints,
    rng: np.random.Generator,
    cells: int,
    impostors: int,
) -> list[Matched]:
    """Reduce the scores for each form of trials, which says the trial of each probe."""
    people = len(np.unique(judge.person))
    if people < 2:
        raise InputError(
            "linking needs records of more than one person to link",
            where="probes",
            rule="at least 2 people, so that one can be judged by another's records",
            found=f"{people} people",
        )
    rows = max(1, cells // len(judge.person))
    candidates = len(np.unique(gallery_person))
    trials = [Counting.of(judge.person, form, candidates, impostors, rng) for form in forms]
    own = np.isin(gallery_person, judge.person)
    for candidate, _, scores in _scored(judge, gallery, gallery_person, own, rows):
        for form in trials:
            form.take_own(form.fused(scores), candidate)
    every = np.ones(len(gallery_person), dtype=np.bool_)
    for candidate, first, scores in _scored(judge, gallery, gallery_person, every, rows):
        for form in trials:
            form.count(form.fused(scores), candidate, first)
    return [form.kept(candidates) for form in trials]


def _scored(
    judge: Judge, gallery: Features, gallery_person: Ints, chosen: NDArray[np.bool_], rows: int
) -> Iterator[tuple[Ints, int, NDArray[np.floating[Any]]]]:
    """Score the chosen rows, whole candidates at a time, in the order of the candidates.

    Yields:
        The candidates, the place of the first among all that are chosen, and the scores
        ``(n, candidates)`` of the probes.
    """
    order = np.flatnonzero(chosen)
    order = order[np.argsort(gallery_person[order], kind="stable")]
    candidate, start = np.unique(gallery_person[order], return_index=True)
    bounds = np.r_[start, len(order)]
    for first, last in blocks(bounds, rows):
        part = order[bounds[first] : bounds[last]]
        yield candidate[first:last], first, judge.score(gallery[part], gallery_person[part])


def blocks(bounds: Ints, rows: int) -> Iterator[tuple[int, int]]:
    """Runs of candidates with about so many rows together, and one candidate at least.

    Args:
        bounds: where each candidate's rows start, and where the last one's end.
        rows: above 0.
    """
    first, candidates = 0, len(bounds) - 1
    while first < candidates:
        fitting = int(np.searchsorted(bounds, bounds[first] + rows, side="right")) - 1
        last = min(max(fitting, first + 1), candidates)
        yield first, last
        first = last
