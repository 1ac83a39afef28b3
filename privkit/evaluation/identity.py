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
        from sklearn.pipeline import make_pipeline

        components = min(_COMPONENTS, len(pixels) - 1, pixels.shape[1])
        self._model: Any = make_pipeline(
            PCA(components, svd_solver="full"),
            LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        ).fit(pixels.astype(np.float64), person)

    def name(self, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        """The person on each picture ``(n, h·w)``, as ``(n,)``."""
        named: NDArray[np.int64] = self._model.predict(pixels.astype(np.float64))
        return named

    def recognises(
        self, pixels: NDArray[np.float32], person: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether each picture is named right, ``(n,)``."""
        right: NDArray[np.bool_] = self.name(pixels) == person
        return right
