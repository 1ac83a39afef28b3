"""MI-FACE: gradient descent in pixels until the network computes the stored feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.descent import Descent, descend
from attacks.feature_cost import defended, device_of, feature_cost
from attacks.needs import Need
from privkit.models.encoder import Through
from privkit.models.face_net import FaceNet

__all__ = ["MIFace", "Restarts", "Start"]

Start = Literal["black", "mean", "mixture"]

#: A mixture is of all auxiliary photos, but most of its weight lies on about so many of them.
_MIXED = 5


@dataclass(frozen=True)
class MIFace(Attack):
    """Model inversion by gradient descent (Fredrikson, Jha and Ristenpart, CCS 2015, Algorithm 1).

    The cost of a picture x is the mean squared difference between the stored feature and the one
    that the network computes for x; a rounded value is matched by every feature that rounds to it
    (:func:`attacks.feature_cost.feature_cost`). Algorithm 1 descends a confidence; an adversary
    who holds the store descends the feature, as Huang et al. (ECCV 2022, section 5) do. Each
    target stops by its own rule and its best picture is returned.

    Attributes:
        start: ``"black"`` as in the paper, the ``"mean"`` of other people's photos, or a random
            ``"mixture"`` of them for each target.
        through: how the gradient passes a binarizer. On generated faces at 16 bits, from the mean
            face, the tanh is stronger than straight-through: 31% (21-44) against 16% (9-29) of
            people recognised (``reports/mi_face_settings``); at 128 bits they do not differ.
        step: λ, the step along the gradient, chosen in the same table. The paper's 0.1 belongs
            to another cost.
        max_iterations: α; the paper allows 5000.
        patience: β, stop after so many steps without a lower cost.
        threshold: γ, stop at this cost.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"face network", "gradient"})

    start: Start = "black"
    through: Through = "tanh"
    step: float = 300.0
    max_iterations: int = 2000
    patience: int = 100
    threshold: float = 0.0

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Invert all stored features together; draws the mixtures alone."""
        pictures: NDArray[np.float32] = self.descend(stored, adversary, rng).best.cpu().numpy()
        return pictures

    def descend(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> Descent:
        """Invert all stored features together: pictures with their costs."""
        network = cast(FaceNet, adversary.network)
        device = device_of(network)
        cost_of = feature_cost(stored, adversary, device)

        def cost(activation: Tensor, rows: Tensor) -> Tensor:
            computed = network.after_first(activation, self.through)
            return cost_of(defended(computed, adversary, self.through), rows)

        start = _STARTS[self.start](adversary.auxiliary.pixels, len(stored), rng)
        return descend(
            cost,
            torch.from_numpy(start).to(device),
            network.first.weight.detach(),
            network.first.bias.detach(),
            step=self.step,
            max_iterations=self.max_iterations,
            patience=self.patience,
            threshold=self.threshold,
        )


@dataclass(frozen=True)
class Restarts(Attack):
    """MI-FACE from several starts; of each target the picture of lowest cost is kept.

    The cost has many minima, and which one a descent finds depends on where it starts.

    Attributes:
        starts: one descent each.
        attack: what is repeated; its own start is not used.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = MIFace.needs

    starts: tuple[Start, ...] = ("black", "mean", "mixture", "mixture")
    attack: MIFace = field(default_factory=lambda: MIFace(step=100.0, max_iterations=500))

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Invert all stored features from every start; draws the mixtures alone."""
        pictures: NDArray[np.float32] = self.descend(stored, adversary, rng).best.cpu().numpy()
        return pictures

    def descend(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> Descent:
        """The best of all starts; the first among equals. Iterations are added up."""
        once, *others = (
            replace(self.attack, start=start).descend(stored, adversary, rng)
            for start in self.starts
        )
        best, cost, iterations = once.best, once.cost, once.iterations
        for other in others:
            lower = other.cost < cost
            best = torch.where(lower[:, None], other.best, best)
            cost = torch.where(lower, other.cost, cost)
            iterations = iterations + other.iterations
        return Descent(best, cost, iterations)


def _black(pixels: NDArray[np.float32], n: int, _rng: np.random.Generator) -> NDArray[np.float32]:
    return np.full((n, pixels.shape[1]), -1, dtype=np.float32)


def _mean(pixels: NDArray[np.float32], n: int, _rng: np.random.Generator) -> NDArray[np.float32]:
    return np.tile(pixels.mean(0), (n, 1))


def _mixture(pixels: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    weights = rng.dirichlet(np.full(len(pixels), min(1.0, _MIXED / len(pixels))), size=n)
    return weights.astype(np.float32) @ pixels


_STARTS: Mapping[
    Start,
    Callable[[NDArray[np.float32], int, np.random.Generator], NDArray[np.float32]],
] = {"black": _black, "mean": _mean, "mixture": _mixture}
