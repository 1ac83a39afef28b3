"""What an audit is given: the store, who its records belong to, and what an adversary may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.findings import NotRun

if TYPE_CHECKING:
    from privkit.models.defenses import Defense
    from privkit.models.encoder import Encoder

__all__ = ["Known", "Material", "Pictures"]

#: Pictures whose features tell one encoder from another.
_SOME = 32


def _bytes_of(weight: Any) -> bytes:
    """The bytes of a tensor of any type; of other extra state nothing."""
    import torch

    if not isinstance(weight, torch.Tensor):
        return b""
    flat = weight.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures behind records.

    Attributes:
        pixels: ``(n, h·w)`` grey in [-1, 1].
        shape: ``(h, w)``.
    """

    pixels: NDArray[np.float32]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Known:
    """Records that the adversary holds beside the store.

    Attributes:
        features: ``(m, width)``, like the store's.
        person: ``(m,)``; in a gallery the store's numbers of people, in public data others.
        sensitive: attributes of these records.
        pictures: the pictures behind them.
    """

    features: NDArray[np.float32]
    person: NDArray[np.int64]
    sensitive: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    pictures: Pictures | None = None

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Material:
    """All that an audit works on; the attacks see of it what their adversary would hold.

    Attributes:
        features: ``(n, width)``, codes as ±1, the records that are attacked or searched.
        bits: N of a code; ``None`` for floats.
        person: ``(n,)`` from 0; ``None`` where it is not known whose record is whose.
        people: labels of the people as given, ``people[person]``.
        sensitive: for each attribute ``(n,)`` values.
        member: ``(n,)`` whether the record was in the network's training set.
        gallery: named records of the same people, from another time or store.
        public: records of other people.
        pictures: the pictures behind the records, ``(n, h·w)``; for scoring and for an adversary's
            photos of other people, never of the target.
        encoder: what filled the store.
        defense: what was done to the encoder's features before they were stored, where it is known.
        approximate: whether the encoder gives only nearly what is stored.
        sampled_from: records in the store where only some are here.
        unexamined: what of the store no attack sees, and what to do about it.
    """

    features: NDArray[np.float32]
    bits: int | None
    person: NDArray[np.int64] | None = None
    people: Sequence[str] = ()
    sensitive: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    member: NDArray[np.bool_] | None = None
    gallery: Known | None = None
    public: Known | None = None
    pictures: Pictures | None = None
    encoder: Encoder | None = None
    defense: Defense | None = None
    approximate: bool = False
    sampled_from: int | None = None
    unexamined: Sequence[NotRun] = ()

    def __len__(self) -> int:
        return len(self.features)

    @property
    def owners(self) -> NDArray[np.int64]:
        """Whose each record is; where that is not known, each record is a person of its own."""
        return self.person if self.person is not None else np.arange(len(self))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Material:
        """The same with some of the records; people keep their numbers."""
        return replace(
            self,
            features=self.features[rows],
            person=None if self.person is None else self.person[rows],
            sensitive={name: values[rows] for name, values in self.sensitive.items()},
            member=None if self.member is None else self.member[rows],
            pictures=None
            if self.pictures is None
            else replace(self.pictures, pixels=self.pictures.pixels[rows]),
        )

    def digest(self) -> str:
        """SHA-256 of the values: what an attack's kept outcome belongs to."""
        digest = hashlib.sha256()
        pixels = None if self.pictures is None else self.pictures.pixels
        for array in (self.features, self.person, self.member, pixels, self._encoded()):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).data)
        digest.update(repr((self.bits, self.defense, self.sampled_from)).encode())
        # Of a network attacks read more than what it stores.
        weights: Mapping[str, Any] = getattr(self.encoder, "state_dict", dict)()
        for name, weight in sorted(weights.items()):
            digest.update(repr((name, getattr(weight, "shape", ""))).encode())
            digest.update(_bytes_of(weight))
        for name, values in sorted(self.sensitive.items()):
            digest.update(repr((name, values.tolist())).encode())
        for known in (self.gallery, self.public):
            if known is not None:
                digest.update(np.ascontiguousarray(known.features).data)
                digest.update(np.ascontiguousarray(known.person).data)
                for name, values in sorted(known.sensitive.items()):
                    digest.update(repr((name, values.tolist())).encode())
        return digest.hexdigest()

    def _encoded(self) -> NDArray[np.float32] | None:
        """What the encoder makes of some pictures: its file may load weights from elsewhere."""
        if self.encoder is None or self.pictures is None:
            return None
        some = np.linspace(0, len(self) - 1, num=min(len(self), _SOME), dtype=np.int64)
        return self.encoder.store(self.pictures.pixels[some])
