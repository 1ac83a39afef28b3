"""Name the person behind a stored feature by the nearest feature of a known photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes

__all__ = ["Compare", "Linkage"]

Compare = Literal["nearest", "mean"]


@dataclass(frozen=True)
class Linkage(Attack):
    """Nearest neighbour in a gallery of known photos (record linkage; Domingo-Ferrer 2001).

    The adversary has named photos of the candidates, stores them through the same network and
    defense, and names the candidate whose nearest stored feature is closest. No picture is made:
    an attack that needs none cannot be stopped by making pictures ugly. Codes are compared by
    their Hamming distance, floats by their Euclidean distance. Ties, frequent among short codes,
    are broken at random by the scoring.

    Attributes:
        compare: with a candidate's ``"nearest"`` stored feature, or with the ``"mean"`` of them.
    """

    makes: ClassVar[Makes] = "names"

    compare: Compare = "nearest"

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Score each candidate by minus the squared distance of the feature compared with."""
        known = adversary.store(adversary.gallery.pixels).astype(np.float64)
        person = adversary.gallery.person
        if self.compare == "mean":
            known = np.stack([known[person == p].mean(0) for p in np.unique(person)])
            person = np.unique(person)
        target = stored.astype(np.float64)
        squared = (target**2).sum(1)[:, None] + (known**2).sum(1) - 2.0 * target @ known.T
        scores = np.full((len(stored), adversary.people), np.finfo(np.float32).min)
        for candidate in np.unique(person):
            scores[:, candidate] = -squared[:, person == candidate].min(1)
        return scores.astype(np.float32)
