"""What every defense offers, and how noise is drawn once, at storing time."""

from __future__ import annotations

import hashlib
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = [
    "FLOAT_BITS",
    "Cell",
    "Defense",
    "Learned",
    "NoCell",
    "Noisy",
    "check_between",
    "check_whole",
    "fitted",
    "storing_generator",
]

#: Bits of one stored 32-bit float.
FLOAT_BITS = 32

#: Lowest and highest feature that stored values stand for, each ``(n, width)``.
Cell: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


class Defense(Protocol):
    """What is done to a feature before it is stored.

    A defense is immutable, and what it stores is a function of its settings and of what it is
    given: the same call gives the same bytes.
    """

    @property
    def name(self) -> str:
        """Short name for tables, e.g. ``"16 bits"``."""
        ...

    @property
    def bottleneck_bits(self) -> int | None:
        """Width of the bottleneck that the network is trained with; ``None`` for none."""
        ...

    @property
    def nominal_bits(self) -> int:
        """Bits that one stored face takes on paper."""
        ...

    def apply(self, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn what the network gives, ``(n, width)``, into what is stored."""
        ...

    def cell(self, stored: NDArray[np.float32]) -> Cell | None:
        """The interval of features that each stored value stands for.

        Args:
            stored: ``(n, width)``, what :meth:`apply` gave.

        Returns:
            ``None`` where a stored value does not stand for an interval of its own.
        """
        ...


class NoCell:
    """Mixed into a defense whose stored values stand for no interval of their own."""

    def cell(self, stored: NDArray[np.float32]) -> Cell | None:  # noqa: ARG002 - as of Defense
        """``None``."""
        return None


@runtime_checkable
class Learned(Protocol):
    """The recipe of a defense that learns from the network's features before it can store any."""

    def fit(self, features: NDArray[np.float32]) -> Defense:
        """The defense, learned from features ``(n, width)`` of the network's training photos."""
        ...


@runtime_checkable
class Noisy(Protocol):
    """A defense that draws noise when it stores.

    An adversary who knows the network may store his own photos without the noise: what he
    compares with, or learns from, is then sharper. An attack on a noisy store is tried both ways.
    """

    @property
    def without_noise(self) -> Defense:
        """The same store before any noise."""
        ...


def fitted(defense: Defense | Learned, features: NDArray[np.float32]) -> Defense:
    """The defense, once it has learned what it has to.

    Args:
        defense: a defense, or the recipe of one.
        features: ``(n, width)`` of the network's training photos; nobody else's.

    Raises:
        InputError: too few features to learn from.
    """
    return defense.fit(features) if isinstance(defense, Learned) else defense


def storing_generator(seed: int, stored: NDArray[np.float32]) -> np.random.Generator:
    """The noise of one act of storing, keyed by a secret seed and by all that is stored in it.

    Rows draw from one stream by their place, so photos with equal features (frequent among short
    codes) still get noise of their own; noise keyed by the row alone would map a code to one other
    code for good, and protect nothing. Another batch draws another stream: an adversary who holds
    the same defense and stores his own photos meets fresh noise, never that of the targets, unless
    he gives it the very features of all targets, which leaves nothing to protect.

    Args:
        seed: at least 0.
        stored: ``(n, width)``, before the noise.
    """
    array = np.ascontiguousarray(stored, dtype=np.float32)
    digest = hashlib.sha256(f"{array.shape}".encode())
    digest.update(array.tobytes())
    return np.random.default_rng([seed, *np.frombuffer(digest.digest(), dtype=np.uint32)])


def check_whole(value: int, what: str, where: str, low: int, high: int) -> None:
    """Refuse what is no whole number from ``low`` to ``high``.

    Raises:
        InputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(
            f"{what} is out of range",
            where=where,
            rule=f"a whole number from {low:,} to {high:,}",
            found=value,
        )


def check_between(value: float, what: str, where: str, low: float, high: float) -> None:
    """Refuse what is no number from ``low`` to ``high``.

    Raises:
        InputError: it is not.
    """
    if not low <= value <= high:  # neither is NaN
        raise InputError(
            f"{what} is out of range", where=where, rule=f"from {low:g} to {high:g}", found=value
        )
