"""Train a face network by DP-SGD (Abadi et al. 2016), with opacus."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from privkit.errors import InputError
from privkit.models.face_net import FaceNet
from privkit.models.random_draws import seeded

if TYPE_CHECKING:
    from privkit.models.defenses import PrivateTraining

__all__ = ["PrivatelyTrained", "train_private_face_net"]

_EPOCHS = 10
#: Mean share of the photos in a batch; each is drawn on its own (Poisson sampling), as the
#: accountant assumes.
_BATCH_SHARE = 0.25
#: Largest norm of the gradient of one photo. Pixels are many: without clipping it is about 10.
_CLIP_NORM = 1.0
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class PrivatelyTrained:
    """A network with what its training promises.

    Attributes:
        network: in inference mode, with weights that need no gradient.
        epsilon: spent, at most the target.
        delta: as asked for.
        noise_multiplier: deviation of the noise over the clipping norm.
        steps: taken.
    """

    network: FaceNet
    epsilon: float
    delta: float
    noise_multiplier: float
    steps: int


def train_private_face_net(
    pixels: NDArray[np.float32],
    person: NDArray[np.int64],
    *,
    people: int,
    privacy: PrivateTraining,
    seed: int,
) -> PrivatelyTrained:
    """A network of 40 floats whose weights are (ε, δ)-differentially private for one photo.

    The noise is solved for the target ε with opacus' accountant. Nothing is required of the
    network's accuracy: few photos and a small ε leave little of it. The draws come from ``seed``,
    so that a result can be made again; whoever knows the seed can take the noise off, and a network
    that is to be published has to be trained with a secret one.

    Args:
        pixels: ``(n, h·w)`` in [-1, 1], the training photos.
        person: ``(n,)`` in ``0 … people - 1``.
        people: number of people.
        privacy: ε and δ.
        seed: of initial weights, batches and noise.

    Raises:
        InputError: opacus is not installed, or δ is not below one over the number of photos.
    """
    try:
        from opacus import PrivacyEngine
    except ImportError:
        raise InputError(
            "DP-SGD needs opacus",
            where="PrivateTraining",
            remedy="pip install 'privkit[dp]'",
        ) from None
    n = len(pixels)
    if privacy.delta * n >= 1:
        raise InputError(
            "delta is too large to promise anything",
            where="PrivateTraining",
            rule=f"below one over the number of training photos, {1 / n:.3g}",
            found=privacy.delta,
        )
    with seeded(seed), warnings.catch_warnings():
        # Said in the docstring: the draws are reproducible, hence not for publication. The other
        # warnings are about hooks of the input layer, whose input needs no gradient.
        warnings.simplefilter("ignore")
        network = FaceNet(pixels.shape[1], people)
        photos = torch.utils.data.TensorDataset(torch.from_numpy(pixels), torch.from_numpy(person))
        loader = torch.utils.data.DataLoader(
            photos,
            batch_size=max(1, round(_BATCH_SHARE * n)),
            generator=torch.Generator().manual_seed(seed),
        )
        engine = PrivacyEngine()
        model, optimizer, batches = engine.make_private_with_epsilon(
            module=network.train(),
            optimizer=torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE),
            data_loader=loader,
            target_epsilon=privacy.epsilon,
            target_delta=privacy.delta,
            epochs=_EPOCHS,
            max_grad_norm=_CLIP_NORM,
            noise_generator=torch.Generator().manual_seed(seed + 1),
        )
        steps = 0
        for _ in range(_EPOCHS):
            for x, y in batches:
                optimizer.zero_grad()
                _backward(model, x, y)
                optimizer.step()
                steps += 1
        spent = float(engine.get_epsilon(privacy.delta))
        trained = FaceNet(pixels.shape[1], people)
        trained.load_state_dict(network.state_dict())  # without opacus' hooks
    return PrivatelyTrained(
        trained.eval().requires_grad_(False),
        spent,
        privacy.delta,
        float(optimizer.noise_multiplier),
        steps,
    )


def _backward(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    """The gradient of each photo; a batch may be empty, and then its step is noise alone."""
    loss = cross_entropy(model(x), y) if len(x) else model(x).sum()
    loss.backward()
