"""A learned deconvolution network from stored features to pictures."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from attacks.adversary import Adversary, Photos
from attacks.base import Attack, Makes
from attacks.needs import Need
from attacks.public_pairs import pairs
from privkit.models.random_draws import seeded
from privkit.models.training import fit

__all__ = ["Decoder", "UpConvolutions"]

Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]

_BATCH = 64
_LEARNING_RATE = 2e-3
#: One auxiliary person in so many is held out to stop the training by ...
_HELD_OUT = 5
#: ... and is looked at every so many steps; so many looks without a lower error end it.
_LOOK_EVERY = 20
_PATIENCE = 4


@dataclass(frozen=True)
class Decoder(Attack):
    """Invert features with an up-convolutional network (Dosovitskiy and Brox, CVPR 2016).

    The adversary pushes public photos of other people, and variants of them, through the encoder
    and trains a network to give the pictures back, by their squared error. Training stops when the
    error on people held out stops falling, and the best network is kept. It is much smaller than
    the paper's: a few hundred photos train it, in seconds, on a CPU.

    Attributes:
        variants: of each photo, where the adversary has the encoder.
        steps: of training, at most.
    """

    makes: ClassVar[Makes] = "pictures"
    needs: ClassVar[frozenset[Need]] = frozenset({"pairs"})

    variants: int = 4
    steps: int = 300

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Train a network, and decode; draws variants, batches and first weights."""
        public = adversary.auxiliary
        people = np.unique(public.person)
        held_out = np.isin(public.person, rng.permutation(people)[: len(people) // _HELD_OUT])
        learned = pairs(adversary, public.take(~held_out), self.variants, rng)
        probes = public.take(held_out)
        center, spread = learned[1].mean(0), learned[1].std(0) + np.float32(1e-6)
        with seeded(int(rng.integers(2**63))):
            network = UpConvolutions(stored.shape[1], adversary.shape, learned[0].mean(0))
        known = (learned[0], (learned[1] - center) / spread)
        self._train(network, known, self._probes(probes, adversary, center, spread), rng)
        with torch.no_grad():
            decoded = network(torch.from_numpy((stored - center) / spread))
        pictures: NDArray[np.float32] = decoded.clamp(-1, 1).numpy()
        return pictures

    def _probes(
        self,
        photos: Photos,
        adversary: Adversary,
        center: NDArray[np.float32],
        spread: NDArray[np.float32],
    ) -> Arrays | None:
        if not len(photos):
            return None
        return photos.pixels, (adversary.store_of(photos) - center) / spread

    def _train(
        self,
        network: UpConvolutions,
        known: Arrays,
        probes: Arrays | None,
        rng: np.random.Generator,
    ) -> None:
        """Train until the probes' error stops falling, and leave the best weights."""
        pixels, features = (torch.from_numpy(a) for a in known)
        batches = [
            torch.from_numpy(rng.integers(len(pixels), size=min(_BATCH, len(pixels))))
            for _ in range(self.steps)
        ]
        best, best_error, since = deepcopy(network.state_dict()), math.inf, 0

        def loss_of(model: nn.Module, rows: Tensor) -> Tensor:
            return mse_loss(model(features[rows]), pixels[rows])

        def look(step: int, _loss: float) -> bool:
            nonlocal best, best_error, since
            if probes is None or step % _LOOK_EVERY:
                return True
            with torch.no_grad():
                error = mse_loss(network(torch.from_numpy(probes[1])), torch.from_numpy(probes[0]))
            since += 1
            if error.item() < best_error:
                best, best_error, since = deepcopy(network.state_dict()), error.item(), 0
            return since < _PATIENCE

        optimizer = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
        fit(network, batches, loss_of, optimizer, after_step=look)
        if probes is not None and math.isfinite(best_error):
            network.load_state_dict(best)


class UpConvolutions(nn.Module):
    """From a feature to the difference of a picture from the mean face.

    ::

        feature (n, width) ─► linear ─► (n, 32, h/16, w/16) ─► 3 × [up-convolution ×2 ─► leaky ReLU]
          ─► (n, 8, h/2, w/2) ─► convolution ─► bilinear to (h, w) ─► + mean face ─► (n, h·w)

    Args:
        width: numbers stored of a face.
        shape: ``(h, w)``.
        mean: ``(h·w,)``, the mean face.
    """

    mean: Tensor

    def __init__(self, width: int, shape: tuple[int, int], mean: NDArray[np.float32]) -> None:
        super().__init__()
        channels = (32, 24, 16, 8)
        self.shape = shape
        self.grid = (channels[0], *(math.ceil(side / 16) for side in shape))
        self.first = nn.Linear(width, math.prod(self.grid))
        self.ups = nn.Sequential(
            *(
                layer
                for a, b in pairwise(channels)
                for layer in (nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
            )
        )
        self.last = nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.register_buffer("mean", torch.from_numpy(mean.copy()))

    def forward(self, features: Tensor) -> Tensor:
        """Pictures ``(n, h·w)`` of features ``(n, width)``; not confined to [-1, 1]."""
        small = self.last(self.ups(self.first(features).reshape(-1, *self.grid)))
        full = interpolate(small, size=self.shape, mode="bilinear", align_corners=False)
        pictures: Tensor = self.mean + full.flatten(1)
        return pictures
