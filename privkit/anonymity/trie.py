"""The binary trie of stored codes: sorted once, it holds the classes of every prefix length.

Codes are read into memory. Narrow codes, of which there are more records than possible values,
are counted in a histogram instead, a block at a time, so that their number does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.prefix_input import known
from privkit.anonymity.prefix_kernels import (
    break_ties,
    next_nodes,
    shared_by_integers,
    shared_by_words,
)
from privkit.features.codes import Codes
from privkit.features.stored import CHUNK, StoredCodes

__all__ = [
    "Nodes",
    "SortedCodes",
    "Trie",
    "build_trie",
    "distinct_codes",
    "sort_codes",
]

HISTOGRAM_BITS = 24
BLOCK = 1 << 13
"""Nodes handed on at a time: with five numbers each, a block stays in the processor's cache."""

WORD = 64


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of a trie, children before their parent; every array has shape ``(m,)``, int64.

    Attributes:
        start: the first record of the node, counted in the order of the codes.
        end: the record after its last one.
        own: leading bits that all its records share; N for the class of one full code.
        parent: leading bits shared beyond the node, -1 for the root. The node is an equivalence
            class of the prefixes of ``parent + 1`` to ``own`` bits.
        people: distinct people in it; its records where people are not told apart.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    own: NDArray[np.int64]
    parent: NDArray[np.int64]
    people: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trie:
    """The distinct codes in lexicographic order, known by what neighbours share.

    Attributes:
        bits: N.
        shared: shape ``(m - 1,)``, int32, leading bits shared by neighbours, below N.
        bounds: shape ``(m + 1,)``, int64: the records of distinct code ``i`` are ``bounds[i]`` to
            ``bounds[i + 1] - 1`` in the order of the codes.
    """

    bits: int
    shared: NDArray[np.int32]
    bounds: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Records."""
        return int(self.bounds[-1])

    def nodes(
        self, previous: NDArray[np.int64] | None = None, *, block: int = BLOCK
    ) -> Iterator[Nodes]:
        """Yield all nodes in blocks.

        The arrays of a block are overwritten by the next one.

        Args:
            previous: shape ``(n,)``, of :func:`previous_of_person` in the order of the codes, to
                count people.
            block: nodes in a block.
        """
        if previous is None:
            previous = np.empty(0, dtype=np.int64)
        state = np.zeros(2, dtype=np.int64)
        stack = np.zeros((3, self.bits + 2), dtype=np.int64)
        out = np.empty((5, max(block, 2 * (self.bits + 3))), dtype=np.int64)
        while filled := next_nodes(
            self.shared, self.bounds, previous, self.bits, state, stack, out
        ):
            yield Nodes(*out[:, :filled])

    @classmethod
    def from_neighbours(cls, bits: int, shared: NDArray[np.int32]) -> Trie:
        """Build from what neighbouring *records* share, ``(n - 1,)``, equal ones N bits."""
        differ = np.flatnonzero(shared < bits)
        bounds = np.empty(differ.size + 2, dtype=np.int64)
        bounds[0], bounds[-1] = 0, shared.size + 1
        np.add(differ, 1, out=bounds[1:-1])
        return cls(bits, shared[differ], bounds)


@dataclass(frozen=True, eq=False)
class SortedCodes:
    """Codes with the order in which they are sorted.

    Attributes:
        words: shape ``(n, W)``, uint64, the codes in the order of the file; bit 0 is the most
            significant bit of the first word.
        order: shape ``(n,)``, int64, the record at each place of the order of the codes.
        trie: of the same codes.
    """

    words: NDArray[np.uint64]
    order: NDArray[np.int64]
    trie: Trie


def build_trie(stored: StoredCodes | Codes) -> Trie:
    """Build the trie without keeping track of which record is where: faster, and smaller.

    Args:
        stored: codes whose N is known.

    Raises:
        InputError: if N is not known.
    """
    stored, bits = known(stored)
    if bits > WORD:
        return sort_codes(stored).trie
    if _narrow(stored, bits):
        return _histogram(stored, bits)[1]
    values = _integers(stored, bits)
    values.sort()
    return Trie.from_neighbours(bits, shared_by_integers(values, bits))


def sort_codes(stored: StoredCodes | Codes) -> SortedCodes:
    """Sort codes of any N lexicographically.

    Args:
        stored: codes whose N is known.

    Raises:
        InputError: if N is not known.
    """
    stored, bits = known(stored)
    words = _words(stored, bits)
    place_bits = (stored.n - 1).bit_length()
    if bits + place_bits <= WORD:  # sorting code and place as one number beats an argsort
        both = words[:, 0] >> np.uint64(WORD - bits) << np.uint64(place_bits)
        both |= np.arange(stored.n, dtype=np.uint64)
        both.sort()
        order = (both & np.uint64((1 << place_bits) - 1)).astype(np.int64)
    else:
        order = np.argsort(words[:, 0]).astype(np.int64, copy=False)
        if words.shape[1] > 1:
            break_ties(words, order)
    trie = Trie.from_neighbours(bits, shared_by_words(words, order, bits))
    return SortedCodes(words, order, trie)


def distinct_codes(stored: StoredCodes | Codes) -> tuple[NDArray[np.uint64], Trie]:
    """Return the distinct codes in order, shape ``(m, W)`` as in ``SortedCodes``, and their trie.

    Args:
        stored: codes whose N is known.

    Raises:
        InputError: if N is not known.
    """
    stored, bits = known(stored)
    if _narrow(stored, bits):
        values, trie = _histogram(stored, bits)
        return (values << np.uint64(WORD - bits))[:, None], trie
    found = sort_codes(stored)
    return found.words[found.order[found.trie.bounds[:-1]]], found.trie


def _narrow(stored: StoredCodes, bits: int) -> bool:
    """Tell whether a histogram of all values takes no more memory than the codes."""
    return bits <= HISTOGRAM_BITS and 1 << bits <= max(CHUNK, stored.n)


def _histogram(stored: StoredCodes, bits: int) -> tuple[NDArray[np.uint64], Trie]:
    counts = np.zeros(1 << bits, dtype=np.int64)
    for chunk in stored.integer_chunks(max(CHUNK, 1 << bits)):
        # Safe: the values are known to lie below 2**bits, and bincount refuses uint64.
        part = np.bincount(chunk.astype(np.intp, copy=False))
        counts[: part.size] += part
    present = np.flatnonzero(counts)
    bounds = np.concatenate(([0], np.cumsum(counts[present])))
    values = present.astype(np.uint64)
    return values, Trie(bits, shared_by_integers(values, bits), bounds)


def _integers(stored: StoredCodes, bits: int) -> NDArray[Any]:
    """Read codes of at most 64 bits into the smallest type that sorts fast."""
    kind = np.uint32 if bits <= 32 else np.uint64
    values = np.empty(stored.n, dtype=kind)
    start = 0
    for chunk in stored.integer_chunks():
        values[start : start + len(chunk)] = chunk
        start += len(chunk)
    return values


def _words(stored: StoredCodes, bits: int) -> NDArray[np.uint64]:
    """Read codes into rows of uint64, bit 0 first."""
    if bits <= WORD:
        narrow = _integers(stored, bits).astype(np.uint64, copy=False)
        narrow <<= np.uint64(WORD - bits)
        return narrow[:, None]
    width = -(-bits // WORD)
    words = np.zeros((stored.n, width), dtype=np.uint64)
    octets = words.view(np.uint8)
    start = 0
    for chunk in stored.packed_chunks():
        octets[start : start + len(chunk), : chunk.shape[1]] = chunk
        start += len(chunk)
    if np.little_endian:
        words.byteswap(inplace=True)
    return words
