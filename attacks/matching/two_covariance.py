"""Matchers that learn, from other people, which directions tell people apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import (
    Features,
    Ints,
    Matcher,
    Scorer,
    by_candidate,
    deviations,
    on_a_grid,
    sums,
)
from attacks.matching.distances import squared_distances
from attacks.matching.shrinkage import shrunk_covariance
from privkit.evaluation.ridge import LEAST_RIDGE, ridge

__all__ = ["LDA", "PLDA", "RatioScorer"]

#: Of the mean spread, what is added to every direction beside shrinking.
_RIDGE = 1e-6


@dataclass(frozen=True)
class LDA(Matcher):
    """Distance to the candidate's mean in Fisher's discriminants (Belhumeur et al., PAMI 1997).

    Rows of other people give the covariance of one person's rows, shrunk so that it can be
    inverted (:mod:`attacks.matching.shrinkage`), and the directions in which people differ most
    beside it: one fewer than there are people.

    Attributes:
        shrunk: whether the covariance is shrunk. Not shrunk, it also sees people apart along
            directions of little spread beside others of much, which shrinking drowns; where rows
            are fewer than dimensions, those along which a person's rows do not differ at all
            (Chen et al., Pattern Recognition 2000).
    """

    learns: ClassVar[bool] = True

    shrunk: bool = True

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Find the discriminants."""
        rows = public.astype(np.float64)
        # Shrinking compares the spread of directions, and the units are part of it. Else they only
        # decide what the least ridge drowns.
        own = np.zeros(rows.shape[1]) if self.shrunk else deviations(rows)
        unit = np.where(own > 0, own, 1.0)
        model = _Moments.of(rows / unit, person, shrunk=self.shrunk)
        axes = _discriminants(model.means, model.within) / unit[:, None]
        return _DiscriminantScorer(model.centre * unit, axes)


@dataclass(frozen=True)
class PLDA(Matcher):
    """Likelihood ratio of two Gaussians, within and between people (Prince and Elder, ICCV 2007).

    The two-covariance model (Brümmer and de Villiers 2010): a person is a point drawn with the
    covariance between people, a row is drawn around it with the covariance within. The score is
    log p(probe | candidate's rows) - log p(probe). Both covariances are learned from other people
    and shrunk (:mod:`attacks.matching.shrinkage`), so that few of them are enough. Codes are taken
    as points of ±1: what matters is how bits go together, which a sum over bits cannot see.
    """

    learns: ClassVar[bool] = True

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Learn both covariances and the axes in which both are diagonal."""
        rows = public.astype(np.float64)
        model = _Moments.of(rows, person)
        spread, axes = _axes(model.between_shrunk(), model.within, rows - model.centre)
        keep = spread > 1e-6
        return RatioScorer(model.centre, axes[:, keep], spread[keep])


@dataclass(frozen=True, eq=False)
class _Moments:
    """What rows of several people say of the rows of any.

    Attributes:
        centre: ``(d,)``, the mean of their means.
        within: ``(d, d)``, covariance of one person's rows, positive definite.
        means: ``(people, d)``, about the centre.
        noise: what the means' covariance has of ``within``, a share.
    """

    centre: NDArray[np.float64]
    within: NDArray[np.float64]
    means: NDArray[np.float64]
    noise: float

    @classmethod
    def of(cls, public: NDArray[np.float64], person: Ints, *, shrunk: bool = True) -> _Moments:
        rows, start = by_candidate(public, person)
        count = np.diff(np.r_[start, len(rows)])
        means = sums(rows, start) / count[:, None]
        centre = means.mean(0)
        means = means - centre
        repeated = len(rows) - len(count)
        noise = float((1.0 / count).mean())
        if repeated:
            residual = rows - centre - np.repeat(means, count, axis=0)
            group = np.repeat(np.arange(len(count)), count)
            within = (
                shrunk_covariance(residual, group, freedom=repeated)
                if shrunk
                else residual.T @ residual / repeated
            )
        else:
            # Nobody has two rows: nothing tells the spread of a person from that between people.
            within, noise = _of_means(means), 0.0
        scale = float(np.trace(within) + (means**2).sum() / len(means)) / len(centre)
        # Of constant features every score is then a tie.
        added = ridge(_RIDGE if shrunk else LEAST_RIDGE, scale, rows)
        within += np.eye(len(centre)) * added
        return cls(centre, within, means, noise)

    def between_shrunk(self) -> NDArray[np.float64]:
        """Covariance between people, less what rows within each add to it; may be indefinite."""
        return _of_means(self.means) - self.noise * self.within


def _of_means(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of people's means, shrunk."""
    return shrunk_covariance(means, np.arange(len(means)), freedom=len(means) - 1)


