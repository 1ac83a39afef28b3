"""Defenses applied to a stored feature: none, rounding, FeatComp-N.

Each states its nominal bits; what it really stores is measured by
:func:`privkit.anonymity.measured.measured_bits`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.face_net import FEATURES
from privkit.models.featcomp import check_bits

__all__ = ["FLOAT_BITS", "Defense", "FewBits", "NoDefense", "Rounding", "defenses_for"]

#: Bits of one stored 32-bit float.
FLOAT_BITS = 32


class Defense(Protocol):
    """What is done to a feature before it is stored."""

    @property
    def name(self) -> str:
        """Short name for tables, e.g. ``"16 bits"``."""
        ...

    @property
    def bottleneck_bits(self) -> int | None:
        """Width of the bottleneck that the network is trained with; ``None`` for none."""
        ...

    @property
    def nominal_bits(self) -> int:
        """Bits that one stored face takes on paper."""
        ...

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn what the network gives, ``(n, width)``, into what is stored."""
        ...


@dataclass(frozen=True)
class NoDefense:
    """The feature as it is: 40 floats of 32 bits."""

    name: str = "1280 bits (40 floats)"
    bottleneck_bits: int | None = None
    nominal_bits: int = FEATURES * FLOAT_BITS

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the feature unchanged."""
        return stored


@dataclass(frozen=True)
class Rounding:
    """Round every float to a multiple of ``step`` (Fredrikson et al. 2015, section 5).

    Raises:
        InputError: a step that is not above 0 and at most 1.
    """

    step: float
    bottleneck_bits: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and 1e-6 <= self.step <= 1):
            raise InputError(
                "the rounding step is out of range",
                where="--round",
                rule="from 0.000001 to 1, on features in (-1, 1)",
                found=self.step,
            )

    @property
    def name(self) -> str:
        """E.g. ``"rounded 0.01"``."""
        return f"rounded {self.step:.10g}"

    @property
    def nominal_bits(self) -> int:
        """40 × the bits of the values that rounding can give: 8 bits a float at 0.01."""
        multiples = 2 * round(1 / self.step) + 1
        return FEATURES * math.ceil(math.log2(multiples))

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the nearest multiples of ``step``."""
        return (np.round(stored / np.float32(self.step)) * np.float32(self.step)).astype(np.float32)


@dataclass(frozen=True)
class FewBits:
    """FeatComp-N: the network is trained with a bottleneck of N bits and stores the code.

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


def defenses_for(bits: Sequence[int], steps: Sequence[float]) -> list[Defense]:
    """The defenses that the user asked for; without any, the paper's Figure 5.

    Args:
        bits: widths in bits; 1280 means the undefended 40 floats, as in the paper.
        steps: rounding steps.

    Raises:
        InputError: a width or a step out of range.
    """
    if not bits and not steps:
        bits, steps = (1280, 1024, 128, 16), (0.01,)
    full = FEATURES * FLOAT_BITS
    chosen: list[Defense] = []
    if full in bits:
        chosen.append(NoDefense())
    chosen += [Rounding(step) for step in dict.fromkeys(steps)]
    chosen += [FewBits(b) for b in sorted(set(bits), reverse=True) if b != full]
    return chosen
