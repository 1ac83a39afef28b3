"""A linear decoder learned from other people's photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.needs import Need

__all__ = ["RidgeDecoder"]


@dataclass(frozen=True)
class RidgeDecoder(Attack):
    """Ridge regression from stored feature to pixels (Hoerl and Kennard 1970).

    The adversary runs public photos of other people through the network, and learns to map their
    stored features back to their pixels. The penalty is chosen by leave-one-out error on those
    photos, so nothing about a target is used.

    Attributes:
        penalties: candidates for the ridge penalty.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"pairs"})

    penalties: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Decode each stored feature; draws nothing."""
        from sklearn.linear_model import RidgeCV

        public = adversary.auxiliary
        decoder = RidgeCV(alphas=self.penalties).fit(adversary.store_of(public), public.pixels)
        pictures: NDArray[np.float32] = np.clip(decoder.predict(stored), -1, 1).astype(np.float32)
        return pictures
