"""Matchers that learn nothing: distances between stored features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints, Matcher, Scorer, by_candidate, on_a_grid, sums

__all__ = ["Cosine", "Mean", "Nearest", "are_signs", "squared_distances"]


@dataclass(frozen=True)
class Nearest(Matcher, Scorer):
    """The candidate's row that is nearest (Fix and Hodges 1951, the rule of one neighbour).

    Minus the squared Euclidean distance; of codes of ±1 that is minus four times the number of
    bits that differ (Hamming).
    """

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Learn nothing."""
        return self

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.floating[Any]]:
        """Score by the nearest row of each candidate."""
        gallery, start = by_candidate(gallery, gallery_person)
        distance = squared_distances(gallery, probes)
        if len(start) < len(gallery):
            distance = np.minimum.reduceat(distance, start, axis=0)
        return -distance.T


@dataclass(frozen=True)
class Mean(Matcher, Scorer):
    """The mean of a candidate's rows (nearest centroid; Rocchio 1971). Same distance."""

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Learn nothing."""
        return self

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.floating[Any]]:
        """Score by the mean row of each candidate."""
        rows, start = by_candidate(gallery, gallery_person)
        count = np.diff(np.r_[start, len(rows)])
        return -squared_distances(sums(rows, start) / count[:, None], probes).T


@dataclass(frozen=True)
class Cosine(Matcher, Scorer):
    """The cosine between a probe and the sum of a candidate's rows of unit length.

    The usual comparison of face features (Wang et al., NormFace, MM 2017); it does not see how
    long a feature is.
    """

    def learned(self, public: Features, person: Ints) -> Scorer:
        """Learn nothing."""
        return self

    def score(
        self, probes: Features, gallery: Features, gallery_person: Ints
    ) -> NDArray[np.floating[Any]]:
        """Score by the cosine, from -1 to 1."""
        rows, start = by_candidate(gallery, gallery_person)
        centre = _of_unit_length(sums(_of_unit_length(rows), start))
        return on_a_grid(centre @ _of_unit_length(probes).T).T


def squared_distances(a: Features, b: Features) -> NDArray[np.floating[Any]]:
    """Squared Euclidean distances, ``(len(a), len(b))``.

    Between codes of ±1 they are exact, in float32. Between floats they are rounded, by what is
    nothing beside the length of ``b``: equal rows have equal distances.
    """
    if are_signs(a) and are_signs(b):
        product = a.astype(np.float32, copy=False) @ b.astype(np.float32, copy=False).T
        product *= -2.0
        product += 2.0 * a.shape[1]
        return product
    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    length_a, length_b = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    squared = a @ b.T
    squared *= -2.0
    squared += length_a[:, None]
    squared += length_b
    # A power of two below the length of b, and 1 for b = 0, where the product is exactly 0.
    exponent = np.floor(np.log2(np.where(length_b > 0, length_b, 2.0**32))) - 32
    return np.maximum(on_a_grid(squared, np.exp2(exponent)), 0.0)


def are_signs(rows: Features) -> bool:
    """Whether all are ±1; sums of up to 2**24 of them are exact in float32."""
    return bool((np.abs(rows) == 1).all())


def _of_unit_length(rows: Features) -> NDArray[np.float64]:
    """Rows of length 1; a row of zeros stays."""
    wide = rows.astype(np.float64)
    length = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    # A centre that is zero but for the last digits has no direction.
    length[length < 1e-9] = np.inf
    scaled: NDArray[np.float64] = wide / length[:, None]
    return scaled
