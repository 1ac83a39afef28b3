"""Faces from a folder of the user's own.

Two layouts are known:

- a folder with subfolders: each subfolder is a person and holds that person's pictures;
- a flat folder: the person is read from each file's name, by default what stands before the last
  ``_``, ``-`` or ``.`` that only digits follow, so that ``anna_01.png`` shows ``anna``.

A person pattern of one's own is a regular expression with a group ``person``; it is searched in
each file's path below the folder, in either layout.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from privkit.data.face_set import FEWEST_PEOPLE, FEWEST_PHOTOS, Faces, listing_sha256
from privkit.data.generated_faces import NOTICE
from privkit.data.pictures import PICTURE_ENDINGS, fit, read_grey
from privkit.errors import InputError

__all__ = ["DEFAULT_PATTERN", "GENERATED_MARK", "read_face_folder", "write_face_folder"]

DEFAULT_PATTERN = r"(?P<person>[^/]+)[_.-]\d+\.[^./]+$"
GENERATED_MARK = "GENERATED.txt"
"""A folder with this file holds generated faces, and results on it carry their notice."""

_LAYOUT = "one folder a person, or files such as anna_01.png in one folder"


def read_face_folder(
    folder: Path,
    *,
    person_pattern: str | None = None,
    size: tuple[int, int] = (112, 92),
    fewest_people: int = FEWEST_PEOPLE,
    fewest_photos: int = FEWEST_PHOTOS,
    option: str = "--faces",
) -> Faces:
    """Reads a folder of face pictures: PGM, PNG, JPEG or GIF of any size.

    Pictures are turned into 8-bit grey and, where they differ from ``size``, resized with their
    aspect kept until they cover it and cropped around the middle. People and pictures are ordered
    by name, numbers by value (``s2`` before ``s10``). What is passed over (files that are not
    pictures by their ending, names that do not match, links that lead out of the folder) is listed
    in ``skipped``; a picture that cannot be read whole is an error.

    Args:
        folder: the folder.
        person_pattern: regular expression with a group ``person``; None for the rule above.
        size: height and width in pixels.
        fewest_people: people that must be there.
        fewest_photos: pictures that each of them must have.
        option: the option that named the folder, for the errors.

    Raises:
        InputError: the folder is missing or holds no pictures, the pattern is wrong, a picture
            cannot be read, there are too few people, or a person has too few pictures.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such face folder",
            where=option,
            rule="auto, att, olivetti, generated or a folder of pictures",
            found=folder,
            remedy=f"correct the path, or use {option} generated",
        )
    skipped: list[str] = []
    try:
        files = list(_files(folder, skipped))
    except OSError as error:
        raise InputError("the face folder cannot be read", where=folder, found=error) from error
    by_person = _by_person(files, _compile(person_pattern), skipped)
    if not by_person:
        raise _nobody(folder, files, skipped, option)
    _check(by_person, folder, fewest_people, fewest_photos, option)
    people = tuple(by_person)
    photos = [(i, name) for i, names in enumerate(by_person.values()) for name in names]
    images = np.stack([fit(read_grey(folder / name, name), size) for _, name in photos])
    # A name that is not valid Unicode must not break a report later.
    shown = tuple(_printable(name) for _, name in photos)
    generated = (folder / GENERATED_MARK).is_file()
    return Faces(
        images=images,
        person=np.array([i for i, _ in photos], np.int64),
        people=tuple(_printable(name) for name in people),
        photos=shown,
        source=f"face folder {_printable(folder.resolve().name)}",
        generated=generated,
        sha256=listing_sha256(images, shown),
        notice=NOTICE if generated else "",
        skipped=tuple(_printable(line) for line in skipped),
    )


