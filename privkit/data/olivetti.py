"""The Olivetti Faces: 40 people × 10 photographs, 64 × 64 grey, as scikit-learn offers them.

What is verified: while fetching, scikit-learn checks the SHA-256 of the one file it downloads
(``olivettifaces.mat``), so the 400 pictures are checked as one. privkit turns them into a plain
array in its own cache together with a digest of the pictures' content, and checks that digest at
each opening. scikit-learn's own cache is a pickle, which could run code when loaded; it is never
read, so a copy fetched earlier by scikit-learn alone has to be fetched again.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.data.face_set import Faces, listing_sha256
from privkit.data.locations import places
from privkit.errors import InputError

__all__ = ["FILE", "olivetti_file", "read_olivetti", "write_olivetti"]

FILE = "olivetti_faces.npz"
PEOPLE, PHOTOS, SHAPE = 40, 10, (64, 64)
PHOTO_NAMES = tuple(f"p{p}/{m}" for p in range(1, PEOPLE + 1) for m in range(1, PHOTOS + 1))


def olivetti_file() -> Path | None:
    """The first place that has the Olivetti Faces as privkit stores them, or None."""
    return next((place for place in places(FILE) if place.is_file()), None)


def write_olivetti(images: NDArray[np.uint8], path: Path) -> None:
    """Stores the pictures with the digest of their content.

    Args:
        images: grey pictures ordered by person, shape ``(400, 64, 64)``.
        path: the file to write; the caller puts it in its place.
    """
    np.savez_compressed(path, images=images, sha256=np.array(listing_sha256(images, PHOTO_NAMES)))


def read_olivetti(path: Path | None = None) -> Faces:
    """Opens the Olivetti Faces in their own size.

    Args:
        path: the stored file; None looks below ``PRIVKIT_DATA`` and in the cache.

    Returns:
        400 pictures, shape ``(400, 64, 64)``.

    Raises:
        InputError: they have not been fetched, or the stored file is damaged.
    """
    path = path or olivetti_file()
    if path is None:
        raise InputError(
            "the Olivetti Faces have not been fetched",
            where="--faces olivetti",
            rule="nothing is downloaded unasked",
            remedy="run 'privkit data fetch olivetti'",
        )
    damaged = InputError(
        "the stored Olivetti Faces are damaged",
        where=path,
        rule="400 pictures of 64 x 64 with the digest they were stored with",
        remedy="run 'privkit data fetch olivetti' again",
    )
    try:
        with np.load(path, allow_pickle=False) as stored:
            images, digest = stored["images"], str(stored["sha256"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise damaged from error
    if images.shape != (PEOPLE * PHOTOS, *SHAPE) or images.dtype != np.uint8:
        raise damaged
    if listing_sha256(images, PHOTO_NAMES) != digest:
        raise damaged
    return Faces(
        images=images,
        person=np.repeat(np.arange(PEOPLE, dtype=np.int64), PHOTOS),
        people=tuple(f"p{p}" for p in range(1, PEOPLE + 1)),
        photos=PHOTO_NAMES,
        source="Olivetti Faces",
        generated=False,
        sha256=digest,
    )
