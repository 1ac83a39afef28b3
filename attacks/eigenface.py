"""Search for the picture behind a feature among those that faces span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.face_space import FaceSpace, eigenfaces, with_own_directions
from attacks.feature_cost import device_of, feature_cost, relaxed_store
from attacks.held_out import hold_out
from attacks.needs import Need, lacking

__all__ = ["Eigenface", "OwnDirections", "map_estimate", "regression"]

#: Pictures are drawn and stored so many at a time, for the sake of memory.
_TOGETHER = 1000

#: Adam's step and number of steps, in units of a coordinate's deviation: enough to settle from the
#: answer of the regression.
_STEP = 0.1
_STEPS = 60

#: Ridge penalty a sample, relative to the mean variance of a stored number.
_PENALTY = 1e-3

#: Where nobody can be held out.
_USUAL_GAIN = 2.0


@dataclass(frozen=True)
class Eigenface(Attack):
    """Search the space of other people's eigenfaces (Turk and Pentland 1991).

    A picture is the mean face plus coordinates along the principal components of auxiliary photos,
    which are Gaussian beforehand. Two ways lead from a feature to coordinates:

    - As a black box: pictures are drawn from the prior and stored, and a ridge regression learns
      to tell the coordinates from what is stored. It is the linear estimate of least squared error
      under that prior, and needs nothing but queries, so it adapts to every defense by itself.
    - With a gradient: from there the posterior of the coordinates is climbed (maximum a posteriori,
      as in Tarantola 2005, section 3.2), which undoes the encoder's curvature.

    Estimates shrink towards the mean face. The difference from it is exaggerated (as caricatures
    do; Benson and Perrett 1991), by a gain that the adversary chooses, like the way and the weight
    of the prior, so that most people are recognised among auxiliary people held out.

    Attributes:
        components: eigenfaces, at most.
        samples: pictures drawn from the prior.
        weights: candidates for the weight of the prior in the posterior; the regression alone is a
            candidate besides.
        gains: candidates for the gain.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"encoder"})

    components: int = 100
    samples: int = 6000
    weights: tuple[float, ...] = (0.003, 0.1)
    gains: tuple[float, ...] = (1.0, 2.0, 4.0)

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Find each picture; draws from the prior, and who is held out."""
        climbs = lacking(frozenset({"gradient"}), stored, adversary) is None
        weights: tuple[float | None, ...] = (None, *self.weights) if climbs else (None,)
        weight, gain = self._chosen(weights, adversary, rng)
        space = self._space(adversary, adversary.auxiliary.pixels, rng)
        z = _coordinates(stored, adversary, space, [weight], self.samples, rng)[weight]
        return space.pictures(z, gain=gain)

    def _space(
        self, adversary: Adversary, pixels: NDArray[np.float32], rng: np.random.Generator
    ) -> FaceSpace:
        return eigenfaces(pixels, self.components)

    def _chosen(
        self, weights: Sequence[float | None], adversary: Adversary, rng: np.random.Generator
    ) -> tuple[float | None, float]:
        """The weight and the gain by which most people held out are recognised."""
        choices = list(product(weights, self.gains))
        if len(choices) == 1:
            return choices[0]
        held_out = hold_out(adversary.auxiliary, rng)
        if held_out is None:
            return weights[-1], _USUAL_GAIN
        space = self._space(adversary, held_out.learn.pixels, rng)
        stored = adversary.store_of(held_out.probe)
        found = _coordinates(stored, adversary, space, weights, self.samples, rng)
        return held_out.best(
            choices,
            lambda choice: space.pictures(found[choice[0]], gain=choice[1]),
        )


@dataclass(frozen=True)
class OwnDirections(Eigenface):
    """Eigenfaces, and the directions that the encoder itself looks at (white box).

    Photos of other people do not span what tells the targets apart, but the encoder's gradients do:
    it was trained on it. See :func:`attacks.face_space.with_own_directions` (Tipping and Bishop
    1999 for the prior); the search is the regression of :class:`Eigenface`.

    On generated faces spread and gain were chosen among 1, 1000, 10⁴, 10⁵ and 1, 2, 4, 8. They are
    not chosen on people held out: the network may have been trained on those, which makes them
    easier than the targets.

    Attributes:
        spread: variance along the encoder's directions, in units of what the eigenfaces leave.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"encoder", "gradient"})

    weights: tuple[float, ...] = ()
    gains: tuple[float, ...] = (2.0,)
    spread: float = 1e4

    def _space(
        self, adversary: Adversary, pixels: NDArray[np.float32], rng: np.random.Generator
    ) -> FaceSpace:
        return with_own_directions(adversary, pixels, self.components, self.spread, rng)


def _coordinates(
    stored: NDArray[np.float32],
    adversary: Adversary,
    space: FaceSpace,
    weights: Sequence[float | None],
    samples: int,
    rng: np.random.Generator,
) -> dict[float | None, NDArray[np.float32]]:
    """By weight the coordinates of each target; ``None`` is the regression alone."""
    start = regression(stored, adversary, space, samples, rng)
    return {
        w: start if w is None else map_estimate(stored, adversary, space, start, w) for w in weights
    }


def regression(
    stored: NDArray[np.float32],
    adversary: Adversary,
    space: FaceSpace,
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """The best linear estimate of coordinates from what is stored, by queries alone.

    Args:
        stored: ``(n, width)``.
        adversary: with an encoder.
        space: of pictures.
        samples: pictures drawn and stored.
        rng: draws them.

    Returns:
        ``(n, dimensions)``.
    """
    from sklearn.linear_model import Ridge

    z = rng.standard_normal((samples, len(space.basis)), dtype=np.float32)
    known = np.concatenate(
        [
            adversary.store(space.pictures(z[first : first + _TOGETHER]))
            for first in range(0, samples, _TOGETHER)
        ]
    )
    # Where all is stored alike there is nothing to learn, with any penalty.
    penalty = _PENALTY * samples * float(known.var(0).mean()) or 1.0
    found: NDArray[np.float32] = Ridge(alpha=penalty).fit(known, z).predict(stored)
    return found.astype(np.float32)


def map_estimate(
    stored: NDArray[np.float32],
    adversary: Adversary,
    space: FaceSpace,
    start: NDArray[np.float32],
    weight: float,
) -> NDArray[np.float32]:
    """Coordinates that minimise the squared distance from the cells stored, and weight · |z|².

    Args:
        stored: ``(n, width)``.
        adversary: with a differentiable encoder.
        space: of pictures.
        start: ``(n, dimensions)``.
        weight: of the prior.

    Returns:
        ``(n, dimensions)``.
    """
    device = device_of(adversary.encoder())
    store = relaxed_store(adversary, "tanh")
    cost_of = feature_cost(stored, adversary, device)
    mean, basis = (torch.from_numpy(a).to(device) for a in (space.mean, space.basis))
    every = torch.arange(len(stored), device=device)
    z = torch.from_numpy(start).to(device).clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=_STEP)
    for _ in range(_STEPS):
        misfit = stored.shape[1] * cost_of(store(mean + z @ basis), every)
        (z.grad,) = torch.autograd.grad((misfit + weight * (z**2).sum(1)).sum(), z)
        optimizer.step()
    found: NDArray[np.float32] = z.detach().cpu().numpy()
    return found
