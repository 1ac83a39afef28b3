"""Train a face network to what the paper demands of it, or take it from the cache."""

from __future__ import annotations

import hashlib
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from privkit.errors import InputError
from privkit.models.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint
from privkit.models.face_net import FaceNet
from privkit.models.random_draws import seeded
from privkit.models.training import TrainingError, fit

__all__ = ["REQUIRED_ACCURACY", "train_face_net", "training_accuracy"]

#: The paper trains every network to at least this share of its training photos.
REQUIRED_ACCURACY = 0.975
_LEARNING_RATE = 1e-3
_STEPS = 600  # full-batch steps at first; then blocks of the same length until it is good enough
_MAX_BLOCKS = 6


def training_accuracy(
    net: FaceNet, pixels: NDArray[np.float32], person: NDArray[np.int64]
) -> float:
    """Share of photos that the network names right, in inference mode."""
    net.eval()
    device = net.first.weight.device
    with torch.no_grad():
        named = net(torch.from_numpy(pixels).to(device)).argmax(1).cpu().numpy()
    return float((named == person).mean())


def train_face_net(
    pixels: NDArray[np.float32],
    person: NDArray[np.int64],
    *,
    people: int,
    bits: int | None,
    seed: int,
    data_sha256: str,
    cache: Path | None,
    device: str = "cpu",
) -> tuple[FaceNet, float]:
    """A network trained to at least 97.5% on its training photos (the paper's rule).

    Args:
        pixels: ``(n, h·w)`` in [-1, 1], the training photos.
        person: ``(n,)`` in ``0 … people - 1``.
        people: number of people.
        bits: width of the bottleneck, or ``None``.
        seed: initial weights and the binarizer's draws.
        data_sha256: hash of the data set that the photos come from.
        cache: folder of trained networks; ``None`` to train anew and keep nothing.
        device: ``"cpu"`` or ``"cuda"``.

    Returns:
        The network in inference mode, and its accuracy on the training photos.

    Raises:
        InputError: so few bits that the codes cannot tell the people apart.
        TrainingError: 97.5% was not reached.
    """
    _check_enough_codes(bits, people)
    configuration: dict[str, Any] = {
        "network": "FaceNet/1",
        "pixels": pixels.shape[1],
        "people": people,
        "bits": bits,
        "seed": seed,
        "photos": len(pixels),
        "data": data_sha256,
        "training": _photos_sha256(pixels, person),
        "learning rate": _LEARNING_RATE,
        "steps": _STEPS,
        "device": device,
        "torch": torch.__version__,
    }
    with seeded(seed, device):
        net = FaceNet(pixels.shape[1], people, bits).to(device)
        path = checkpoint_path(cache, configuration) if cache is not None else None
        kept = path is not None and load_checkpoint(path, net, configuration)
        if not kept or training_accuracy(net, pixels, person) < REQUIRED_ACCURACY:
            _train(net, pixels, person, device)
            if path is not None:
                save_checkpoint(path, net, configuration)
    return net.requires_grad_(False), training_accuracy(net, pixels, person)


def _train(
    net: FaceNet, pixels: NDArray[np.float32], person: NDArray[np.int64], device: str
) -> None:
    batch = (torch.from_numpy(pixels).to(device), torch.from_numpy(person).to(device))
    optimizer = torch.optim.Adam(net.parameters(), lr=_LEARNING_RATE, fused=True)

    def loss_of(model: nn.Module, photos: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(model(photos[0]), photos[1])

    for _ in range(_MAX_BLOCKS):
        fit(net, repeat(batch, _STEPS), loss_of, optimizer)
        reached = training_accuracy(net, pixels, person)
        if reached >= REQUIRED_ACCURACY:
            return
    raise TrainingError(
        f"the network with {net.stored_width} stored numbers names {reached:.1%} of its training "
        f"photos after {_MAX_BLOCKS * _STEPS} steps; rule: at least {REQUIRED_ACCURACY:.1%}, or "
        "its features are not worth attacking; remedy: more bits, or fewer people"
    )


def _check_enough_codes(bits: int | None, people: int) -> None:
    if bits is not None and bits < 63 and 2**bits < REQUIRED_ACCURACY * people:
        raise InputError(
            f"{bits} bits make {2**bits} codes, too few to tell {people} people apart",
            where="--bits",
            rule=f"the network must name {REQUIRED_ACCURACY:.1%} of its training photos",
            found=f"at most {2**bits / people:.1%}",
            remedy=f"at least {int(np.ceil(np.log2(REQUIRED_ACCURACY * people)))} bits",
        )


def _photos_sha256(pixels: NDArray[np.float32], person: NDArray[np.int64]) -> str:
    """The split is part of what a network was trained on."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(np.ascontiguousarray(person).tobytes())
    return digest.hexdigest()
