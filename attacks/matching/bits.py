"""Agreement of bits, each weighed by what it tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints, Matcher, Scorer, by_candidate, on_a_grid, sums

__all__ = ["WeightedHamming"]

#: The likeness of a person's bits, learned bit by bit, counts as much as their mean over all bits
#: where it was learned from so many people.
_PEOPLE_OF_THE_MEAN = 10.0
#: Between a bit that says nothing of the person and one that says everything.
_LEAST, _MOST = 1e-4, 0.99


@dataclass(frozen=True)
class WeightedHamming(Matcher):
    """Log-likelihood ratio of agreeing and differing bits (Fellegi and Sunter, JASA 1969).

    How often each bit is 1, and how much more often two rows of one person agree in it than rows
    of two people, is learned from other people. Each bit of a person is 1 with that person's own
    probability, drawn from a Beta distribution with this mean and this intraclass correlation
    (Skellam 1948). The score is log P(probe | candidate's rows) - log P(probe) by that model, bits
    independent: against one row these are Fellegi and Sunter's weights by value (agreement on a
    rare bit counts more); more rows of a candidate count as they should.

    A float counts as 1 above the mean of the public ones, as does a bit of ±1.
    """

    learns: ClassVar[bool] = True

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Estimate frequency and correlation of each bit."""
        cut = public.mean(0, dtype=np.float64)
        rows, start = by_candidate((public > cut).astype(np.float64), person)
        count = np.diff(np.r_[start, len(rows)]).astype(np.float64)
        ones = sums(rows, start)
        often = (ones.sum(0) + 0.5) / (count.sum() + 1.0)
        likeness = _shrunk(_intraclass(ones, count), len(count))
        # Of a bit that is the same everywhere nothing was learned, least of all a weight.
        varies = (ones.sum(0) > 0) & (ones.sum(0) < count.sum())
        return _BitScorer(cut[varies], often[varies], likeness[varies], varies)


def _intraclass(ones: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intraclass correlation of each bit by the analysis of variance (Fleiss 1981).

    Args:
        ones: ``(people, d)``, how many of a person's rows are 1.
        count: ``(people,)``, how many rows a person has.

    Returns:
        ``(d,)``; a half throughout where nobody has two rows.
    """
    people, total = len(count), count.sum()
    if total == people:
        return np.full(ones.shape[1], 0.5, dtype=np.float64)
    share = ones / count[:, None]
    between = (count[:, None] * (share - ones.sum(0) / total) ** 2).sum(0) / (people - 1)
    within = (ones * (1.0 - share)).sum(0) / (total - people)
    rows = (total - (count**2).sum() / total) / (people - 1)
    spread = between + (rows - 1.0) * within
    correlation: NDArray[np.float64] = np.zeros_like(spread)
    np.divide(between - within, spread, out=correlation, where=spread > 0)
    return correlation


def _shrunk(correlation: NDArray[np.float64], people: int) -> NDArray[np.float64]:
    """Towards the mean over the bits, the more the fewer the people."""
    share = people / (people + _PEOPLE_OF_THE_MEAN)
    mixed: NDArray[np.float64] = share * correlation + (1.0 - share) * correlation.mean()
    return mixed.clip(_LEAST, _MOST)


@dataclass(frozen=True, eq=False)
class _BitScorer(Scorer):
    """The fitted model.

    Attributes:
        cut: ``(d,)``, above which a value counts as 1.
        often: ``(d,)``, the probability of a 1.
        correlation: ``(d,)``, between two rows of one person.
        chosen: ``(width,)``, which ``d`` dimensions of a row these are.
    """

    cut: NDArray[np.float64]
    often: NDArray[np.float64]
    correlation: NDArray[np.float64]
    chosen: NDArray[np.bool_]

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.float64]:
        """Log-likelihood ratios, in nats."""
        rows, start = by_candidate(gallery, gallery_person)
        count = np.diff(np.r_[start, len(rows)])[:, None]
        ones = np.add.reduceat(rows[:, self.chosen] > self.cut, start, axis=0, dtype=np.float64)
        prior = 1.0 / self.correlation - 1.0  # as many rows as the model knows beforehand
        one = (prior * self.often + ones) / (prior + count)
        if_one = np.log(one / self.often)
        if_zero = np.log((1.0 - one) / (1.0 - self.often))
        ratio = (if_one - if_zero) @ (probes[:, self.chosen] > self.cut).astype(np.float64).T
        ratio += if_zero.sum(1)[:, None]
        return on_a_grid(ratio).T
