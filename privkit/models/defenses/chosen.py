"""The defenses that a command line names."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.models.defenses.as_it_is import FewBits, NoDefense
from privkit.models.defenses.base import FLOAT_BITS, Defense
from privkit.models.defenses.quantization import Rounding
from privkit.models.face_net import FEATURES

__all__ = ["defenses_for"]


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
