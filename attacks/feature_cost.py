"""How far the feature of a picture is from what the store holds: the cost, fit to each defense."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.adversary import Adversary
from privkit.models.encoder import Encoder, Through

__all__ = ["defended", "device_of", "feature_cost", "relaxed_store"]


def device_of(network: Encoder) -> torch.device:
    """Where the weights of an encoder lie; the CPU where it shows none."""
    if isinstance(network, nn.Module):
        for parameter in network.parameters():
            return parameter.device
    return torch.device("cpu")


def defended(feature: Tensor, adversary: Adversary, through: Through) -> Tensor:
    """What is stored of features ``(n, width)``, as a differentiable function of them.

    A defense that says how it is differentiated is passed that way. Any other is left out: what a
    rounded value stands for is up to :func:`feature_cost`.
    """
    relaxed = getattr(adversary.defense, "relaxed", None)
    if relaxed is None:
        return feature
    stored: Tensor = relaxed(feature, through)
    return stored


def relaxed_store(adversary: Adversary, through: Through) -> Callable[[Tensor], Tensor]:
    """What the store would hold of pictures ``(n, h·w)``, as a differentiable function of them."""
    network = adversary.encoder()
    return lambda pixels: defended(network.relaxed(pixels, through), adversary, through)


def feature_cost(
    stored: NDArray[np.float32], adversary: Adversary, device: torch.device
) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean squared distance of a computed feature from the cell that is stored.

    A rounded or quantized value stands for an interval of features
    (:meth:`privkit.models.defenses.Defense.cell`). Any feature inside it would have been stored as
    the same value, so it costs nothing; outside, the distance from the nearer end counts. Any
    other stored value is a cell of one point: the cost is the mean squared difference.

    Args:
        stored: ``(n, width)``.
        adversary: knows the defense.
        device: where the cost is computed.

    Returns:
        A function of the computed features ``(m, width)`` and their rows in ``stored``, ``(m,)``,
        to one cost a row, ``(m,)``.
    """
    cell = None if adversary.defense is None else adversary.defense.cell(stored)
    low, high = (torch.from_numpy(end).to(device) for end in cell or (stored, stored))

    def cost(computed: Tensor, rows: Tensor) -> Tensor:
        # At most one of the two differences is above 0.
        outside = torch.relu(low[rows] - computed) + torch.relu(computed - high[rows])
        return (outside**2).mean(1)

    return cost
