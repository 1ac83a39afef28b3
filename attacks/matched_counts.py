"""What is kept of the scores of many candidates, while they come in some candidates at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Ints
from privkit.evaluation.people import dealt, derangement

__all__ = ["Counting", "Matched"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matched:
    """What is kept of the scores of ``n`` trials against all candidates.

    A trial whose person is not among the candidates has no own score: it is NaN, and its counts
    mean nothing.

    Attributes:
        person: ``(n,)``, the right candidate.
        candidates: ``(n,)``, how many candidates there were.
        own: ``(n,)``, the score of the right candidate.
        better: ``(n,)``, how many candidates score better.
        tied: ``(n,)``, how many *other* candidates score the same.
        top: ``(n,)``, the best score of any candidate.
        control: ``(n,)``, the score of the right candidate for a probe of *another* person.
        control_better: ``(n,)``, how many candidates score better for that probe.
        control_tied: ``(n,)``, how many other candidates score the same for that probe.
        impostors: ``(n, m)``, scores of wrong candidates, drawn evenly; NaN where there is none.
    """

    person: Ints
    candidates: Ints
    own: Floats
    better: Ints
    tied: Ints
    top: Floats
    control: Floats
    control_better: Ints
    control_tied: Ints
    impostors: Floats

    def take(self, rows: NDArray[np.bool_] | Ints) -> Matched:
        """Some of these trials."""
        return Matched(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @property
    def enrolled(self) -> NDArray[np.bool_]:
        """``(n,)``, whether the trial's person is among the candidates."""
        return ~np.isnan(self.own)


@dataclass(eq=False)
class _Sample:
    """Scores of candidates drawn for each trial, without repetition.

    Attributes:
        values: ``(n, m)``, what was collected so far.
        chosen: ``(n, m)``, the places of the drawn candidates.
        by_place: order of the flattened ``chosen``.
        sorted_places: ``chosen`` in this order.
    """

    values: Floats
    chosen: Ints
    by_place: Ints
    sorted_places: Ints

    @classmethod
    def drawn(cls, n: int, candidates: int, most: int, rng: np.random.Generator) -> _Sample:
        """A run of a random order for each trial, that starts anywhere: even, and no repetition."""
        m = min(most, candidates)
        begin = rng.integers(0, candidates, n) if m < candidates else np.zeros(n, dtype=np.int64)
        chosen = rng.permutation(candidates)[(begin[:, None] + np.arange(m)) % candidates]
        by_place = np.argsort(chosen, axis=None, kind="stable")
        return cls(np.full((n, m), np.nan), chosen, by_place, chosen.ravel()[by_place])

    def collect(
        self, scores: NDArray[np.floating[Any]], candidate: Ints, first: int, person: Ints
    ) -> None:
        """Keep what was drawn among these candidates, of whom ``first`` is the first one's place.

        The right candidate's score stays NaN.
        """
        low, high = np.searchsorted(self.sorted_places, [first, first + len(candidate)])
        at = self.by_place[low:high]
        trial, place = at // self.values.shape[1], self.chosen.ravel()[at] - first
        wrong = candidate[place] != person[trial]
        self.values.ravel()[at[wrong]] = scores[trial[wrong], place[wrong]]


@dataclass(eq=False)
class Counting:
    """Trials while their scores come in, candidates by candidates.

    Attributes:
        person: ``(n,)``, sorted where probes are fused.
        order: the probes, those of one trial together.
        start: where each trial's probes start in this order.
        control_row: ``(n,)``, the trial of another person that stands in for each.
        sample: of scores of wrong candidates.
        own, control, top, better, tied, control_better, control_tied: as of :class:`Matched`, but
            that a candidate is counted as tied with itself.
    """

    person: Ints
    order: Ints
    start: Ints
    control_row: Ints
    sample: _Sample
    own: Floats
    control: Floats
    top: Floats
    better: Ints
    tied: Ints
    control_better: Ints
    control_tied: Ints

    @classmethod
    def of(
        cls, person: Ints, trial: Ints, candidates: int, impostors: int, rng: np.random.Generator
    ) -> Counting:
        """Nothing counted yet.

        Args:
            person: whose each probe is.
            trial: which trial each belongs to; one person's.
            candidates: how many there will be.
            impostors: scores of wrong ones to keep in all.
            rng: draws them, and the controls.
        """
        order = np.argsort(trial, kind="stable")
        _, start = np.unique(trial[order], return_index=True)
        own = person[order[start]]
        n = len(own)
        counts = np.zeros((4, n), dtype=np.int64)
        return cls(
            own,
            order,
            start,
            dealt(own, derangement(len(np.unique(own)), rng), rng),
            _Sample.drawn(n, candidates, max(1, impostors // n), rng),
            np.full(n, np.nan),
            np.full(n, np.nan),
            np.full(n, -np.inf),
            *counts,
        )

    def fused(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Add the scores of the probes of each trial, where a trial has several."""
        if len(self.start) == len(self.order):
            return scores
        total: NDArray[np.floating[Any]] = np.add.reduceat(scores[self.order], self.start, axis=0)
        return total

    def take_own(self, scores: NDArray[np.floating[Any]], candidate: Ints) -> None:
        """Keep the scores of right candidates, for the own probe and for the control's."""
        place = np.searchsorted(candidate, self.person)
        here = np.flatnonzero(place < len(candidate))
        here = here[candidate[place[here]] == self.person[here]]
        self.own[here] = scores[here, place[here]]
        self.control[here] = scores[self.control_row[here], place[here]]

    def count(self, scores: NDArray[np.floating[Any]], candidate: Ints, first: int) -> None:
        """Count who scores better than the right candidate, and who the same."""
        reference = self.own.astype(scores.dtype)[:, None]
        self.better += np.count_nonzero(scores > reference, axis=1)
        self.tied += np.count_nonzero(scores == reference, axis=1)
        np.maximum(self.top, scores.max(1), out=self.top)
        self.sample.collect(scores, candidate, first, self.person)
        other, reference = scores[self.control_row], self.control.astype(scores.dtype)[:, None]
        self.control_better += np.count_nonzero(other > reference, axis=1)
        self.control_tied += np.count_nonzero(other == reference, axis=1)

    def kept(self, candidates: int) -> Matched:
        """What was found."""
        return Matched(
            person=self.person,
            candidates=np.full(len(self.person), candidates),
            own=self.own,
            better=self.better,
            tied=np.maximum(self.tied - 1, 0),
            top=self.top,
            control=self.control,
            control_better=self.control_better,
            control_tied=np.maximum(self.control_tied - 1, 0),
            impostors=self.sample.values,
        )
