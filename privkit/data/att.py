"""The AT&T Faces (ORL): 40 people × 10 photographs, 92 × 112 grey.

Samaria and Harter, "Parameterisation of a stochastic model for human face identification", 1994.
The set may not be passed on, so privkit carries none of it, only a digest by which every byte of a
copy is checked.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from privkit.data.face_set import Faces, listing_sha256
from privkit.data.locations import places
from privkit.data.pictures import read_grey
from privkit.errors import InputError

__all__ = ["FOLDER", "LISTING_SHA256", "PHOTO_NAMES", "att_folder", "att_problems", "read_att"]

FOLDER = "att_faces"
PEOPLE, PHOTOS, SHAPE = 40, 10, (112, 92)
PHOTO_NAMES = tuple(f"s{s}/{m}.pgm" for s in range(1, PEOPLE + 1) for m in range(1, PHOTOS + 1))
LISTING_SHA256 = "de45a65f9c353ff9364f6d79a2c5a3e0f98e9a4751e1a3133a77b444864f1ebf"
"""SHA-256 of the canonical listing: a line ``<sha256>  sN/M.pgm\\n`` a file, as `PHOTO_NAMES`."""

LISTING_NAME = "SHA256SUMS"
REMEDY = "remove the folder and run 'privkit data fetch att'"


def att_folder() -> Path | None:
    """The first place that has a folder of the AT&T Faces, or None."""
    return next((place for place in places(FOLDER) if place.is_dir()), None)


def att_listing(folder: Path) -> str:
    """The canonical listing of a copy; every file must be there."""
    lines = (
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in PHOTO_NAMES
    )
    return "".join(lines)


def att_problems(folder: Path) -> list[str]:
    """What is wrong with a copy of the set; empty when all 400 files are the canonical ones.

    The digest of the listing says whether every file is right. Which file differs, it cannot say;
    so missing, surplus, unreadable and wrongly sized files are named, and differing ones too where
    the copy holds the canonical listing as ``SHA256SUMS``.

    Args:
        folder: the folder with ``s1`` to ``s40``.
    """
    known = set(PHOTO_NAMES)
    extra = sorted({path.relative_to(folder).as_posix() for path in folder.rglob("*.pgm")} - known)
    problems = [f"surplus: {name}" for name in extra]
    whole = True
    for name in PHOTO_NAMES:
        path = folder / name
        if not path.is_file():
            problems.append(f"missing: {name}")
            whole = False
            continue
        try:
            picture = read_grey(path, name)
        except InputError as error:
            problems.append(f"unreadable: {name} ({error.what})")
            continue
        if picture.size != SHAPE[::-1]:
            problems.append(f"wrong size: {name} ({picture.width} x {picture.height})")
    if whole and not problems:
        listing = att_listing(folder)
        if hashlib.sha256(listing.encode()).hexdigest() != LISTING_SHA256:
            problems += _differing(folder, listing)
    return problems


def _differing(folder: Path, listing: str) -> list[str]:
    sums = folder / LISTING_NAME
    text = sums.read_bytes() if sums.is_file() else b""
    if hashlib.sha256(text).hexdigest() == LISTING_SHA256:
        canonical = set(text.decode().splitlines())
        return [f"differs: {line[66:]}" for line in listing.splitlines() if line not in canonical]
    return ["the pictures' digests are not those of the AT&T Faces"]


def told(problems: list[str], most: int = 5) -> str:
    """The first problems in one line."""
    rest = f" and {len(problems) - most} more" if len(problems) > most else ""
    return ", ".join(problems[:most]) + rest


def read_att(folder: Path | None = None) -> Faces:
    """Opens the AT&T Faces in their own size and checks every file.

    Args:
        folder: where they lie; None looks below ``PRIVKIT_DATA`` and in the cache.

    Returns:
        400 pictures, shape ``(400, 112, 92)``.

    Raises:
        InputError: they are not found, or a file is not the canonical one.
    """
    folder = folder or att_folder()
    if folder is None:
        raise InputError(
            "the AT&T Faces are not found",
            where="--faces att",
            rule=f"a folder {FOLDER} with s1 to s40 in one of "
            + ", ".join(str(place.parent) for place in places(FOLDER)),
            remedy="run 'privkit data fetch att', or set PRIVKIT_DATA to the folder above it",
        )
    problems = att_problems(folder)
    if problems:
        raise InputError(
            "the copy of the AT&T Faces is damaged",
            where=folder,
            rule="the 400 canonical files",
            found=told(problems),
            remedy=REMEDY,
        )
    images = np.stack([np.asarray(read_grey(folder / name), np.uint8) for name in PHOTO_NAMES])
    known = {*PHOTO_NAMES, LISTING_NAME, "README"}
    others = sorted(
        name
        for path in folder.rglob("*")
        if path.is_file() and (name := path.relative_to(folder).as_posix()) not in known
    )
    return Faces(
        images=images,
        person=np.repeat(np.arange(PEOPLE, dtype=np.int64), PHOTOS),
        people=tuple(f"s{s}" for s in range(1, PEOPLE + 1)),
        photos=PHOTO_NAMES,
        source="AT&T Faces",
        generated=False,
        sha256=listing_sha256(images, PHOTO_NAMES),
        skipped=tuple(f"{name}: not part of the set" for name in others),
    )


def photo_name(member: str) -> str | None:
    """The canonical name of an archive's member, below whatever folder it lies, or None."""
    match = re.search(r"(?:^|/)(s[1-9][0-9]?/(?:[1-9]|10)\.pgm)$", member)
    return match[1] if match and match[1] in PHOTO_NAMES else None
