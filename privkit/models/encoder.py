"""What every encoder offers to an adversary: what is stored of pictures, and maybe a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Encoder", "Through"]

#: How a gradient passes a binarizer: ``tanh`` replaces the bit by its mean, ``straight-through``
#: keeps the bit and passes the gradient as if it were its mean.
Through = Literal["tanh", "straight-through"]


@runtime_checkable
class Encoder(Protocol):
    """Turns pictures into what is stored of them."""

    @property
    def differentiable(self) -> bool:
        """Whether :meth:`relaxed` gives a gradient; without one it is a black box."""
        ...

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is stored of pictures ``(n, h·w)`` in [-1, 1]: ``(n, width)``."""
        ...

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:
        """The same as a differentiable function of pictures, for white-box attacks.

        Args:
            pixels: ``(n, h·w)`` in [-1, 1].
            through: how the gradient passes a binarizer, where there is one.

        Raises:
            InputError: the encoder gives no gradient.
        """
        ...
