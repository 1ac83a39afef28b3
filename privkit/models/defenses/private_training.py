"""DP-SGD as a defense: it protects the photos that the network learned from, not those stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.models.defenses.base import FLOAT_BITS, NoCell, check_between
from privkit.models.face_net import FEATURES

__all__ = ["PrivateTraining"]


@dataclass(frozen=True)
class PrivateTraining(NoCell):
    """The network is trained by DP-SGD and stores its 40 floats (Abadi et al. 2016, Algorithm 1).

    The promise is (ε, δ)-differential privacy of the *weights* for one training photo, not for a
    person with several, and not for a photo that is stored later: it is about membership. It has
    no bottleneck, for batch norm mixes photos and has no gradient of one photo.

    Attributes:
        epsilon: target, from 0.1 to 100; the noise is solved for it, which takes minutes where a
            larger one promises nothing.
        delta: from 1e-12 to 0.1, and below one over the number of training photos.

    Raises:
        InputError: a setting out of range.
    """

    epsilon: float
    delta: float = 1e-4
    bottleneck_bits: int | None = None
    nominal_bits: int = FEATURES * FLOAT_BITS

    def __post_init__(self) -> None:
        check_between(self.epsilon, "epsilon", "PrivateTraining", 0.1, 100)
        check_between(self.delta, "delta", "PrivateTraining", 1e-12, 0.1)

    @property
    def name(self) -> str:
        """E.g. ``"DP-SGD, ε 8"``."""
        return f"DP-SGD, ε {self.epsilon:.10g}"

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the feature unchanged."""
        return stored
