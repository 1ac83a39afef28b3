"""Defenses applied to a stored feature, and the plain dict of all of them.

Each states its nominal bits; what it really stores is measured by
:func:`privkit.anonymity.measured.measured_bits`.
"""

from __future__ import annotations

from collections.abc import Callable

from privkit.models.defenses.as_it_is import FewBits, NoDefense
from privkit.models.defenses.base import (
    FLOAT_BITS,
    Cell,
    Defense,
    Learned,
    Noisy,
    fitted,
    storing_generator,
)
from privkit.models.defenses.chosen import defenses_for
from privkit.models.defenses.noise import GaussianNoise, RandomizedResponse
from privkit.models.defenses.private_training import PrivateTraining
from privkit.models.defenses.product_quantization import (
    FittedProductQuantization,
    ProductQuantization,
)
from privkit.models.defenses.quantization import Rounding, UniformQuantization
from privkit.models.defenses.sign_projection import FittedSignProjection, SignProjection

__all__ = [
    "DEFENSES",
    "FLOAT_BITS",
    "Cell",
    "Defense",
    "FewBits",
    "FittedProductQuantization",
    "FittedSignProjection",
    "GaussianNoise",
    "Learned",
    "NoDefense",
    "Noisy",
    "PrivateTraining",
    "ProductQuantization",
    "RandomizedResponse",
    "Rounding",
    "SignProjection",
    "UniformQuantization",
    "defenses_for",
    "fitted",
    "storing_generator",
]

#: What makes each; some have to be :func:`fitted` first.
DEFENSES: dict[str, Callable[..., Defense | Learned]] = {
    "none": NoDefense,
    "rounding": Rounding,
    "featcomp": FewBits,
    "uniform": UniformQuantization,
    "product quantization": ProductQuantization,
    "sign projection": SignProjection,
    "Gaussian noise": GaussianNoise,
    "randomized response": RandomizedResponse,
    "DP-SGD": PrivateTraining,
}
