"""Membership by shadow networks: what the stored feature says to one who can train such a network.

Only where the encoder is privkit's own face network, whose recipe of training is known. The photos
asked about are those of the people whom the network was trained on: that it never saw somebody at
all is told by other means, and would be taken for membership of a photo.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attacks.membership import Suspects, membership_trials
from privkit.audit.findings import NotRun
from privkit.audit.material import Material
from privkit.audit.tasks import Task, Tried
from privkit.models.face_net import FaceNet

__all__ = ["shadow_lacks", "shadow_tasks"]

#: Networks trained, four on each photo and four not: about 40 s for 400 photos of 92 × 112.
_SHADOWS = 8
_SECONDS_A_VALUE = 1e-5
_FEWEST = 2


def shadow_lacks(material: Material) -> NotRun | None:
    """What the material lacks, where membership is known."""
    if not isinstance(material.encoder, FaceNet) or material.pictures is None:
        return NotRun(
            "likelihood ratio with shadow networks",
            "it needs to know how the network was trained",
            "the training itself: attacks.membership.membership_trials in Python",
            weakens=True,
        )
    rows = _rows(material)
    member = material.member[rows] if material.member is not None else np.zeros(0, bool)
    if member.sum() < _FEWEST or (~member).sum() < _FEWEST:
        return NotRun(
            "likelihood ratio with shadow networks",
            "the people in the training set have no photos that were left out of it",
            f"{_FEWEST} photos or more of people in the training set that it does not hold",
            weakens=True,
        )
    if _outputs(material.encoder, material, rows) is None:
        return NotRun(
            "likelihood ratio with shadow networks",
            "the network names several of the people alike",
            "the records of the people that it was trained on",
            weakens=True,
        )
    return None


def shadow_tasks(material: Material, seed: int, of: str) -> list[Task]:
    """The task, where nothing is lacking.

    Args:
        material: with membership.
        seed: of the shadow networks.
        of: what the attack is on, in words.
    """
    if shadow_lacks(material) is not None or material.pictures is None:
        return []
    seconds = _SHADOWS * _SECONDS_A_VALUE / 8 * material.pictures.pixels.size
    run = partial(_try_shadows, material, seed)
    return [Task(f"membership: shadow networks, seed {seed}", ("membership",), seconds, run, of=of)]


def _try_shadows(material: Material, seed: int) -> Tried:
    """Train shadow networks and ask them."""
    network, pictures, member = material.encoder, material.pictures, material.member
    assert isinstance(network, FaceNet)  # noqa: S101 - shadow_lacks has asked
    assert pictures is not None and member is not None  # noqa: S101, PT018 - as above
    rows = _rows(material)
    output = _outputs(network, material, rows)
    assert output is not None  # noqa: S101 - as above
    owner_of = np.full(network.last.out_features, -1, dtype=np.int64)
    owner_of[output] = material.owners[rows]
    photos = Suspects(pictures.pixels[rows], output, material.features[rows], member[rows])
    defense = material.defense
    found = membership_trials(
        network,
        photos,
        (lambda stored: stored) if defense is None else defense.apply,
        seed=seed,
        shadows=_SHADOWS,
    )
    note = (
        f"Attacks by name membership_… are on the {len(rows):,} photos of people whom the network "
        f"was trained on, with {_SHADOWS} shadow networks."
    )
    trials = [replace(t, person=owner_of[t.person]) for t in found]
    return Tried({"membership": trials}, {"membership": [note]})


def _rows(material: Material) -> NDArray[np.int64]:
    """The records of people of whom the network was trained on some."""
    if material.member is None:
        return np.arange(0)
    return np.flatnonzero(np.isin(material.owners, material.owners[material.member]))


def _outputs(
    network: FaceNet, material: Material, rows: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Which output of the network each record's person is: the one that it names most strongly.

    ``None`` where that is the same output for two people.
    """
    import torch

    assert material.pictures is not None  # noqa: S101 - shadow_lacks has asked
    with torch.no_grad():
        pixels = torch.from_numpy(material.pictures.pixels[rows])
        logits = network(pixels.to(network.first.weight.device)).log_softmax(1).cpu().numpy()
    _, code = np.unique(material.owners[rows], return_inverse=True)
    total = np.zeros((code.max() + 1, logits.shape[1]))
    np.add.at(total, code, logits)
    output = total.argmax(1)
    return output[code] if len(np.unique(output)) == len(output) else None
