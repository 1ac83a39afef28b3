"""What each bit adds, counted in people: their k where that one bit is not stored.

The classes that become one without a bit are those of :mod:`privkit.anonymity.contribution`; of
two such classes the people are united. A person's k without the bit is the smallest class, in
people, among their records, and is found for one bit after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.contribution_kernels import compare, first_with_one
from privkit.anonymity.grouping import group_labels
from privkit.anonymity.trie import Trie

__all__ = ["PeopleContribution", "people_contribution"]


@dataclass(frozen=True, eq=False)
class PeopleContribution:
    """People without each bit; arrays have shape ``(N,)`` unless said otherwise.

    Attributes:
        n: people.
        whole_k: distinct people in the smallest class with all bits.
        whole_uniques: people with a class of their own with all bits.
        k: distinct people in the smallest class without the bit.
        uniques: people with a class of their own without the bit.
        below: shape ``(thresholds, N)``: people whose k is smaller than the threshold.
    """

    n: int
    whole_k: int
    whole_uniques: int
    k: NDArray[np.int64]
    uniques: NDArray[np.int64]
    below: NDArray[np.int64]


def people_contribution(
    words: NDArray[np.uint64],
    trie: Trie,
    persons: NDArray[np.int64],
    thresholds: tuple[int, ...],
) -> PeopleContribution:
    """Count the people that each bit exposes, exactly.

    Args:
        words: shape ``(m, W)``, the distinct codes in the order of the trie.
        trie: of the codes, one tree for each class of metadata.
        persons: shape ``(n,)``, the person of each record, in the order of the codes.
        thresholds: the k's below which people are counted.
    """
    people = group_labels(persons)
    # Each class and person once: ascending, it goes through the classes and their people.
    codes = np.repeat(np.arange(words.shape[0]), np.diff(trie.bounds))
    pairs = np.unique(codes * people.classes + people.labels, return_counts=True)[0]
    code, member = np.divmod(pairs, people.classes)
    starts = np.searchsorted(code, np.arange(words.shape[0] + 1)).astype(np.int64)
    whole = np.diff(starts)
    first, last, at = _splits(trie)
    k = np.zeros(trie.bits, dtype=np.int64)
    uniques = np.zeros(trie.bits, dtype=np.int64)
    below = np.zeros((len(thresholds), trie.bits), dtype=np.int64)
    own = np.empty(people.classes, dtype=np.int64)
    _smallest(whole, code, member, own)
    whole_k, whole_uniques = int(own.min()), int((own == 1).sum())
    for bit in range(trie.bits):
        sizes = whole.copy()
        nodes = slice(*np.searchsorted(at, [bit, bit + 1]))
        _unite(first[nodes], last[nodes], bit, words, starts, member, sizes)
        _smallest(sizes, code, member, own)
        k[bit], uniques[bit] = own.min(), (own == 1).sum()
        below[:, bit] = [(own < limit).sum() for limit in thresholds]
    return PeopleContribution(people.classes, whole_k, whole_uniques, k, uniques, below)


def _splits(trie: Trie) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return where the codes part: first and last + 1 distinct code and bit, by the bit."""
    by_code = Trie(trie.bits, trie.shared, np.arange(trie.bounds.size))
    found = []
    for nodes in by_code.nodes():
        inner = nodes.own < trie.bits
        found.append(np.stack([nodes.start[inner], nodes.end[inner], nodes.own[inner]]))
    first, last, at = np.concatenate(found, axis=1)
    order = np.argsort(at, kind="stable")
    return first[order], last[order], at[order]


@njit(cache=True)
def _unite(
    first: Any, last: Any, bit: int, words: Any, starts: Any, member: Any, sizes: Any
) -> None:
    """Give classes that become one without a bit the number of people of both.

    Args:
        first: of the nodes that part at this bit, as distinct codes.
        last: of the nodes, the code after the last one.
        bit: the bit.
        words: ``(m, W)``, the distinct codes, ascending in each tree.
        starts: ``(m + 1,)``, where the people of each code begin in ``member``.
        member: the people of each code, ascending.
        sizes: ``(m,)``, people of each code; changed.
    """
    for node in range(first.size):
        half = first_with_one(words, first[node], last[node], bit)
        zero, one = first[node], half
        while zero < half and one < last[node]:
            order = compare(words, zero, one, bit)
            if order < 0:
                zero += 1
            elif order > 0:
                one += 1
            else:
                a, b = starts[zero], starts[one]
                both = 0
                while a < starts[zero + 1] and b < starts[one + 1]:
                    if member[a] == member[b]:
                        both += 1
                        a += 1
                        b += 1
                    elif member[a] < member[b]:
                        a += 1
                    else:
                        b += 1
                united = sizes[zero] + sizes[one] - both
                sizes[zero], sizes[one] = united, united
                zero += 1
                one += 1


@njit(cache=True)
def _smallest(sizes: Any, code: Any, member: Any, own: Any) -> None:
    """Find the k of each person: the smallest of their classes."""
    own[:] = np.iinfo(np.int64).max
    for pair in range(code.size):
        own[member[pair]] = min(own[member[pair]], sizes[code[pair]])
