"""Generated faces: a stand-in for photographs, drawn from parameters, that shows nobody.

The set is meant to be as hard as the AT&T Faces: pose, light, expression, glasses and sittings vary
from picture to picture, so that an independent classifier on pixels recognises most, but not all,
unseen pictures.
"""

from __future__ import annotations

import numpy as np

from privkit.data.face_drawing import draw_person
from privkit.data.face_parameters import Look, Shots
from privkit.data.face_set import Faces, listing_sha256
from privkit.errors import InputError

__all__ = ["NOTICE", "generate_faces"]

NOTICE = (
    "These are generated faces, drawn from parameters, not photographs of people; results on them "
    "do not replace results on real ones. To get the real AT&T Faces: privkit data fetch att"
)

LIMITS: dict[str, tuple[int, int]] = {
    "people": (1, 100_000),
    "photos": (1, 10_000),
    "seed": (0, 2**63 - 1),
    "height": (16, 1024),
    "width": (16, 1024),
}
"""Smallest and largest value of each setting."""


def generate_faces(
    people: int = 40, photos: int = 10, seed: int = 0, *, size: tuple[int, int] = (112, 92)
) -> Faces:
    """Draws a set of faces.

    The n-th picture of the m-th person depends on the seed, m, n and the size, and on nothing else:
    larger sets contain the smaller ones. The bytes are the same on every run with the same numpy
    build; another build may round a sine differently and so a grey value by one.

    Args:
        people: number of people.
        photos: pictures a person.
        seed: seed of the set, not negative.
        size: height and width in pixels.

    Returns:
        ``people * photos`` pictures, ordered by person, with the attributes ``glasses`` (bool),
        ``hair``, ``expression`` and ``beard`` (words) and ``eyes_closed`` (bool).

    Raises:
        InputError: a number is out of its range.
    """
    given = {"people": people, "photos": photos, "seed": seed, "height": size[0], "width": size[1]}
    for name, value in given.items():
        low, high = LIMITS[name]
        if not low <= value <= high:
            raise InputError(
                "the generated faces cannot be drawn",
                where=name,
                rule=f"a whole number from {low} to {high}",
                found=value,
            )
    looks = [Look.of_person(seed, person) for person in range(people)]
    shots = [Shots.of_person(seed, person, photos, look) for person, look in enumerate(looks)]
    images = np.empty((people * photos, *size), np.uint8)
    for person, (look, shot) in enumerate(zip(looks, shots, strict=True)):
        images[person * photos : (person + 1) * photos] = draw_person(look, shot, size)
    names = tuple(f"g{person + 1}" for person in range(people))
    files = tuple(f"{name}/{photo + 1}.png" for name in names for photo in range(photos))
    return Faces(
        images=images,
        person=np.repeat(np.arange(people, dtype=np.int64), photos),
        people=names,
        photos=files,
        source=f"generated faces (seed {seed})",
        generated=True,
        sha256=listing_sha256(images, files),
        notice=NOTICE,
        attributes={
            "glasses": np.concatenate([shot.glasses for shot in shots]),
            "hair": np.repeat(np.array([look.hair for look in looks]), photos),
            "expression": np.concatenate([shot.expression for shot in shots]),
            "beard": np.repeat(np.array([look.beard for look in looks]), photos),
            "eyes_closed": np.concatenate([shot.eyes_closed for shot in shots]),
        },
    )
