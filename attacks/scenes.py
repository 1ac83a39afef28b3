"""The scenes of a study: which photos are attacked, and what each adversary holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from attacks.adversary import Adversary, Part, Photos, Scene
from attacks.split import Split
from privkit.data.faces import Faces
from privkit.models.defenses import Defense
from privkit.models.face_net import FaceNet

__all__ = ["GROUPS", "NEW", "TRAINING", "UNSEEN", "scene_trained", "scene_unseen"]

TRAINING, NEW, UNSEEN = "training photos", "new photos", "people never seen"
GROUPS: Sequence[str] = (TRAINING, NEW, UNSEEN)

#: At most so many targets a person and group: more photos of one person add little to what the
#: interval over people can tell, and cost time.
_TARGETS_A_PERSON = 2


def scene_trained(
    network: FaceNet, defense: Defense, split: Split, faces: Faces, seed: int
) -> Scene:
    """Training photos and new photos of the people that the network was trained on.

    Targets of each half of the people are attacked with a decoder learned from the other half.
    """
    rng = np.random.default_rng([seed, 2])
    training = _at_most(split.train, rng)
    new = _at_most(split.new, rng)
    targets = _joined([training, new])
    everybody = _joined([split.train, split.known, split.new])
    parts = [
        Part(
            np.flatnonzero(split.in_half(targets, half)),
            Adversary(
                network,
                defense,
                auxiliary=everybody.take(~split.in_half(everybody, half)),
                gallery=split.known,
                shape=faces.shape,
                people=len(faces.people),
                classes=np.arange(len(faces.people)),
            ),
        )
        for half in (0, 1)
    ]
    group = np.array([TRAINING] * len(training) + [NEW] * len(new))
    return Scene(targets, group, defense.apply(network.store(targets.pixels)), parts)


def scene_unseen(
    network: FaceNet, defense: Defense, split: Split, faces: Faces, seed: int
) -> Scene:
    """People that the network never saw; the decoder learns from those that it was trained on."""
    everybody = _joined([split.train, split.known, split.new])
    new = split.new.take(split.in_half(split.new, 1))
    targets = _at_most(new, np.random.default_rng([seed, 3]))
    adversary = Adversary(
        network,
        defense,
        auxiliary=everybody.take(split.in_half(everybody, 0)),
        gallery=split.known,
        shape=faces.shape,
        people=len(faces.people),
        classes=np.flatnonzero(split.half == 0),
    )
    return Scene(
        targets,
        np.array([UNSEEN] * len(targets)),
        defense.apply(network.store(targets.pixels)),
        [Part(np.arange(len(targets)), adversary)],
    )


def _at_most(photos: Photos, rng: np.random.Generator) -> Photos:
    """At most :data:`_TARGETS_A_PERSON` random photos of each person."""
    order = rng.permutation(len(photos))
    nth = pd.Series(photos.person[order]).groupby(photos.person[order]).cumcount().to_numpy()
    return photos.take(np.sort(order[nth < _TARGETS_A_PERSON]))


def _joined(parts: Sequence[Photos]) -> Photos:
    return Photos(
        np.concatenate([p.pixels for p in parts]),
        np.concatenate([p.person for p in parts]),
        np.concatenate([p.photo for p in parts]),
    )
