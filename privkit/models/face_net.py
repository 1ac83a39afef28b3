"""The two-layer face network that the paper inverts (ECCV 2022, section 5, Figure 5)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privkit.models.encoder import Through
from privkit.models.featcomp import FeatComp

__all__ = ["FEATURES", "FaceNet"]

#: The feature has 40 floats of 32 bits: 1,280 bits.
FEATURES = 40


class FaceNet(nn.Module):
    """Recognise one of ``people`` faces through a feature of 40 floats, or N bits of it.

    ::

        pixels (n, h·w) in [-1, 1]
          ─► first: linear ─► tanh ─► feature (n, 40) ─► last: linear ─► logits (n, people)
                                         └─► [FeatComp-N] ─┘

    What is stored of a face is the feature (40 floats, 1,280 bits), or the ±1 code of FeatComp-N.

    Args:
        pixels: number of pixels of a face.
        people: number of people to tell apart.
        bits: width of the FeatComp bottleneck; ``None`` for none.
    """

    def __init__(self, pixels: int, people: int, bits: int | None = None) -> None:
        super().__init__()
        self.first = nn.Linear(pixels, FEATURES)
        self.bottleneck = FeatComp(FEATURES, bits) if bits is not None else None
        self.last = nn.Linear(FEATURES, people)

    @property
    def stored_width(self) -> int:
        """Numbers stored of a face: 40 floats, or N bits."""
        return FEATURES if self.bottleneck is None else self.bottleneck.bits

    @property
    def differentiable(self) -> bool:
        """``True``: :meth:`relaxed` gives a gradient."""
        return True

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, people)`` of pixels ``(n, h·w)``."""
        feature = torch.tanh(self.first(x))
        if self.bottleneck is not None:
            feature = self.bottleneck(feature)
        logits: Tensor = self.last(feature)
        return logits

    def after_first(self, activation: Tensor, through: Through = "tanh") -> Tensor:
        """What is stored, as a differentiable function of the first layer's output ``(n, 40)``.

        An adversary who knows the network works with this. Without a bottleneck it is the feature
        itself; with one it is the code, passed as ``through`` says.
        """
        feature = torch.tanh(activation)
        if self.bottleneck is None:
            return feature
        if through == "tanh":
            return self.bottleneck.soft(feature)
        return self.bottleneck.signs(feature)

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:
        """What is stored, as a differentiable function of pictures ``(n, h·w)`` in [-1, 1]."""
        return self.after_first(self.first(pixels), through)

    def name(self, stored: Tensor) -> Tensor:
        """Logits ``(n, people)`` of what is stored: ``(n, 40)`` floats or ``(n, N)`` of ±1."""
        feature = stored if self.bottleneck is None else self.bottleneck.decode(stored)
        logits: Tensor = self.last(feature)
        return logits

    @torch.no_grad()
    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is stored of each face, before any further defense.

        Args:
            pixels: ``(n, h·w)`` in [-1, 1].

        Returns:
            ``(n, 40)`` floats in (-1, 1), or ``(n, N)`` of ±1.
        """
        x = torch.from_numpy(pixels).to(self.first.weight.device)
        feature = torch.tanh(self.first(x))
        if self.bottleneck is None:
            stored = feature
        else:
            stored = self.bottleneck.encode(feature).float() * 2 - 1
        out: NDArray[np.float32] = stored.cpu().numpy()
        return out
