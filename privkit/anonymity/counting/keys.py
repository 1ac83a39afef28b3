"""What counting asks of a kind of key, be it integers or rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.counting.sizes import Sizes
from privkit.errors import InputError

__all__ = [
    "Block",
    "Keys",
    "check_unchanged",
    "counter_type",
    "parts_for",
    "power_of_two",
    "room_for_large",
]

Block = NDArray[Any]
"""Keys in a row: ``(m,)`` integers or ``(m, words)`` rows, contiguous and aligned."""

_IN_CACHE = 1 << 15  # bytes of keys of a part, so that its table stays in the first two caches
_MOST_PARTS = 1 << 13  # more streams than this at a time miss the cache themselves


class Keys(Protocol):
    """A kind of key: how keys are divided by hash and counted.

    Keys are divided level by level, each by further bits of the hash; after ``levels(bits)``
    levels of ``bits`` bits, all keys of a part are equal.
    """

    @property
    def nbytes(self) -> int:
        """Bytes of a key."""

    @property
    def name(self) -> str:
        """A word for the kind, for the names of spill folders."""

    def take(self, data: NDArray[np.uint8]) -> Block:
        """Read keys from the bytes of a block."""

    def levels(self, bits: int) -> int:
        """Return after how many levels of ``bits`` bits all keys of a part are equal."""

    def split(self, block: Block, bits: int, level: int) -> tuple[Block, NDArray[np.int64]]:
        """Order a block by part; returns it with the ``2**bits + 1`` bounds of the parts."""

    def count(self, blocks: Sequence[Block], bits: int, level: int, sizes: Sizes) -> None:
        """Count keys in memory, all from one part after ``level`` levels of ``bits`` bits."""

    def tally(self, blocks: Iterable[Block], memory: int) -> NDArray[np.int64] | None:
        """Count keys in one table of at most ``memory`` bytes; ``None`` if they do not fit."""


def power_of_two(least: float) -> int:
    """Return the smallest power of two that is not below ``least``, at least 1."""
    return 1 << max(0, int(np.ceil(least)) - 1).bit_length()


def parts_for(nbytes: int, left: int) -> int:
    """Return into how many bits of parts to divide ``nbytes`` of keys, with ``left`` bits left."""
    return min(left, min(_MOST_PARTS, power_of_two(nbytes / _IN_CACHE)).bit_length() - 1)


def room_for_large(n: int, sizes: Sizes) -> NDArray[np.int64]:
    """Return room for all class sizes of ``n`` records that are too large for ``sizes.small``."""
    return np.zeros(n // sizes.small.size + 1, dtype=np.int64)


def check_unchanged(ends: NDArray[np.int64], bounds: NDArray[np.int64]) -> None:
    """Check that the second reading of the keys has found what the first one has.

    Args:
        ends: shape ``(parts,)``, where the keys of each part ended.
        bounds: shape ``(parts + 1,)``, where the first reading says that they end.

    Raises:
        InputError: if not, because a mapped file is being written to.
    """
    if (ends != bounds[1:]).any():
        raise InputError(
            "the codes changed while they were counted",
            where="codes",
            rule="nobody writes to the file while it is read",
            remedy="count again when it is complete",
        )


def counter_type(n: int) -> np.dtype[Any]:
    """Return the smaller type that can count ``n`` equal records."""
    return np.dtype(np.uint32 if n < 1 << 32 else np.int64)