def write_face_folder(faces: Faces, folder: Path) -> None:
    """Writes a set so that `read_face_folder` opens it: one folder a person, PNG, attributes.csv.

    Args:
        faces: the set.
        folder: an empty folder; the caller puts it in its place when it is complete.
    """
    if faces.generated:
        (folder / GENERATED_MARK).write_text(NOTICE + "\n", encoding="utf-8")
    for image, person, photo in zip(faces.images, faces.person, faces.photos, strict=True):
        path = folder / faces.people[person] / f"{Path(photo).stem}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    with (folder / "attributes.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["photo", "person", *faces.attributes])
        for i, photo in enumerate(faces.photos):
            values = [column[i] for column in faces.attributes.values()]
            table.writerow([photo, faces.people[faces.person[i]], *values])


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key that orders numbers in names by their value."""
    parts = re.split(r"([0-9]+)", name)
    key = [(0, int(p), "") if i % 2 else (1, 0, p.casefold()) for i, p in enumerate(parts)]
    return key, name


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _files(folder: Path, skipped: list[str]) -> Iterator[str]:
    """Paths of the pictures below the folder, at most one folder deep, in natural order."""
    root = folder.resolve()

    def listed(parent: Path) -> Iterator[Path]:
        for path in sorted(parent.iterdir(), key=lambda p: _natural(p.name)):
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                skipped.append(f"{path.relative_to(folder).as_posix()}: a link out of the folder")
            else:
                yield path

    for path in listed(folder):
        for inner in listed(path) if path.is_dir() else [path]:
            name = inner.relative_to(folder).as_posix()
            if not inner.is_file():
                skipped.append(f"{name}: not a file at the depth that is read")
            elif inner.suffix.lower() not in PICTURE_ENDINGS:
                skipped.append(f"{name}: not a picture by its ending")
            else:
                yield name


def _compile(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    rule = "a regular expression with a group 'person', e.g. '(?P<person>[a-z]+)_'"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"the person pattern is wrong ({error})",
            where="--person-pattern",
            rule=rule,
            found=pattern,
        ) from error
    if "person" not in compiled.groupindex:
        raise InputError(
            "the person pattern has no group 'person'",
            where="--person-pattern",
            rule=rule,
            found=pattern,
        )
    return compiled


def _by_person(
    files: list[str], pattern: re.Pattern[str] | None, skipped: list[str]
) -> dict[str, list[str]]:
    """The pictures of each person, people in natural order."""
    nested = pattern is None and any("/" in name for name in files)
    pattern = pattern or re.compile(DEFAULT_PATTERN)
    found: dict[str, list[str]] = {}
    for name in files:
        match = None if nested else pattern.search(name)
        person = name.partition("/")[0] if nested and "/" in name else ""
        person = match["person"] or "" if match else person
        if person:
            found.setdefault(person, []).append(name)
        else:
            reason = "not in a person's folder" if nested else "its name matches no person"
            skipped.append(f"{name}: {reason}")
    return {person: found[person] for person in sorted(found, key=_natural)}


def _naming(option: str) -> str:
    """What helps where people are not told apart; only ``--faces`` has a pattern beside it."""
    return "set --person-pattern" if option == "--faces" else "name the files so"


def _nobody(folder: Path, files: list[str], skipped: list[str], option: str) -> InputError:
    seen = f"{len(files)} pictures, {len(skipped)} files passed over"
    return InputError(
        "no pictures of people are found" if files else "there are no pictures",
        where=folder,
        rule=f"PGM, PNG, JPEG or GIF; {_LAYOUT}",
        found=f"{seen}, e.g. {skipped[0]}" if skipped else seen,
        remedy=f"point {option} at the pictures, or {_naming(option)}",
    )


def _check(
    by_person: dict[str, list[str]],
    folder: Path,
    fewest_people: int,
    fewest_photos: int,
    option: str,
) -> None:
    if len(by_person) < fewest_people:
        raise InputError(
            "there are too few people",
            where=folder,
            rule=f"at least {fewest_people} people; {_LAYOUT}",
            found=f"{len(by_person)} ({', '.join(by_person)})",
            remedy=f"add people, or {_naming(option)}",
        )
    few = {person: len(names) for person, names in by_person.items() if len(names) < fewest_photos}
    if few:
        person, count = next(iter(few.items()))
        others = f" and {len(few) - 1} more people" if len(few) > 1 else ""
        raise InputError(
            "a person has too few pictures",
            where=folder,
            rule=f"at least {fewest_photos} pictures of each person",
            found=f"{count} of {person}{others}",
            remedy="add pictures or take the person out of the folder",
        )
