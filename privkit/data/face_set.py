"""A set of face pictures with the people they show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST_PEOPLE", "FEWEST_PHOTOS", "Faces", "listing_sha256"]

#: Fewer cannot be split into who trains, who is known and who is attacked.
FEWEST_PEOPLE = 4
FEWEST_PHOTOS = 4


def listing_sha256(images: NDArray[np.uint8], photos: Sequence[str]) -> str:
    r"""Digest of a face set's content, the same wherever the files lie and however they are stored.

    It is the SHA-256 of a listing with a line ``<sha256>  <name>\n`` a picture, in the set's
    order, where the inner digest is over ``"<height> <width>\\n"`` and the grey values row by row.

    Args:
        images: grey pictures, shape ``(n, height, width)``.
        photos: the n names.
    """
    head = f"{images.shape[1]} {images.shape[2]}\n".encode()
    listing = hashlib.sha256()
    for image, name in zip(images, photos, strict=True):
        inner = hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
        listing.update(f"{inner}  {name}\n".encode("utf-8", "backslashreplace"))
    return listing.hexdigest()


@dataclass(frozen=True)
class Faces:
    """Grey face pictures, the people they show and where they come from.

    Attributes:
        images: grey values 0 to 255, shape ``(n, height, width)``.
        person: index into ``people``, shape ``(n,)``.
        people: a name for each person.
        photos: a name for each picture, e.g. ``"s1/1.pgm"``.
        source: what the set is called, e.g. ``"AT&T Faces"``.
        generated: whether the faces are drawn and show nobody.
        sha256: digest of the content; see `listing_sha256`.
        notice: words that every result on this set must carry; empty for real pictures.
        skipped: files that were passed over, each with the reason.
        attributes: what is known of each picture, by name, each of shape ``(n,)``.
    """

    images: NDArray[np.uint8]
    person: NDArray[np.int64]
    people: tuple[str, ...]
    photos: tuple[str, ...]
    source: str
    generated: bool
    sha256: str
    notice: str = ""
    skipped: tuple[str, ...] = ()
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of pictures."""
        return len(self.photos)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    def pixels(self) -> NDArray[np.float32]:
        """The pictures as rows of grey values in [-1, 1], shape ``(n, height * width)``."""
        flat = self.images.reshape(self.n, self.shape[0] * self.shape[1])
        return flat.astype(np.float32) / np.float32(127.5) - np.float32(1)

    def subset(self, rows: ArrayLike) -> Faces:
        """The same set with only some of its pictures.

        ``people`` stays whole, so a person keeps his or her index in every subset.

        Args:
            rows: indices or a mask of shape ``(n,)``.
        """
        index = np.arange(self.n)[np.asarray(rows)]
        images = self.images[index]
        photos = tuple(self.photos[i] for i in index)
        return replace(
            self,
            images=images,
            person=self.person[index],
            photos=photos,
            sha256=listing_sha256(images, photos),
            attributes={name: values[index] for name, values in self.attributes.items()},
        )
