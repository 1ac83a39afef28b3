"""Shadow networks: what a feature says of membership, seen on networks of the adversary's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net

__all__ = [
    "STATISTICS",
    "Shadows",
    "Statistic",
    "Train",
    "like",
    "margin",
    "saturation",
    "top_margin",
    "train_shadows",
]

Pixels = NDArray[np.float32]
Stored = NDArray[np.float32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Trains a network on photos ``(n, h·w)`` of the people ``(n,)`` from a seed.
Train = Callable[[Pixels, Ints, int], FaceNet]
#: Reads one number off each stored feature ``(n, width)``; labels are outputs of the network.
Statistic = Callable[[FaceNet, Stored, Ints], Floats]


def margin(network: FaceNet, stored: Stored, label: Ints) -> Floats:
    """How much the network's last layer prefers the person: log p/(1 - p) of its probability.

    The statistic of Carlini et al. (2022, section IV-C), and with one threshold for all photos the
    loss of Yeom et al. (2018): the two rise and fall together.
    """
    logits = _logits(network, stored)
    own = logits[np.arange(len(label)), label]
    logits[np.arange(len(label)), label] = -np.inf
    others: Floats = np.logaddexp.reduce(logits, axis=1)
    return own - others


def top_margin(network: FaceNet, stored: Stored, label: Ints) -> Floats:  # noqa: ARG001
    """The same for the person whom the network prefers: needs no name."""
    return margin(network, stored, _logits(network, stored).argmax(1))


def saturation(network: FaceNet, stored: Stored, label: Ints) -> Floats:  # noqa: ARG001
    """How far a feature is from 0 on the mean: needs neither a name nor the network.

    Training drives tanh towards ±1 on the photos that it sees. Codes of ±1 say nothing here.
    """
    mean: Floats = np.abs(stored).mean(1, dtype=np.float64)
    return mean


STATISTICS: Mapping[str, Statistic] = {
    "loss": margin,
    "confidence": top_margin,
    "saturation": saturation,
}


@dataclass(frozen=True, eq=False)
class Shadows:
    """What some networks, of which it is known what they were trained on, say of ``n`` photos.

    Attributes:
        networks: ``S`` of them.
        inside: ``(S, n)``, whether a network was trained on a photo; each photo in half of them.
        stored: ``(S, n, width)``, what each network's store would hold.
        label: ``(n,)``, output of the networks that is the photo's person.
    """

    networks: Sequence[FaceNet]
    inside: NDArray[np.bool_]
    stored: NDArray[np.float32]
    label: Ints

    def statistic(self, of: Statistic) -> Floats:
        """A statistic of every photo by every network, ``(S, n)``."""
        pairs = zip(self.networks, self.stored, strict=True)
        return np.stack([of(network, stored, self.label) for network, stored in pairs])


def like(network: FaceNet) -> Train:
    """Train a network as the one attacked was trained: same size, same recipe."""
    bits = None if network.bottleneck is None else network.bottleneck.bits

    def train(pixels: Pixels, label: Ints, seed: int) -> FaceNet:
        trained, _ = train_face_net(
            pixels,
            label,
            people=network.last.out_features,
            bits=bits,
            seed=seed,
            data_sha256="",
            cache=None,
        )
        return trained

    return train


def train_shadows(
    pixels: Pixels,
    label: Ints,
    store: Callable[[Stored], Stored],
    train: Train,
    *,
    count: int,
    seed: int,
) -> Shadows:
    """Train pairs of networks on one random half of the photos and on the other.

    A person's photos are halved alike (one more or fewer where they are odd), so that every network
    knows everybody with two photos.

    Args:
        pixels: ``(n, h·w)`` in [-1, 1].
        label: ``(n,)``, outputs of the networks.
        store: what is done to a network's feature before it is stored.
        train: trains one network.
        count: an even number of networks, 4 at least.
        seed: of the halves and of the training.

    Raises:
        InputError: an odd number of networks, or fewer than 4.
    """
    if count < 4 or count % 2:
        raise InputError(
            "shadow networks come in pairs, and one pair is kept to find the threshold on",
            where="shadows",
            rule="an even number, 4 at least",
            found=count,
        )
    rng = np.random.default_rng([seed, 0])
    inside = np.empty((count, len(label)), dtype=np.bool_)
    for pair in range(0, count, 2):
        inside[pair] = _half(label, rng)
        inside[pair + 1] = ~inside[pair]
    networks = [
        train(pixels[own], label[own], int(np.random.SeedSequence([seed, n]).generate_state(1)[0]))
        for n, own in enumerate(inside, start=1)
    ]
    stored = np.stack([store(network.store(pixels)) for network in networks])
    return Shadows(networks, inside, stored, label)


def _half(label: Ints, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Every other photo of a random order that keeps each person's together."""
    order = rng.permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    half = np.empty(len(label), dtype=np.bool_)
    half[order] = np.arange(len(label)) % 2 == 0
    return half


def _logits(network: FaceNet, stored: Stored) -> Floats:
    """What the network's last layer makes of stored features, ``(n, people)``."""
    with torch.no_grad():
        features = torch.from_numpy(np.ascontiguousarray(stored, dtype=np.float32))
        logits = network.name(features.to(network.first.weight.device))
    return logits.cpu().numpy().astype(np.float64)
