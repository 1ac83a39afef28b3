"""Noise that is drawn once, when a feature is stored: Gaussian, and randomized response on bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.models.defenses.as_it_is import FewBits, NoDefense
from privkit.models.defenses.base import (
    FLOAT_BITS,
    Defense,
    NoCell,
    check_between,
    storing_generator,
)
from privkit.models.face_net import FEATURES
from privkit.models.featcomp import check_bits

__all__ = ["GaussianNoise", "RandomizedResponse"]


@dataclass(frozen=True)
class GaussianNoise(NoCell):
    """Add a normal deviate of deviation ``sigma`` to every float.

    No privacy parameter is claimed for it: the Gaussian mechanism (Dwork and Roth 2014, appendix
    A) has one for a bounded feature, and the sigmas that leave a feature useful give an epsilon
    too large to mean anything.

    Attributes:
        sigma: from 0 to 1000, in units of the feature, which lies in (-1, 1).
        seed: secret; see :func:`privkit.models.defenses.base.storing_generator`.
        width: floats of a feature.

    Raises:
        InputError: ``sigma`` out of range.
    """

    sigma: float
    seed: int = 0
    bottleneck_bits: int | None = None
    width: int = FEATURES

    def __post_init__(self) -> None:
        check_between(self.sigma, "the noise", "GaussianNoise", 0, 1000)

    @property
    def name(self) -> str:
        """E.g. ``"Gaussian noise 0.3"``."""
        return f"Gaussian noise {self.sigma:.10g}"

    @property
    def nominal_bits(self) -> int:
        """40 floats of 32 bits: noise makes nothing shorter."""
        return self.width * FLOAT_BITS

    @property
    def without_noise(self) -> Defense:
        """The feature as it is."""
        return NoDefense()

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """The feature and its noise."""
        drawn = storing_generator(self.seed, stored).standard_normal(stored.shape, np.float32)
        return stored + np.float32(self.sigma) * drawn


@dataclass(frozen=True)
class RandomizedResponse(NoCell):
    """Store each bit of a FeatComp code as it is with probability e^ε / (1 + e^ε), else flipped.

    (Warner 1965; as local differential privacy, Duchi, Jordan and Wainwright 2013, section 4.)
    Two codes that differ in one bit give any stored code with a ratio of at most e^ε, two that
    differ in all N bits of at most e^(N ε): the code as a whole is N ε-locally differentially
    private. That is a promise about the code of one photo; several photos of a person add up.

    Attributes:
        bits: N, the width of the network's bottleneck.
        epsilon: ε of one bit, from 0 (a coin) to 50 (none is flipped).
        seed: secret; see :func:`privkit.models.defenses.base.storing_generator`.

    Raises:
        InputError: a setting out of range.
    """

    bits: int
    epsilon: float
    seed: int = 0

    def __post_init__(self) -> None:
        check_bits(self.bits, where="RandomizedResponse")
        check_between(self.epsilon, "epsilon a bit", "RandomizedResponse", 0, 50)

    @property
    def name(self) -> str:
        """E.g. ``"16 bits, ε 1 a bit, 16 a code"``."""
        of_code = f"{self.epsilon_of_code:.10g}"
        return f"{FewBits(self.bits).name}, ε {self.epsilon:.10g} a bit, {of_code} a code"

    @property
    def bottleneck_bits(self) -> int:
        """The width of the bottleneck."""
        return self.bits

    @property
    def nominal_bits(self) -> int:
        """N."""
        return self.bits

    @property
    def kept(self) -> float:
        """The probability that a bit is stored as it is, from 1/2 to 1."""
        return 1 / (1 + math.exp(-self.epsilon))

    @property
    def epsilon_of_code(self) -> float:
        """N ε."""
        return self.bits * self.epsilon

    @property
    def without_noise(self) -> Defense:
        """The code as it is."""
        return FewBits(self.bits)

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """The code ``(n, N)`` of ±1 with some of its signs turned."""
        kept = storing_generator(self.seed, stored).random(stored.shape) < self.kept
        return np.where(kept, stored, -stored)
