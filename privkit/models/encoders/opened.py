"""``OpenedEncoder``: an encoder of the user, tried on pictures, in the form that attacks take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.encoder import Encoder, Through
from privkit.models.encoders.returned import encoded, returned
from privkit.models.encoders.source import Source, raised
from privkit.models.encoders.trial import depends_on_batch, no_gradient, not_deterministic

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Match", "OpenedEncoder", "checked"]

_BATCH = 64
"""Pictures that are encoded at a time, at most."""
_TRIED = 8
"""Pictures of a sample that an encoder is tried with, at most."""
_EQUAL = 1e-3
"""A stored row is that of its picture where no number differs by more than this share of the
largest: another processor or another library sums in another order."""


@dataclass(frozen=True)
class Match:
    """How well an encoder gives back what is stored.

    Attributes:
        equal: share of the records whose stored row is what the encoder gives of the picture.
        nearest: share whose stored row is the nearest one, of all given, to what the encoder
            gives: near 1 where a defense was added, near chance where rows and pictures are
            not in the same order.
        difference: mean absolute difference of all numbers.
    """

    equal: float
    nearest: float
    difference: float


@dataclass(frozen=True, eq=False)
class OpenedEncoder:
    """An encoder that was tried; it is a :class:`privkit.models.encoder.Encoder`.

    Attributes:
        source: the encoder as it was given.
        shape: height and width of the pictures.
        width: numbers that it stores of a picture.
        differentiable: whether it gave a gradient; without one only black-box attacks run.
        notes: what was noticed, a sentence each.
    """

    source: Source
    shape: tuple[int, int]
    width: int
    differentiable: bool
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the user gave."""
        return self.source.name

    @property
    def attacked(self) -> Encoder:
        """What the attacks are given: this, or privkit's own network itself.

        A network whose gradient vanishes is a black box, as :attr:`notes` say.
        """
        itself = self.source.itself
        return itself if itself is not None and self.differentiable else self

    def store(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is stored of pictures ``(n, h·w)`` in [-1, 1]: ``(n, width)``.

        Raises:
            InputError: the encoder raises, or returns something else.
        """
        if not len(pixels):
            return np.empty((0, self.width), np.float32)
        # Parts of about one size: a batch of one picture is a special case of some networks.
        parts = np.array_split(pixels, -(-len(pixels) // _BATCH))
        return np.concatenate([encoded(self.source, part, self.width) for part in parts])

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:
        """The same as a differentiable function of a tensor ``(n, h·w)``: ``(n, width)``.

        Raises:
            InputError: the encoder gives no gradient, raises, or returns something else.
        """
        import torch

        if not self.differentiable or self.source.relaxed is None:
            raise InputError(
                "the encoder gives no gradient", where=self.name, rule="a black-box attack"
            )
        try:
            out = self.source.relaxed(pixels, through)
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            raise raised(self.name, error) from error
        if not isinstance(out, torch.Tensor) or out.shape[:1] != pixels.shape[:1]:
            raise returned(self.name, out, len(pixels), self.width)
        return out.flatten(1)

    def matches(self, stored: NDArray[np.float32], pixels: NDArray[np.float32]) -> Match:
        """Tell whether the encoder gives back what is stored of pictures.

        Args:
            stored: ``(n, width)``, the stored rows of the pictures; a few thousand at most.
            pixels: ``(n, h·w)`` in [-1, 1], in the same order.

        Raises:
            InputError: the encoder raises, returns something else, or of another width.
        """
        if stored.shape != (len(pixels), self.width) or not len(pixels):
            raise InputError(
                "the encoder does not give what is stored",
                where=self.name,
                rule=f"rows of {stored.shape[1]} numbers, one for each of {len(stored)} records",
                found=f"{self.width} numbers for each of {len(pixels)} pictures",
            )
        wide, ours = stored.astype(np.float64), self.store(pixels).astype(np.float64)
        off = np.abs(wide - ours)
        limit = _EQUAL * max(1.0, float(np.abs(wide).max()))
        squares = (wide**2).sum(axis=1)[None] - 2 * ours @ wide.T  # up to what is equal in a row
        own = np.diagonal(squares)
        near = own <= squares.min(axis=1) + 1e-9 * (1 + np.abs(own))
        return Match(
            float((off.max(axis=1) <= limit).mean()), float(near.mean()), float(off.mean())
        )


def checked(
    source: Source, shape: tuple[int, int], pixels: NDArray[np.float32], width: int | None
) -> OpenedEncoder:
    """Try an encoder on a few pictures.

    Args:
        source: the encoder.
        shape: height and width of the pictures.
        pixels: pictures ``(n, h·w)`` in [-1, 1], of which the first eight are used.
        width: numbers that are stored of a picture, where that is known.

    Raises:
        InputError: it raises, or returns something else than one row of ``width`` finite numbers
            a picture.
    """
    pixels = pixels[:_TRIED]
    first = encoded(source, pixels, width)
    # What changes by itself cannot be seen to change with the batch.
    notes = not_deterministic(source, pixels, first) or depends_on_batch(source, pixels, first)
    why = no_gradient(source, pixels)
    if why:
        notes.append(f"the encoder gives no gradient ({why}): only black-box attacks are run.")
    return OpenedEncoder(source, shape, first.shape[1], not why, tuple(notes))
