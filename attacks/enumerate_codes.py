"""For every possible code the best picture that public photos allow: a ceiling for short codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.needs import Need
from attacks.public_pairs import pairs

__all__ = ["EnumerateCodes"]


@dataclass(frozen=True)
class EnumerateCodes(Attack):
    """Look every code up among public photos.

    A code of N bits has 2^N values, few enough to list at N <= 20. The answer to a code is the mean
    of the public photos that map to it; where none does, of those that map to the nearest codes.
    The mean over the photos with a code is the conditional mean of a picture given the code, and no
    other answer has a lower expected squared error (the projection theorem; e.g. Bishop 2006,
    section 1.5.5). So, on the prior that these photos are, no attack that sees the code alone can
    do better by squared error: this is its ceiling. Another prior (an attack that holds more
    photos, or reads the network's weights) has another one, and by another measure, such as who is
    recognised, another answer may be the best.

    Only the codes that are asked for are looked up.

    Attributes:
        variants: how many shifted and mirrored variants of each photo are stored besides, where
            the adversary has the encoder.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"few bits", "pairs"})

    variants: int = 10

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Answer each code from the table; draws the variants."""
        pixels, codes = pairs(adversary, adversary.auxiliary, self.variants, rng)
        asked, place = np.unique(stored, axis=0, return_inverse=True)
        agreement = asked @ codes.T  # N minus twice the Hamming distance
        nearest = (agreement == agreement.max(1, keepdims=True)).astype(np.float32)
        table: NDArray[np.float32] = nearest @ pixels / nearest.sum(1, keepdims=True)
        return table[place.reshape(-1)]
