"""What is noticed of an encoder on a few pictures: is it a function, and has it a gradient?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.encoders.returned import encoded
from privkit.models.encoders.source import Source

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["depends_on_batch", "no_gradient", "not_deterministic"]

_ROUNDING = 1e-4
"""Differences up to this share of the largest number are those of sums in another order."""


def not_deterministic(
    source: Source, pixels: NDArray[np.float32], first: NDArray[np.float32]
) -> list[str]:
    """Note that encoding the pictures again gives something else than ``first``."""
    off = _largest(first, encoded(source, pixels, first.shape[1]))
    if off is None:
        return []
    return [
        f"the encoder is not deterministic: two calls on the same pictures differ by {off:.3g}."
    ]


def depends_on_batch(
    source: Source, pixels: NDArray[np.float32], first: NDArray[np.float32]
) -> list[str]:
    """Note that the pictures one by one give something else than together, ``first``."""
    if len(pixels) < 2:
        return []
    try:
        alone = [encoded(source, pixels[i : i + 1], first.shape[1]) for i in range(len(pixels))]
    except InputError as error:
        return [f"the encoder takes no picture alone ({error.found}); was eval() forgotten?"]
    off = _largest(first, np.concatenate(alone))
    if off is None:
        return []
    return [
        "the feature of a picture depends on the other pictures of its batch: alone it differs by "
        f"{off:.3g}; was eval() forgotten?"
    ]


def no_gradient(source: Source, pixels: NDArray[np.float32]) -> str:
    """Say why there is no gradient that an attack could follow; nothing where there is one."""
    import torch

    if source.relaxed is None:
        return f"{source.kind} has none"
    x = torch.tensor(pixels, requires_grad=True)
    try:
        with torch.enable_grad():
            slope = _slope(source.relaxed(x, "tanh"), x)
    except Exception as error:  # whatever the user's code raises
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if slope is None:
        return "autograd finds no way from its result to the pictures"
    if not torch.isfinite(slope).all():
        return "its gradient is not finite"
    return "" if slope.any() else "its gradient is zero everywhere, as that of a sign"


def _slope(out: Any, x: Tensor) -> Tensor | None:
    """Return the gradient of a weighted sum of the result at ``x``, ``None`` if it has none."""
    import torch

    if not isinstance(out, torch.Tensor) or out.shape[:1] != x.shape[:1] or not out.requires_grad:
        return None
    # Drawn weights: a plain sum of normed features would be flat.
    weight = torch.from_numpy(np.random.default_rng(0).normal(size=tuple(out.shape)))
    slopes: tuple[Tensor | None, ...] = torch.autograd.grad(
        (out * weight.to(out)).sum(), x, allow_unused=True
    )
    return slopes[0]


def _largest(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """Return the largest difference, ``None`` where it is that of rounding."""
    off = float(np.abs(a - b).max())
    return off if off > _ROUNDING * max(1.0, float(np.abs(a).max())) else None
