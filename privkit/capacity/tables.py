"""The tables: what N bits can and cannot carry (the paper's Tables 1 and 5).

A code of N bits takes one of 2^N values, so it cannot carry an item whose value space is larger.
That bounds carrying the *whole* item. It does not bound narrowing the item down: 10 bits cut the
candidates for a person's name by up to a factor of 1,024, and may name one of 40 known people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privkit.capacity.items import Item
from privkit.errors import InputError

__all__ = ["BOUND", "Level", "Verdict", "levels", "verdicts"]

#: Every table of this module has to be read with this sentence.
BOUND = (
    "This bounds carrying the whole item, not narrowing it down: 'impossible' means that N bits "
    "cannot hold the item for everybody, not that a code says nothing about it. A 16-bit code "
    "cannot carry a face, yet it can name the right person among known ones."
)

_MAX_BITS = 10**9


@dataclass(frozen=True)
class Verdict:
    """Whether one item fits at each of several levels.

    Attributes:
        item: the item.
        bits: base-2 logarithm of its value space.
        possible: one flag a level, in the order of the levels asked for.
    """

    item: Item
    bits: float
    possible: tuple[bool, ...]


@dataclass(frozen=True)
class Level:
    """What one level of compression can tell apart at most.

    Attributes:
        bits: bits stored for each video or face.
        bytes: bytes for a million of them, packed.
        compression: how many times smaller than the reference feature.
        people_per_code: the paper's ideal k, population / 2^bits; below 1 the codes outnumber
            the people.
    """

    bits: int
    bytes_per_million: int
    compression: float
    people_per_code: float


def _check_bits(bits: Sequence[int]) -> None:
    for b in bits:
        if not 1 <= b <= _MAX_BITS:
            raise InputError(
                "the number of bits is out of range",
                where="--bits",
                rule=f"a whole number from 1 to {_MAX_BITS:,}",
                found=b,
            )


def verdicts(items: Sequence[Item], bits: Sequence[int]) -> list[Verdict]:
    """Say for each item whether it fits at each level; smallest item first.

    Raises:
        InputError: a level below 1 or above 10^9 bits.
    """
    _check_bits(bits)
    rows = [Verdict(i, i.space.bits, tuple(i.space.fits(b) for b in bits)) for i in items]
    return sorted(rows, key=lambda row: row.bits)


def levels(bits: Sequence[int], *, reference_bits: int, population: int) -> list[Level]:
    """Size, compression and ideal k of each level (the paper's Table 1 and section 5).

    Args:
        bits: the levels.
        reference_bits: bits of the feature that is compressed, e.g. 1,769,472 for a TGIF clip.
        population: how many people the codes are spread over.

    Raises:
        InputError: a level below 1 or above 10^9 bits.
    """
    _check_bits(bits)
    return [
        Level(
            b,
            -(-b * 1_000_000 // 8),
            reference_bits / b,
            population / 2.0**b if b < 1000 else 0.0,
        )
        for b in bits
    ]
