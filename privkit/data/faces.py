"""Opening face pictures: the AT&T Faces, the Olivetti Faces, generated ones or the user's own.

No call here touches the network; `privkit.data.fetch` does, and only when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from privkit.data.att import att_folder, att_problems, read_att, told
from privkit.data.face_folder import read_face_folder
from privkit.data.face_set import FEWEST_PEOPLE, FEWEST_PHOTOS, Faces
from privkit.data.generated_faces import generate_faces
from privkit.data.olivetti import olivetti_file, read_olivetti
from privkit.errors import InputError

__all__ = ["SOURCES", "Faces", "found_sets", "open_faces"]

Source: TypeAlias = Callable[[int, tuple[int, int]], Faces]


def _auto(seed: int, size: tuple[int, int]) -> Faces:
    # A damaged copy is an error and not a reason to fall back: the user believes to have it.
    return read_att() if att_folder() is not None else _generated(seed, size)


def _generated(seed: int, size: tuple[int, int]) -> Faces:
    return generate_faces(seed=seed, size=size)


SOURCES: dict[str, Source] = {
    "auto": _auto,
    "att": lambda _seed, _size: read_att(),
    "olivetti": lambda _seed, _size: read_olivetti(),
    "generated": _generated,
}
"""Face set by name, called with the seed and the size; any other name is a folder."""


def open_faces(
    spec: str = "auto",
    *,
    seed: int = 0,
    person_pattern: str | None = None,
    size: tuple[int, int] = (112, 92),
    fewest_people: int = FEWEST_PEOPLE,
    fewest_photos: int = FEWEST_PHOTOS,
    option: str = "--faces",
) -> Faces:
    """Opens a face set.

    Args:
        spec: ``auto`` (the AT&T Faces where they are found, otherwise generated ones), ``att``,
            ``olivetti``, ``generated``, or a folder; for a folder that bears one of these names
            write ``./att``.
        seed: seed of the generated faces.
        person_pattern: for a folder, how a file's name tells the person; see
            `privkit.data.face_folder`.
        size: height and width in pixels of generated faces and of pictures from a folder, which
            are resized with their aspect kept and cropped around the middle. The AT&T Faces
            (112 × 92) and the Olivetti Faces (64 × 64) keep their own size.
        fewest_people: people that must be there.
        fewest_photos: pictures that each of them must have.
        option: the option that named the set, for the errors.

    Returns:
        The set; its ``notice`` is not empty where the faces are generated.

    Raises:
        InputError: the set is not there or not fit for use.
    """
    if min(size) < 1:
        raise InputError(
            "the pictures cannot be that small",
            where="size",
            rule="height and width in pixels, both at least 1",
            found=f"{size[0]} x {size[1]}",
        )
    source = SOURCES.get(spec)
    if source is None:
        return read_face_folder(
            Path(spec).expanduser(),
            person_pattern=person_pattern,
            size=size,
            fewest_people=fewest_people,
            fewest_photos=fewest_photos,
            option=option,
        )
    if person_pattern is not None:
        raise InputError(
            "a person pattern belongs to a folder of pictures",
            where="--person-pattern",
            found=f"--faces {spec}",
            remedy="leave it out, or give a folder to --faces",
        )
    return source(seed, size)


def found_sets() -> dict[str, str]:
    """Says of each known face set where it lies and whether it is whole."""
    att, olivetti = att_folder(), olivetti_file()
    problems = att_problems(att) if att is not None else []
    return {
        "att": f"{att}: {'damaged: ' + told(problems) if problems else 'verified'}"
        if att is not None
        else "not found; privkit data fetch att",
        "olivetti": _olivetti_state(olivetti),
        "generated": "drawn when asked for",
    }


def _olivetti_state(path: Path | None) -> str:
    if path is None:
        return "not found; privkit data fetch olivetti"
    try:
        read_olivetti(path)
    except InputError as error:
        return f"{path}: damaged: {error.what}"
    return f"{path}: verified"
