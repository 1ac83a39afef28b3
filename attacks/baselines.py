"""Baselines: attacks that ignore what was stored. An attack has to beat them to say anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes

__all__ = ["BASELINES", "MeanFace", "RandomGuess"]


@dataclass(frozen=True)
class MeanFace(Attack):
    """Answer every target with the mean of the known photos.

    Its pixel error is low and it says nothing about the target. It may average over photos of the
    targets' people, which a decoder may not: the baseline is given the better chance.
    """

    makes: ClassVar[Makes] = "pictures"
    uses_feature: ClassVar[bool] = False

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Repeat the mean face."""
        mean = adversary.gallery.pixels.mean(0)
        return np.broadcast_to(mean, (len(stored), len(mean))).astype(np.float32)


@dataclass(frozen=True)
class RandomGuess(Attack):
    """Name a candidate at random: what an adversary without the store can always do."""

    makes: ClassVar[Makes] = "names"
    uses_feature: ClassVar[bool] = False

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Draw a score for each candidate."""
        return rng.random((len(stored), adversary.people), dtype=np.float32)


#: Every study runs these beside its attacks.
BASELINES: dict[str, Attack] = {"mean_face": MeanFace(), "random_guess": RandomGuess()}
