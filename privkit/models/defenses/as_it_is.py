"""The network's own output is stored: its floats, or the code of a bottleneck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.models.defenses.base import FLOAT_BITS, NoCell
from privkit.models.face_net import FEATURES
from privkit.models.featcomp import check_bits

__all__ = ["FewBits", "NoDefense"]


@dataclass(frozen=True)
class NoDefense(NoCell):
    """The feature as it is: 40 floats of 32 bits."""

    name: str = "1280 bits (40 floats)"
    bottleneck_bits: int | None = None
    nominal_bits: int = FEATURES * FLOAT_BITS

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the feature unchanged."""
        return stored


@dataclass(frozen=True)
class FewBits(NoCell):
    """FeatComp-N: the network is trained with a bottleneck of N bits and stores the code.

    (Huang et al., *Video in 10 Bits*, ECCV 2022, section 3.2.)

    Raises:
        InputError: ``bits`` out of range.
    """

    bits: int

    def __post_init__(self) -> None:
        check_bits(self.bits, where="--bits")

    @property
    def name(self) -> str:
        """E.g. ``"16 bits"``."""
        return f"{self.bits} bits" if self.bits > 1 else "1 bit"

    @property
    def bottleneck_bits(self) -> int:
        """The width of the bottleneck."""
        return self.bits

    @property
    def nominal_bits(self) -> int:
        """N."""
        return self.bits

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the code unchanged: the network has made it already."""
        return stored
