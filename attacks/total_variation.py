"""Invert a feature by gradient descent in pixels, with a prior of natural pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.feature_cost import device_of, feature_cost, relaxed_store
from attacks.needs import Need
from privkit.models.encoder import Through

__all__ = ["TotalVariation", "total_variation"]

#: So many targets are inverted together: pictures and optimiser's state fit into a CPU's cache.
_TOGETHER = 16


@dataclass(frozen=True)
class TotalVariation(Attack):
    """Total variation and α-norm as priors (Mahendran and Vedaldi, CVPR 2015, equation 2).

    A picture x minimises::

        cost(x) / cost(mean face) + λ_TV · TV_β(x - m) + λ_α · mean |x - m|^α

    m is the mean of other people's photos. The paper subtracts the mean picture of its data set as
    well, takes α = 6 and β = 2, and scales the feature's cost so that it is about 1 to begin with.
    The cost allows for the defense: see :func:`attacks.feature_cost.feature_cost`.

    It works through any differentiable encoder. The descent is Adam's (Kingma and Ba 2015) instead
    of the paper's plain momentum: encoders differ in scale by orders of magnitude.

    Attributes:
        through: how the gradient passes a binarizer.
        variation: λ_TV.
        norm: λ_α.
        alpha: α.
        beta: β.
        step: Adam's, in units of the pixels' range [-1, 1].
        iterations: steps.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"gradient"})

    through: Through = "tanh"
    variation: float = 1.0
    norm: float = 0.01
    alpha: float = 6.0
    beta: float = 2.0
    step: float = 0.02
    iterations: int = 60

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Invert all stored features together; draws nothing."""
        device = device_of(adversary.encoder())
        mean = torch.from_numpy(adversary.auxiliary.pixels.mean(0)).to(device)
        pictures = np.empty((len(stored), len(mean)), dtype=np.float32)
        for first in range(0, len(stored), _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            pictures[rows] = self._invert(stored[rows], adversary, mean).cpu().numpy()
        return pictures

    def _invert(self, stored: NDArray[np.float32], adversary: Adversary, mean: Tensor) -> Tensor:
        store = relaxed_store(adversary, self.through)
        cost_of = feature_cost(stored, adversary, mean.device)
        every = torch.arange(len(stored), device=mean.device)
        with torch.no_grad():
            scale = cost_of(store(mean[None]).expand(len(stored), -1), every)
            scale = scale.clamp_min(torch.finfo(scale.dtype).tiny)
        change = torch.zeros(len(stored), len(mean), device=mean.device, requires_grad=True)
        optimizer = torch.optim.Adam([change], lr=self.step)
        for _ in range(self.iterations):
            optimizer.zero_grad(set_to_none=True)
            cost = cost_of(store(mean + change), every) / scale
            cost = cost + self._prior(change, adversary.shape)
            (change.grad,) = torch.autograd.grad(cost.sum(), change)
            optimizer.step()
            with torch.no_grad():  # the picture stays in the box
                change.copy_((mean + change).clamp_(-1, 1) - mean)
        return (mean + change.detach()).clamp(-1, 1)

    def _prior(self, change: Tensor, shape: tuple[int, int]) -> Tensor:
        return self.variation * total_variation(
            change.reshape(-1, *shape), self.beta
        ) + self.norm * change.abs().pow(self.alpha).mean(1)


def total_variation(images: Tensor, beta: float) -> Tensor:
    """The mean of ((right - here)² + (below - here)²)^(β/2) over each picture's pixels, ``(n,)``.

    Args:
        images: ``(n, h, w)``.
        beta: 1 is the isotropic total variation, 2 the mean squared gradient, which prefers smooth
            slopes to edges.
    """
    here = images[:, :-1, :-1]
    squared = (images[:, :-1, 1:] - here) ** 2 + (images[:, 1:, :-1] - here) ** 2
    if beta != 2:
        # The root has no gradient at 0.
        squared = (squared + torch.finfo(images.dtype).eps) ** (beta / 2)
    return squared.mean((1, 2))
