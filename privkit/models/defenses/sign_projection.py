"""Signs of random projections: N bits that keep angles between features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.defenses.base import Defense, NoCell
from privkit.models.featcomp import check_bits

if TYPE_CHECKING:
    from torch import Tensor

    from privkit.models.encoder import Through

__all__ = ["FittedSignProjection", "SignProjection"]

#: Penalty of the decoder, in features of unit variance: more bits than photos have many solutions.
_PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class FittedSignProjection(NoCell):
    """Signs of random projections, with what was learned of the training photos.

    Attributes:
        mean: ``(width,)``, taken off before the projection, or all signs of positive features
            would agree.
        projection: ``(width, N)``.
        scale: ``(N,)``, deviation of each projection among the training photos.
        decoder: ``(N, width)``, the linear map from signs back to features.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    scale: NDArray[np.float32]
    decoder: NDArray[np.float32]
    bottleneck_bits: int | None = None

    @property
    def name(self) -> str:
        """E.g. ``"signs of 16 projections"``."""
        return _name(self.nominal_bits)

    @property
    def nominal_bits(self) -> int:
        """N."""
        return int(self.projection.shape[1])

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """±1 of ``(n, N)``; a projection of exactly 0 gives -1."""
        signs: NDArray[np.float32] = np.where(
            (stored - self.mean) @ self.projection > 0, np.float32(1), np.float32(-1)
        )
        return signs

    def decode(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """The feature that signs ``(n, N)`` stand for, ``(n, width)``, in the mean."""
        return self.mean + stored @ self.decoder

    def relaxed(self, feature: Tensor, through: Through = "tanh") -> Tensor:
        """The signs as a differentiable function of features ``(n, width)``, for an adversary.

        Args:
            feature: before the defense.
            through: how the gradient passes the sign.
        """
        import torch

        from privkit.models.featcomp import straight_through

        mean, projection, scale = (
            torch.from_numpy(array).to(feature.device)
            for array in (self.mean, self.projection, self.scale)
        )
        projected = (feature - mean) @ projection
        soft = torch.tanh(projected / scale)
        return soft if through == "tanh" else straight_through(projected > 0, soft)


@dataclass(frozen=True)
class SignProjection:
    """The signs of N Gaussian random projections of the feature (Charikar 2002, section 3).

    Two features agree in a bit with probability 1 - angle / π. The projection is drawn once from
    ``seed`` and is no secret: the adversary who holds the store holds it too.

    Attributes:
        bits: N.
        seed: of the projection.

    Raises:
        InputError: ``bits`` out of range.
    """

    bits: int
    seed: int = 0

    def __post_init__(self) -> None:
        check_bits(self.bits, where="SignProjection")

    @property
    def name(self) -> str:
        """As of the fitted defense."""
        return _name(self.bits)

    def fit(self, features: NDArray[np.float32]) -> Defense:
        """Learn the mean of the features, and the map from signs back to them (ridge regression).

        Args:
            features: ``(n, width)`` of the network's training photos.

        Raises:
            InputError: fewer than 2 photos.
        """
        n, width = features.shape
        if n < 2:
            raise InputError(
                "there are too few photos to learn from",
                where="SignProjection",
                rule="at least 2",
                found=n,
            )
        draw = np.random.default_rng([self.seed, self.bits])
        projection = draw.standard_normal((width, self.bits)).astype(np.float32)
        mean = features.mean(0, dtype=np.float64).astype(np.float32)
        projected = (features - mean) @ projection
        scale = np.maximum(projected.std(0), np.finfo(np.float32).eps).astype(np.float32)
        signs = np.where(projected > 0, 1.0, -1.0)
        decoder = _ridge(signs, (features - mean).astype(np.float64))
        return FittedSignProjection(mean, projection, scale, decoder.astype(np.float32))


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coefficients of ridge regression, by the smaller of its two systems of equations."""
    n, width = x.shape
    if width <= n:
        found = np.linalg.solve(x.T @ x + _PENALTY * np.eye(width), x.T @ y)
    else:
        found = x.T @ np.linalg.solve(x @ x.T + _PENALTY * np.eye(n), y)
    return found.astype(np.float64)


def _name(bits: int) -> str:
    return f"sign{'s' if bits > 1 else ''} of {bits} projection{'s' if bits > 1 else ''}"
