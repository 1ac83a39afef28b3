"""Notice that the stored floats are rounded: an adversary would see it, and use it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.models.defenses import Rounding

__all__ = ["noticed_rounding"]

#: Rounded floats have few different values, and the least distance of two is the step.
_MOST_VALUES = 100_001
#: Share of a step that 32-bit floats may miss a multiple of it.
_SLACK = 1e-2


def noticed_rounding(stored: NDArray[np.float32], computed: NDArray[np.float32]) -> Rounding | None:
    """The rounding that turns what the encoder gives into what is stored.

    Args:
        stored: ``(n, width)`` floats of the store.
        computed: ``(n, width)``, what the encoder gives for the same pictures.

    Returns:
        ``None`` where no rounding explains the difference.
    """
    values = np.unique(stored.astype(np.float64))
    gaps = np.diff(values)
    gaps = gaps[gaps > 1e-6]
    if not len(gaps) or len(values) > _MOST_VALUES:
        return None
    # 32-bit floats miss a step by a little; over many steps that averages out.
    step = float(gaps[gaps < 1.5 * gaps.min()].mean())
    largest = float(np.abs(values).max())
    step = float(f"{largest / max(1, round(largest / step)):.4g}")
    if not 1e-6 <= step <= 1:
        return None
    multiples = values / step
    if np.abs(multiples - np.round(multiples)).max() > _SLACK:
        return None
    rounding = Rounding(step, width=stored.shape[1])
    same = np.isclose(rounding.apply(computed), stored, atol=step * _SLACK).mean()
    # A value on the edge of its cell may fall to either side.
    return rounding if same > 0.99 else None