def _discriminants(means: NDArray[np.float64], within: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes ``(d, people - 1)`` along which ``within`` is 1 and the means' covariance diagonal.

    The others, along which the means do not differ, are never computed: there are few people.
    """
    from scipy.linalg import cholesky, solve_triangular

    root = cholesky(within, lower=True)
    whitened = solve_triangular(root, means.T, lower=True)
    axes, _, _ = np.linalg.svd(whitened, full_matrices=False)
    found = solve_triangular(root, axes[:, : len(means) - 1], lower=True, trans="T")
    return np.ascontiguousarray(found)


def _axes(
    between: NDArray[np.float64], within: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Axes along which ``within`` is 1 and ``between`` diagonal.

    Args:
        between: ``(d, d)``.
        within: ``(d, d)``. Outside the span of ``rows`` both are multiples of the identity, as
            shrunk covariances of fewer rows than dimensions are.
        rows: ``(n, d)``.

    Returns:
        The diagonal, ``(d,)``, and the axes, ``(d, d)``.
    """
    from scipy.linalg import eigh

    n, d = rows.shape
    if n >= d:
        spread, axes = eigh(between, within)
        return spread, np.ascontiguousarray(axes)
    basis, _ = np.linalg.qr(rows.T, mode="complete")
    inside, outside = basis[:, :n], basis[:, n:]
    spread, axes = eigh(inside.T @ between @ inside, inside.T @ within @ inside)
    some = outside[:, 0]
    unit = float(some @ within @ some)
    beside = np.full(d - n, float(some @ between @ some) / unit)
    return np.r_[spread, beside], np.hstack([inside @ axes, outside / unit**0.5])


@dataclass(frozen=True, eq=False)
class _DiscriminantScorer(Scorer):
    """Minus the squared distance to the candidate's mean along ``axes``, ``(d, k)``."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.floating[Any]]:
        """Score by the distance, in standard deviations of one person's rows."""
        rows, start = by_candidate(gallery, gallery_person)
        count = np.diff(np.r_[start, len(rows)])
        # About the centre of all: far from it, distances would be differences of large numbers.
        mean = sums(rows, start) / count[:, None] - self.centre
        probe = probes.astype(np.float64) - self.centre
        return -squared_distances(mean @ self.axes, probe @ self.axes).T


@dataclass(frozen=True, eq=False)
class RatioScorer(Scorer):
    """Log-likelihood ratio along axes along which within has variance 1 and between ``spread``.

    Attributes:
        centre: ``(d,)``.
        axes: ``(d, k)``, or ``(d,)`` factors where the axes are the columns.
        spread: ``(k,)``.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    spread: NDArray[np.float64]

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.float64]:
        """Log-likelihood ratios, in nats."""
        rows, start = by_candidate(gallery, gallery_person)
        count = np.diff(np.r_[start, len(rows)])[:, None]
        x = self._along(probes - self.centre)
        # The person's point, given the candidate's rows: its mean and the variance of a new row.
        weight = self.spread / (count * self.spread + 1.0)
        mean = weight * self._along(sums(rows, start) - count * self.centre)
        variance = 1.0 + weight
        anybody = 1.0 + self.spread
        ratio = (mean / variance) @ x.T
        ratio += (0.5 / anybody - 0.5 / variance) @ (x**2).T
        ratio -= 0.5 * (mean**2 / variance + np.log(variance / anybody)).sum(1)[:, None]
        return on_a_grid(ratio).T

    def _along(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = rows @ self.axes if self.axes.ndim == 2 else rows * self.axes
        return found
