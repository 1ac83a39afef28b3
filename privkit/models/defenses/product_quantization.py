"""Product quantization: a feature as a few indices into learned codebooks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.defenses.base import Defense, NoCell, check_whole

__all__ = ["FittedProductQuantization", "ProductQuantization"]

_STARTS = 4  # k-means ends in a local optimum: the best of so many starts is kept


@dataclass(frozen=True, eq=False)
class FittedProductQuantization(NoCell):
    """Product quantization with its codebooks.

    Attributes:
        codebooks: ``(parts, codewords, width / parts)``.
    """

    codebooks: NDArray[np.float32]
    bottleneck_bits: int | None = None

    @property
    def name(self) -> str:
        """E.g. ``"product quantization, 8 × 4 bits"``."""
        parts, codewords, _ = self.codebooks.shape
        return _name(parts, codewords)

    @property
    def nominal_bits(self) -> int:
        """Parts × bits of an index."""
        parts, codewords, _ = self.codebooks.shape
        return int(parts) * math.ceil(math.log2(codewords))

    def codes(self, stored: NDArray[np.float32]) -> NDArray[np.int64]:
        """The index of the nearest codeword of each part, ``(n, parts)``: what takes the bits."""
        parts, _, size = self.codebooks.shape
        pieces = stored.reshape(len(stored), parts, size).astype(np.float64)
        # A part at a time: the distances of all parts at once are large for wide features.
        nearest = [
            ((pieces[:, part, None] - self.codebooks[part]) ** 2).sum(2).argmin(1)
            for part in range(parts)
        ]
        return np.stack(nearest, 1).astype(np.int64)

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """The feature that the indices stand for, ``(n, width)``: as many values as codes."""
        codes = self.codes(stored)
        chosen = self.codebooks[np.arange(len(self.codebooks)), codes]
        return chosen.reshape(len(stored), -1)


@dataclass(frozen=True)
class ProductQuantization:
    """Cut the feature into parts and store the index of the nearest codeword of each.

    The codebooks are k-means centres of the network's training photos (Jégou, Douze and Schmid,
    PAMI 2011, section III). The adversary who holds the store holds them too.

    Attributes:
        parts: pieces of a feature; divides its width.
        codewords: of each codebook; at most as many as training photos.
        seed: of k-means.

    Raises:
        InputError: settings out of range.
    """

    parts: int
    codewords: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole(self.parts, "the number of parts", "ProductQuantization", 1, 65_536)
        check_whole(self.codewords, "the number of codewords", "ProductQuantization", 2, 65_536)

    @property
    def name(self) -> str:
        """As of the fitted defense."""
        return _name(self.parts, self.codewords)

    def fit(self, features: NDArray[np.float32]) -> Defense:
        """Learn the codebooks.

        Args:
            features: ``(n, width)`` of the network's training photos.

        Raises:
            InputError: fewer photos than codewords, or a width that the parts do not divide.
        """
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        n, width = features.shape
        if width % self.parts:
            raise InputError(
                "the feature does not fall into equal parts",
                where="ProductQuantization",
                rule="a number of parts that divides the width",
                found=f"{width} floats, {self.parts} parts",
            )
        if n < self.codewords:
            raise InputError(
                "there are too few photos to learn codebooks from",
                where="ProductQuantization",
                rule=f"at least as many as codewords, {self.codewords}",
                found=n,
            )
        pieces = features.reshape(n, self.parts, -1)
        with threadpool_limits(1):  # sums in one order: the same bytes on every machine
            centres = [
                KMeans(self.codewords, n_init=_STARTS, random_state=self.seed + part)
                .fit(pieces[:, part])
                .cluster_centers_
                for part in range(self.parts)
            ]
        return FittedProductQuantization(np.stack(centres).astype(np.float32))


def _name(parts: int, codewords: int) -> str:
    return f"product quantization, {parts} × {math.ceil(math.log2(codewords))} bits"
