"""A face network as a TorchScript file that ``privkit audit --encoder`` opens."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from privkit.models.face_net import FaceNet

__all__ = ["save_face_encoder"]


class _FaceEncoder(nn.Module):
    """Pictures ``(n, 1, h, w)`` in [-1, 1] to what is stored of them, ``(n, width)``."""

    def __init__(self, network: FaceNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """The feature, or the ±1 code, whose sign has no gradient."""
        feature = torch.tanh(self.network.first(pictures.flatten(1)))
        if self.network.bottleneck is None:
            return feature
        code: Tensor = self.network.bottleneck.encode(feature).float() * 2 - 1
        return code

    def relaxed(self, pictures: Tensor) -> Tensor:
        """The same with each bit replaced by its mean: what an adversary differentiates."""
        return self.network.after_first(self.network.first(pictures.flatten(1)), "tanh")


def save_face_encoder(network: FaceNet, shape: tuple[int, int], path: Path) -> None:
    """Write the encoder of a network, with its differentiable form as ``relaxed``.

    Args:
        network: in inference mode.
        shape: ``(h, w)`` of a picture.
        path: the file to write.
    """
    encoder = _FaceEncoder(network).cpu().eval()
    example = torch.zeros(2, 1, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript is old: it is what holds no Python
        traced: Any = torch.jit.trace_module(  # type: ignore[no-untyped-call]
            encoder, {"forward": example, "relaxed": example}
        )
        torch.jit.save(traced, str(path))
