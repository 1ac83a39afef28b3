"""``Source``: what an encoder does, before it is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.encoder import Encoder, Through

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENCODERS", "Source", "from_callable", "raised"]

ENCODERS = (
    "module:function, a TorchScript file (.pt, .ts), an ONNX file (.onnx) or privkit's own face "
    "network (.safetensors)"
)


@dataclass(frozen=True, eq=False)
class Source:
    """An encoder as the user gave it.

    Attributes:
        name: what the user gave.
        kind: e.g. ``"ONNX"``.
        store: called with pictures ``(n, h·w)`` in [-1, 1]; may return and raise anything.
        relaxed: the same as a differentiable function, ``None`` where there can be no gradient.
        itself: privkit's own network, of which attacks know more than what it stores.
    """

    name: str
    kind: str
    store: Callable[[NDArray[np.float32]], Any]
    relaxed: Callable[[Tensor, Through], Any] | None = None
    itself: Encoder | None = None


def from_callable(
    name: str,
    kind: str,
    function: Callable[[Tensor], Any],
    shape: tuple[int, int],
    *,
    gradient: Callable[[Tensor], Any] | None = None,
) -> Source:
    """Take a function of a float32 tensor ``(n, 1, h, w)`` in [-1, 1], giving ``(n, width)``.

    Args:
        name: what the user gave.
        kind: in words.
        function: the encoder.
        shape: height and width.
        gradient: its differentiable form; by default the function itself.
    """
    smooth = function if gradient is None else gradient

    def store(pixels: NDArray[np.float32]) -> Any:
        import torch

        with torch.no_grad():  # a copy: the function may write into it
            return function(torch.tensor(pixels).reshape(-1, 1, *shape))

    def relaxed(pixels: Tensor, _through: Through) -> Any:
        return smooth(pixels.reshape(-1, 1, *shape))

    return Source(name, kind, store, relaxed)


def raised(name: str, error: BaseException) -> InputError:
    """Say in one line what the encoder raised."""
    text = " ".join(str(error).split())[:300]
    return InputError(
        "the encoder raised an exception",
        where=name,
        rule="it takes pictures and returns one row of numbers for each",
        found=f"{type(error).__name__}: {text}" if text else type(error).__name__,
    )
