"""Who is on a picture: an evaluator that shares nothing with the attacked network.

It is principal components followed by linear discriminants on pixels (Fisherfaces, Belhumeur et
al. 1997), fitted on photos that the network has not seen and that are not attacked. Its accuracy on
real unseen photos is the ceiling of what a reconstruction can reach, and its answer for the mean
face is the floor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["IdentityEvaluator"]

_COMPONENTS = 100


class IdentityEvaluator:
    """Names the person on a picture from its pixels.

    Args:
        pixels: ``(n, h·w)`` in [-1, 1], the photos that it is fitted on.
        person: ``(n,)``; at least 2 people and 2 photos of each.

    Raises:
        InputError: fewer people or photos than that.
    """

    def __init__(self, pixels: NDArray[np.float32], person: NDArray[np.int64]) -> None:
        counts = np.unique(person, return_counts=True)[1]
        if len(counts) < 2 or counts.min() < 2:
            raise InputError(
                "the identity evaluator needs more photos",
                rule="at least 2 people and 2 photos of each",
                found=f"{len(counts)} people, at least {counts.min()} photos of each",
            )
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        components = min(_COMPONENTS, len(pixels) - 1, pixels.shape[1])
        self._components: Any = PCA(components, svd_solver="full")
        rows = self._components.fit_transform(pixels.astype(np.float64))
        # scikit-learn shrinks the covariance of each person's photos by itself. Of two photos
        # nothing can be told of how far, and it does not shrink at all.
        of_each = counts.min() > 2
        rule: Any = (
            LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
            if of_each
            else _PooledDiscriminant()
        )
        self._rule: Any = rule.fit(rows, person)

    def name(self, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        """The person on each picture ``(n, h·w)``, as ``(n,)``."""
        rows = self._components.transform(pixels.astype(np.float64))
        named: NDArray[np.int64] = self._rule.predict(rows)
        return named

    def recognises(
        self, pixels: NDArray[np.float32], person: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each picture is named right, ``(n,)``."""
        right: NDArray[np.bool_] = self.name(pixels) == person
        return right


class _PooledDiscriminant:
    """Linear discriminants by one covariance of all people, shrunk (Ledoit and Wolf 2004)."""

    def fit(self, rows: NDArray[np.float64], person: NDArray[np.int64]) -> _PooledDiscriminant:
        """Learn from ``(n, d)`` and ``(n,)``."""
        from sklearn.covariance import ledoit_wolf

        self._people, code = np.unique(person, return_inverse=True)
        mean = np.stack([rows[code == p].mean(0) for p in range(len(self._people))])
        covariance, _ = ledoit_wolf(rows - mean[code], assume_centered=True)
        self._axes = np.linalg.lstsq(covariance, mean.T, rcond=None)[0]
        self._offset = 0.5 * (mean.T * self._axes).sum(0)
        return self

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """The person of each row, ``(n,)``."""
        named: NDArray[np.int64] = self._people[(rows @ self._axes - self._offset).argmax(1)]
        return named
