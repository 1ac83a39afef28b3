"""Membership by shadow networks: what the stored feature says to one who can train such a network.

Only where the encoder is privkit's own face network, whose recipe of training is known. The photos
asked about are those of the people whom the network was trained on: that it never saw somebody at
all is told by other means, and would be taken for membership of a photo.

Whether the shadow networks stand for the attacked one is seen from how well they are told
themselves: one that was trained in another way, on other photos or with a defense of its own, is
not told as they are, and then nothing is cleared.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attacks.membership import MembershipOutcome, Suspects, membership_trials
from privkit.audit.findings import NotRun
from privkit.audit.material import Material
from privkit.audit.tasks import Task, Tried
from privkit.evaluation.rates import rate_of
from privkit.models.face_net import FaceNet

__all__ = ["shadow_lacks", "shadow_tasks"]

_ATTACK = "likelihood ratio with shadow networks"
#: Networks trained: four on each photo and four not.
_SHADOWS = 8
#: Of training one network, a pixel of a photo.
_SECONDS_A_PIXEL = 1.25e-6
_FEWEST = 2
#: A face network names at least so many of the photos that it was trained on.
_NAMED = 0.9
#: Of what shadow networks give away the attacked one has to be able to give away so much.
_ALIKE = 0.5
#: An attack that finds less than this of its own networks' photos is not shown to work.
_WORKS = 0.05


def shadow_lacks(material: Material) -> list[NotRun]:
    """What the material lacks, where membership is known."""
    lack = _hindrance(material)
    if lack is None and material.approximate:
        lack = NotRun(
            f"{_ATTACK}, through the exact encoder",
            "the encoder gives only nearly what is stored",
            "the encoder with what is done to its features, with --encoder",
            weakens=True,
        )
    return [] if lack is None else [lack]


def shadow_tasks(material: Material, seed: int, of: str) -> list[Task]:
    """The task, where nothing stands in its way.

    Args:
        material: with membership.
        seed: of the shadow networks.
        of: what the attack is on, in words.
    """
    if _hindrance(material) is not None or material.pictures is None:
        return []
    photos = len(_rows(material))
    seconds = _SHADOWS * _SECONDS_A_PIXEL * photos * material.pictures.pixels.shape[1]
    run = partial(_try_shadows, material, seed)
    return [Task(f"membership: shadow networks, seed {seed}", ("membership",), seconds, run, of=of)]


def _hindrance(material: Material) -> NotRun | None:
    """Why the attack cannot run."""
    if not isinstance(material.encoder, FaceNet) or material.pictures is None:
        return NotRun(
            _ATTACK,
            "it needs to know how the network was trained",
            "the training itself: attacks.membership.membership_trials in Python",
            weakens=True,
        )
    if material.person is None:
        return NotRun(
            _ATTACK,
            "it is not known whose each record is",
            "the people with --person",
            weakens=True,
        )
    rows = _rows(material)
    member = material.member[rows] if material.member is not None else np.zeros(0, bool)
    if member.sum() < _FEWEST or (~member).sum() < _FEWEST:
        return NotRun(
            _ATTACK,
            "the people in the training set have no photos that were left out of it",
            f"{_FEWEST} photos or more of people in the training set that it does not hold",
            weakens=True,
        )
    if _outputs(material.encoder, material, rows) is None:
        return NotRun(
            _ATTACK,
            "the network names two people of the training set alike",
            "the network that was trained on the records of --members",
            weakens=True,
        )
    return None


def _try_shadows(material: Material, seed: int) -> Tried:
    """Train shadow networks and ask them."""
    network, pictures, member = material.encoder, material.pictures, material.member
    assert isinstance(network, FaceNet)  # noqa: S101 - _hindrance has asked
    assert pictures is not None and member is not None  # noqa: S101, PT018 - as above
    rows = _rows(material)
    outputs = _outputs(network, material, rows)
    assert outputs is not None  # noqa: S101 - as above
    output, named = outputs
    owner_of = np.full(network.last.out_features, -1, dtype=np.int64)
    owner_of[output] = material.owners[rows]
    defense = material.defense
    found = membership_trials(
        network,
        Suspects(pictures.pixels[rows], output, material.features[rows], member[rows]),
        (lambda stored: stored) if defense is None else defense.apply,
        seed=seed,
        shadows=_SHADOWS,
    )
    best = max(found.on_shadows.values())
    note = (
        f"Attacks whose names begin with membership_ are on the {len(rows):,} photos of people "
        "whom the network was trained on. Their adversary holds these photos with the people's "
        f"names, knows the recipe of training, and has trained {_SHADOWS} shadow networks, of "
        f"whose own photos the strongest attack tells {best:.0%} rightly."
    )
    trials = [replace(t, person=owner_of[t.person]) for t in found.trials]
    return Tried(
        {"membership": trials},
        {"membership": [note]},
        lacks={"membership": [*_unnamed(named), *_unlike(replace(found, trials=tuple(trials)))]},
    )


def _unnamed(share: float) -> list[NotRun]:
    """That the network does not name the photos that it is said to be trained on."""
    if share >= _NAMED:
        return []
    return [
        NotRun(
            f"{_ATTACK} of this network",
            f"the network names {share:.0%} of the photos of --members rightly, where one that was "
            f"trained on them names {_NAMED:.0%} at least",
            "the network that was trained on these photos, and the photos that it was trained on",
            weakens=True,
        )
    ]


def _unlike(found: MembershipOutcome) -> list[NotRun]:
    """That the shadow networks do not stand for the attacked one, or do not show that it works."""
    shadows = 2 * max(found.on_shadows.values()) - 1
    if shadows < _WORKS:
        return [
            NotRun(
                f"{_ATTACK} that give something away",
                f"the shadow networks give away {shadows:.0%} of what there is to know of their "
                "own photos, so that the attack is not shown to work",
                "more photos of each person, or the training itself",
                weakens=True,
            )
        ]
    balanced = [t for t in found.trials if t.measure == "balanced accuracy"]
    told = max(rate_of(t).residual_high for t in balanced)
    if told >= _ALIKE * shadows:
        return []
    return [
        NotRun(
            f"{_ATTACK} that stand for it",
            f"shadow networks give away {shadows:.0%} of what there is to know of their photos, "
            f"this network at most {told:.0%}: it was not trained as they were",
            "the training itself: attacks.membership.membership_trials in Python",
            weakens=True,
        )
    ]


def _rows(material: Material) -> NDArray[np.int64]:
    """The records of people of whom the network was trained on some."""
    if material.member is None:
        return np.arange(0)
    return np.flatnonzero(np.isin(material.owners, material.owners[material.member]))


def _outputs(
    network: FaceNet, material: Material, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], float] | None:
    """Which output of the network each record's person is: the one named on most of the photos.

    Returns:
        The outputs ``(rows,)``, and the share of members that the network names so; ``None`` where
        two people have the same output.
    """
    import torch

    assert material.pictures is not None  # noqa: S101 - _hindrance has asked
    with torch.no_grad():
        pixels = torch.from_numpy(material.pictures.pixels[rows])
        named = network(pixels.to(network.first.weight.device)).argmax(1).cpu().numpy()
    _, code = np.unique(material.owners[rows], return_inverse=True)
    votes = np.zeros((code.max() + 1, network.last.out_features), dtype=np.int64)
    np.add.at(votes, (code, named), 1)
    output = votes.argmax(1)
    if len(np.unique(output)) < len(output):
        return None
    # Who is a member is known here to check the set-up, and is not told to the attack.
    assert material.member is not None  # noqa: S101 - _rows has found some
    member = material.member[rows]
    return output[code], float((named == output[code])[member].mean())
