"""Agreement of bits, each weighed by what it tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints, Matcher, Scorer, by_candidate, on_a_grid, sums
from attacks.matching.distances import are_signs
from attacks.matching.intraclass import intraclass, towards_their_mean

__all__ = ["WeightedHamming"]

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
        likeness = towards_their_mean(intraclass(ones, ones, count), len(count))
        likeness = likeness.clip(_LEAST, _MOST)
        # Of a bit that is the same everywhere nothing was learned, least of all a weight.
        varies = (ones.sum(0) > 0) & (ones.sum(0) < count.sum())
        codes = are_signs(public)
        return _BitScorer(cut[varies], often[varies], likeness[varies], varies, codes=codes)


@dataclass(frozen=True, eq=False)
class _BitScorer(Scorer):
    """The fitted model.

    Attributes:
        cut: ``(d,)``, above which a value counts as 1.
        often: ``(d,)``, the probability of a 1.
        correlation: ``(d,)``, between two rows of one person.
        chosen: ``(width,)``, which ``d`` dimensions of a row these are.
        codes: whether rows are of ±1. A probe that is the mean of several then counts each of them:
            its scores rank candidates as the sum of theirs does.
    """

    cut: NDArray[np.float64]
    often: NDArray[np.float64]
    correlation: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    codes: bool

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
        asked = probes[:, self.chosen]
        one_there = (asked + 1.0) / 2.0 if self.codes else (asked > self.cut).astype(np.float64)
        ratio = (if_one - if_zero) @ one_there.astype(np.float64, copy=False).T
        ratio += if_zero.sum(1)[:, None]
        return on_a_grid(ratio).T
