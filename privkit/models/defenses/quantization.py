"""Every float alone is made coarser: rounding, and uniform quantization to b bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.defenses.base import Cell, check_whole
from privkit.models.face_net import FEATURES

__all__ = ["Rounding", "UniformQuantization"]

#: What float32 may move a feature across the edge of its cell: features are of size 1.
_SLACK = np.float32(1e-6)


@dataclass(frozen=True)
class Rounding:
    """Round every float to a multiple of ``step`` (Fredrikson et al. 2015, section 5).

    Attributes:
        step: from 0.000001 to 1, on features in (-1, 1).
        width: floats of a feature.

    Raises:
        InputError: a step that is not above 0 and at most 1.
    """

    step: float
    bottleneck_bits: int | None = None
    width: int = FEATURES

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
        return self.width * math.ceil(math.log2(multiples))

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the nearest multiples of ``step``."""
        return (np.round(stored / np.float32(self.step)) * np.float32(self.step)).astype(np.float32)

    def cell(self, stored: NDArray[np.float32]) -> Cell | None:
        """Half a step to either side, within [-1, 1], and what float32 may miss of it."""
        return _around(stored, self.step / 2)


@dataclass(frozen=True)
class UniformQuantization:
    """Cut (-1, 1) into 2^b cells of one width and store the middle of a float's cell.

    The plain scalar quantizer (Gersho and Gray 1992, section 5.3). At 1 bit it is the sign.

    Attributes:
        bits: b, bits a float, from 1 to 16.
        width: floats of a feature.

    Raises:
        InputError: ``bits`` out of range.
    """

    bits: int
    bottleneck_bits: int | None = None
    width: int = FEATURES

    def __post_init__(self) -> None:
        check_whole(self.bits, "the number of bits a float", "UniformQuantization", 1, 16)

    @property
    def name(self) -> str:
        """E.g. ``"uniform, 4 bits a float"``."""
        return f"uniform, {self.bits} bit{'s' if self.bits > 1 else ''} a float"

    @property
    def nominal_bits(self) -> int:
        """40 × b."""
        return self.width * self.bits

    @property
    def _cell_width(self) -> float:
        return math.ldexp(2.0, -self.bits)

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the middles of the cells; what lies beyond (-1, 1) goes to the outermost."""
        index = np.floor((stored.astype(np.float64) + 1) / self._cell_width)
        middle = (np.clip(index, 0, 2**self.bits - 1) + 0.5) * self._cell_width - 1
        return middle.astype(np.float32)

    def cell(self, stored: NDArray[np.float32]) -> Cell | None:
        """The cell around each middle."""
        return _around(stored, self._cell_width / 2)


def _around(stored: NDArray[np.float32], half: float) -> Cell:
    reach = np.float32(half) + _SLACK
    one = np.float32(1)
    return np.maximum(stored - reach, -one), np.minimum(stored + reach, one)
