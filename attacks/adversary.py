"""What an adversary holds and what is attacked; the rules that keep people and photos apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.defenses import Defense
from privkit.models.encoder import Encoder

__all__ = ["Adversary", "Part", "Photos", "Scene"]


@dataclass(frozen=True)
class Photos:
    """Some photos of a data set.

    Attributes:
        pixels: ``(n, h·w)`` in [-1, 1].
        person: ``(n,)``.
        photo: ``(n,)`` row of each in the data set, by which photos are kept apart.
        stored: ``(n, width)`` what the store holds of each, where that is known; ``None`` leaves
            it to the encoder.
    """

    pixels: NDArray[np.float32]
    person: NDArray[np.int64]
    photo: NDArray[np.int64]
    stored: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Photos:
        """Some of these photos."""
        stored = None if self.stored is None else self.stored[rows]
        return Photos(self.pixels[rows], self.person[rows], self.photo[rows], stored)


@dataclass(frozen=True)
class Adversary:
    """An adversary who got hold of the store, and perhaps of the network that filled it.

    Attributes:
        network: what turned photos into features: a white box where it is differentiable, else a
            black box that can be queried; ``None`` where the adversary has not got it.
        defense: what was done to the feature before it was stored; ``None`` for nothing, or where
            the encoder does it itself.
        auxiliary: photos of *other* people, never of a target.
        gallery: named photos of the candidates; none of them is a target.
        shape: ``(h, w)`` of a picture.
        people: how many candidates there are.
        classes: the candidate behind each output of the network, ``(outputs,)``; the people that
            it was trained on. Empty where it names nobody.
    """

    network: Encoder | None
    defense: Defense | None
    auxiliary: Photos
    gallery: Photos
    shape: tuple[int, int]
    people: int
    classes: NDArray[np.int64]

    def encoder(self) -> Encoder:
        """The network.

        Raises:
            InputError: the adversary has none.
        """
        if self.network is None:
            raise InputError(
                "the adversary has no encoder",
                rule="only photos whose stored features are known can be used without one",
                remedy="give --encoder",
            )
        return self.network

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the store would hold for pictures ``(n, h·w)``: ``(n, width)``.

        Raises:
            InputError: the adversary has no encoder.
        """
        given = self.encoder().store(pixels)
        return given if self.defense is None else self.defense.apply(given)

    def store_of(self, photos: Photos) -> NDArray[np.float32]:
        """What the store holds of photos, ``(n, width)``: as known, else as computed.

        Raises:
            InputError: it is not known, and the adversary has no encoder.
        """
        return self.store(photos.pixels) if photos.stored is None else photos.stored


@dataclass(frozen=True)
class Part:
    """Targets that one adversary attacks together; ``rows`` index the scene's targets."""

    rows: NDArray[np.int64]
    adversary: Adversary


@dataclass(frozen=True)
class Scene:
    """The targets of one network and defense, with the adversaries that attack them.

    What it refuses to hold is what would make every score meaningless. That the identity evaluator
    is fitted on other photos than those the network was trained on is up to
    :func:`attacks.split.split_faces`.

    Targets are split by people into parts so that an attack may learn from photos of the people
    of the other parts.

    Attributes:
        targets: the photos behind the stored features; for scoring alone, no attack sees them.
        group: ``(n,)`` which group of targets each belongs to, e.g. ``"new photos"``.
        stored: ``(n, width)`` what the store holds of each.
        parts: each target is in exactly one.

    Raises:
        InputError: an adversary holds a target photo, or learns from a target's photos.
    """

    targets: Photos
    group: NDArray[np.str_]
    stored: NDArray[np.float32]
    parts: Sequence[Part]

    def __post_init__(self) -> None:
        n = len(self.targets)
        covered = np.sort(np.concatenate([p.rows for p in self.parts]))
        if not np.array_equal(covered, np.arange(n)) or len(self.stored) != n:
            raise InputError(
                "the parts of a scene do not cover its targets",
                rule="each target has one stored feature and is in exactly one part",
                found=f"{len(covered)} rows in parts, {len(self.stored)} features, {n} targets",
            )
        for part in self.parts:
            own = self.targets.take(part.rows)
            shared = np.intersect1d(own.person, part.adversary.auxiliary.person)
            if len(shared):
                raise InputError(
                    "an attack would learn from photos of its own targets",
                    where="auxiliary photos",
                    rule="they show other people than the targets",
                    found=f"{len(shared)} people in both, the first is person {shared[0]}",
                )
            if len(np.intersect1d(self.targets.photo, part.adversary.gallery.photo)):
                raise InputError(
                    "a target photo is in the gallery",
                    where="gallery",
                    rule="known photos and attacked photos are kept apart",
                )
