"""Likeness of floats, each column weighed by what it tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.matching.base import Features, Ints, Matcher, Scorer, by_candidate, deviations, sums
from attacks.matching.intraclass import intraclass, towards_their_mean
from attacks.matching.two_covariance import RatioScorer

__all__ = ["DiagonalPLDA"]

#: Between a column that says nothing of the person and one that says everything.
_LEAST, _MOST = 1e-4, 1.0 - 1e-6


@dataclass(frozen=True)
class DiagonalPLDA(Matcher):
    """Likelihood ratio of two Gaussians whose covariances are diagonal: columns independent.

    Prince and Elder's model (ICCV 2007) with one variance within and one between people for each
    column. It has as few parameters as :class:`attacks.matching.bits.WeightedHamming`, which it is
    for floats: it learns from few people at any width, and columns in other units, or a few that
    tell people apart beside many that do not, are nothing to it. Correlations it does not see.
    """

    learns: ClassVar[bool] = True
    of_floats: ClassVar[bool] = True

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Estimate variance and intraclass correlation of each column."""
        rows, start = by_candidate(public.astype(np.float64), person)
        count = np.diff(np.r_[start, len(rows)]).astype(np.float64)
        centre = rows.mean(0)
        own = deviations(rows)
        told = own > 0
        scale = np.where(told, own, 1.0)
        rows = (rows - centre) / scale
        likeness = np.zeros(len(told))
        if told.any():
            found = intraclass(sums(rows, start), sums(rows**2, start), count)[told]
            likeness[told] = towards_their_mean(found, len(count)).clip(_LEAST, _MOST)
        axes = np.where(told, 1.0 / (scale * np.sqrt(1.0 - likeness)), 0.0)
        return RatioScorer(centre, axes, likeness / (1.0 - likeness))
