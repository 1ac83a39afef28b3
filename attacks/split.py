"""Keep people and photos apart: who trains the network, who is known, who is attacked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Photos
from privkit.data.face_set import FEWEST_PEOPLE, FEWEST_PHOTOS, Faces
from privkit.errors import InputError

__all__ = ["Split", "split_faces"]


@dataclass(frozen=True)
class Split:
    """A seeded split of each person's photos, and of the people into two halves.

    Attributes:
        train: photos that the network is trained on (about 40% of each person's).
        known: photos whose names the adversary knows, the gallery; the identity evaluator is
            fitted on them too. Neither trained on nor attacked (about 40%).
        new: photos that only appear as targets (about 20%).
        half: ``(people,)``, 0 or 1. A decoder for targets of one half learns from the other; and a
            network trained on half 0 never saw the people of half 1.
    """

    train: Photos
    known: Photos
    new: Photos
    half: NDArray[np.int64]

    def in_half(self, photos: Photos, half: int) -> NDArray[np.bool_]:
        """Which of the photos show people of that half, ``(n,)``."""
        inside: NDArray[np.bool_] = self.half[photos.person] == half
        return inside


def split_faces(faces: Faces, seed: int) -> Split:
    """Split the photos of a data set.

    Args:
        faces: at least 4 people and 4 photos of each.
        seed: of the split.

    Raises:
        InputError: fewer than that, or the same picture twice.
    """
    people = len(faces.people)
    if people < FEWEST_PEOPLE:
        raise InputError(
            "there are too few people",
            where=faces.source,
            rule=f"at least {FEWEST_PEOPLE}, two to learn from and two to attack",
            found=people,
        )
    _refuse_copies(faces)
    rng = np.random.default_rng([seed, 1])
    pixels = faces.pixels()
    rows: dict[str, list[NDArray[np.int64]]] = {"train": [], "known": [], "new": []}
    for person in range(people):
        own = rng.permutation(np.flatnonzero(faces.person == person))
        n = len(own)
        if n < FEWEST_PHOTOS:
            raise InputError(
                f"there are too few photos of {faces.people[person]!r}",
                where=faces.source,
                rule=f"at least {FEWEST_PHOTOS} a person: 1 to train, 2 known, 1 to attack",
                found=n,
            )
        new = max(1, n // 5)
        known = max(2, (n - new) // 2)
        rows["new"].append(own[:new])
        rows["known"].append(own[new : new + known])
        rows["train"].append(own[new + known :])
    half = np.zeros(people, dtype=np.int64)
    half[rng.permutation(people)[people // 2 :]] = 1
    sets = {
        name: Photos(pixels[index], faces.person[index], index)
        for name, index in ((name, np.concatenate(parts)) for name, parts in rows.items())
    }
    return Split(**sets, half=half)


def _refuse_copies(faces: Faces) -> None:
    """A photo that is there twice could be known and attacked at once."""
    first: dict[bytes, int] = {}
    for row, image in enumerate(faces.images):
        same = first.setdefault(image.tobytes(), row)
        if same != row:
            raise InputError(
                "the same picture is there twice",
                where=faces.source,
                rule="a photo is either known or attacked",
                found=f"{faces.photos[same]} and {faces.photos[row]}",
                remedy="remove one of them",
            )
