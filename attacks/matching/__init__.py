"""Ways to compare a stored feature with those of known people, and the plain dict of all of them.

They work on feature matrices alone, so that the audit of any store and the attacks on a scene of
faces compare in the same way.
"""

from __future__ import annotations

from attacks.matching.base import Matcher, Scorer
from attacks.matching.bits import WeightedHamming
from attacks.matching.columns import DiagonalPLDA
from attacks.matching.distances import Cosine, Mean, Nearest
from attacks.matching.two_covariance import LDA, PLDA

__all__ = ["MATCHERS", "Matcher", "Scorer"]

MATCHERS: dict[str, Matcher] = {
    "nearest": Nearest(),
    "mean": Mean(),
    "cosine": Cosine(),
    "weighted_hamming": WeightedHamming(),
    "lda": LDA(),
    "lda_unshrunk": LDA(shrunk=False),
    "plda": PLDA(),
    "plda_diagonal": DiagonalPLDA(),
}
