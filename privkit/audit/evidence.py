"""What an audit shows beside its numbers: pictures, and what the attacks made of their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["MEAN_FACE", "Evidence"]

#: The reconstruction that ignores the feature; it is shown as the baseline.
MEAN_FACE = "mean_face"


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pictures of some targets, and what each attack rebuilt from what is stored of them.

    Attributes:
        originals: ``(k, h·w)`` grey in [-1, 1].
        made: by attack, ``(k, h·w)``; ``"mean_face"`` is the baseline.
        recognised: by attack, ``(k,)``, whether the right person is recognised on it.
        shape: ``(h, w)``.
        people: ``(k,)`` labels of the people, as given; may be left out.

    Raises:
        InputError: no target, or parts that do not fit each other.
    """

    originals: NDArray[np.float32]
    made: Mapping[str, NDArray[np.float32]]
    recognised: Mapping[str, NDArray[np.bool_]]
    shape: tuple[int, int]
    people: Sequence[str] = ()

    def __post_init__(self) -> None:
        k, pixels = len(self.originals), self.shape[0] * self.shape[1]
        fits = (
            k > 0
            and self.originals.shape == (k, pixels)
            and self.made.keys() == self.recognised.keys()
            and all(pictures.shape == (k, pixels) for pictures in self.made.values())
            and all(right.shape == (k,) for right in self.recognised.values())
            and len(self.people) in (0, k)
        )
        if not fits:
            raise InputError(
                "the parts of the evidence do not fit each other",
                where="Evidence",
                rule="k >= 1 targets of h·w pixels, and as many of each attack",
                found=f"originals {self.originals.shape}, shape {self.shape}",
            )

    def __len__(self) -> int:
        return len(self.originals)
