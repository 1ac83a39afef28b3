"""Anonymity at every prefix length: what would hold if only the first L bits were stored.

The paper stores a variable number of bits; hash-based k-anonymity (Google's 'k-anonymity
server', Li et al. 2021) reveals a prefix of a hash that is long enough to be useful and short
enough to be shared. Cutting bits merges classes and never splits one, so k can only rise and
unique records only become fewer.

Where metadata are stored beside the code, a class is the metadata together with a prefix, and 0
bits leave the metadata alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping, group_labels, join
from privkit.anonymity.own_lengths import OwnLengths, own_lengths
from privkit.anonymity.prefix_input import check_k, check_persons, known
from privkit.anonymity.prefix_kernels import previous_of_person
from privkit.anonymity.trie import Trie, build_trie
from privkit.anonymity.within import sort_within, trees
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes

__all__ = ["PeoplePrefixes", "Prefixes", "prefix_counts"]


@dataclass(frozen=True, eq=False)
class PeoplePrefixes:
    """Anonymity in people at every prefix length.

    Attributes:
        n: people.
        k: shape ``(N + 1,)``, distinct people in the smallest class at each length from 0 to N.
        thresholds: ascending.
        below: shape ``(thresholds, N + 1)``: people of whom some record lies in a class of fewer
            distinct people than the threshold.
    """

    n: int
    k: NDArray[np.int64]
    thresholds: tuple[int, ...]
    below: NDArray[np.int64]

    def longest(self, k: int) -> int | None:
        """Return the most leading bits that keep k >= ``k`` people, ``None`` if not even 0 do."""
        return _longest(self.k, k)


@dataclass(frozen=True, eq=False)
class Prefixes:
    """Anonymity in records at every prefix length from 0 to N.

    Attributes:
        n: records.
        bits: N.
        classes: shape ``(N + 1,)``, equivalence classes that occur.
        k: shape ``(N + 1,)``, records in the smallest class.
        uniques: shape ``(N + 1,)``, records alone in their class.
        entropy: shape ``(N + 1,)``, plug-in Shannon entropy in bits.
        thresholds: ascending.
        below: shape ``(thresholds, N + 1)``, records in classes smaller than the threshold.
        people: the same for people; ``None`` where they are not known.
        own: what a length of its own for each record would keep, one entry a threshold that was
            asked for; in people where they are known.
    """

    n: int
    bits: int
    classes: NDArray[np.int64]
    k: NDArray[np.int64]
    uniques: NDArray[np.int64]
    entropy: NDArray[np.float64]
    thresholds: tuple[int, ...]
    below: NDArray[np.int64]
    people: PeoplePrefixes | None
    own: tuple[OwnLengths, ...] = ()

    def longest(self, k: int) -> int | None:
        """Return the most leading bits that keep k >= ``k`` records, ``None`` if not even 0 do."""
        return _longest(self.k, k)


def prefix_counts(
    stored: StoredCodes | Codes,
    *,
    thresholds: Sequence[int] = (2, 5, 10, 100),
    persons: NDArray[np.int64] | None = None,
    metadata: Grouping | None = None,
    own: Sequence[int] = (),
) -> Prefixes:
    """Count the classes of every prefix length in one pass over the sorted codes.

    Args:
        stored: codes whose N is known.
        thresholds: the k's below which records, and people, are counted.
        persons: shape ``(n,)``, dense ids from 0, to count people as well.
        metadata: the class of each record by what is stored beside its code: prefixes are then
            counted within it.
        own: the k's for which lengths of their own are chosen; not within metadata.

    Returns:
        The counts, exact, at each length from 0 to N.

    Raises:
        InputError: if N is not known, a threshold is no whole number of at least 1, or the
            persons do not belong to the codes.
    """
    limits = tuple(sorted({check_k(threshold, where="--k") for threshold in thresholds}))
    chosen = tuple(sorted({check_k(k, where="--k") for k in own}))
    if metadata is not None and chosen:
        raise InputError(
            "lengths of their own are chosen of codes alone",
            where="own",
            rule="without metadata, whose classes share no prefix",
            found=chosen,
        )
    if persons is None and metadata is None:
        trie = build_trie(stored)
        lengths = tuple(own_lengths(trie, k) for k in chosen)
        return _of_records(trie, limits, None, lengths)
    stored, _ = known(stored)
    if persons is not None:
        persons = check_persons(persons, stored.n)
    found = sort_within(stored, metadata)
    if persons is None:
        return _of_records(found.trie, limits, None)
    ordered = persons[found.order]
    people = _of_people(found.trie, ordered, limits)
    lengths = tuple(own_lengths(found.trie, k, ordered) for k in chosen)
    return _of_records(found.trie, limits, people, lengths)


def _longest(ks: NDArray[np.int64], k: int) -> int | None:
    """Return the last length with k >= ``k``; k never rises with the length."""
    lengths = int(np.count_nonzero(ks >= check_k(k, where="k")))
    return lengths - 1 if lengths else None


def _of_records(
    trie: Trie,
    limits: tuple[int, ...],
    people: PeoplePrefixes | None,
    own: tuple[OwnLengths, ...] = (),
) -> Prefixes:
    # One more place than lengths: a class of N bits ends its range there.
    lengths = trie.bits + 2
    wanted = np.array((2, *limits), dtype=np.int64)
    classes = np.zeros(lengths, dtype=np.int64)
    smallest = np.full(lengths, trie.n, dtype=np.int64)
    below = np.zeros((wanted.size, lengths), dtype=np.int64)
    weighted = np.zeros(lengths)
    for nodes in trie.nodes():
        _tally(
            nodes.end - nodes.start,
            nodes.own,
            nodes.parent,
            wanted,
            classes,
            smallest,
            below,
            weighted,
        )
    below = np.cumsum(below, axis=1)[:, :-1]
    entropy = np.log2(trie.n) - np.cumsum(weighted)[:-1] / trie.n
    return Prefixes(
        n=trie.n,
        bits=trie.bits,
        classes=np.cumsum(classes)[:-1],
        k=np.minimum.accumulate(smallest)[:-1],
        uniques=below[0],
        entropy=np.clip(entropy, 0.0, np.log2(trie.n)),
        thresholds=limits,
        below=below[1:],
        people=people,
        own=own,
    )


def _of_people(trie: Trie, persons: NDArray[np.int64], limits: tuple[int, ...]) -> PeoplePrefixes:
    present = np.flatnonzero(np.bincount(persons))  # a part of the records may lack some people
    people = present.size
    lengths = trie.bits + 2
    smallest = np.full(lengths, people, dtype=np.int64)
    if (trie.shared < 0).any():
        # A person counts once in each tree: in two of them, the same person is two ids here.
        each = join(group_labels(trees(trie)), group_labels(persons))
        previous = previous_of_person(each.labels, each.classes)
    else:
        previous = previous_of_person(persons, int(persons.max()) + 1)
    for nodes in trie.nodes(previous):
        np.minimum.at(smallest, nodes.parent + 1, nodes.people)
    below = np.zeros((len(limits), lengths), dtype=np.int64)
    for row, limit in enumerate(limits):
        # A pass for each threshold: it is cheap, and the memory does not grow with them.
        falls = np.full(persons.max() + 1, lengths, dtype=np.int64)
        covered = np.zeros(trie.n, dtype=np.int64)
        for nodes in trie.nodes(previous):
            _fall(
                nodes.start,
                nodes.end,
                nodes.own,
                nodes.parent,
                nodes.people,
                limit,
                persons,
                covered,
                falls,
            )
        below[row] = np.cumsum(np.bincount(falls[present], minlength=lengths + 1))[:lengths]
    return PeoplePrefixes(people, np.minimum.accumulate(smallest)[:-1], limits, below[:, :-1])


@njit(cache=True)
def _tally(
    sizes: Any,
    owns: Any,
    parents: Any,
    limits: Any,
    classes: Any,
    smallest: Any,
    below: Any,
    weighted: Any,
) -> None:
    """Add nodes to counts by length: each is a class for the lengths ``(parent, own]``.

    ``classes``, ``below`` and ``weighted`` (sums of ``s log2 s``) receive differences between a
    length and the one before it; ``smallest`` the smallest class that begins at a length.
    """
    for node in range(sizes.size):
        size, first, after = sizes[node], parents[node] + 1, owns[node] + 1
        classes[first] += 1
        classes[after] -= 1
        smallest[first] = min(smallest[first], size)
        if size > 1:
            weight = size * np.log2(size)
            weighted[first] += weight
            weighted[after] -= weight
        for row in range(limits.size):
            if size < limits[row]:
                below[row, first] += size
                below[row, after] -= size


@njit(cache=True)
def _fall(
    starts: Any,
    ends: Any,
    owns: Any,
    parents: Any,
    people: Any,
    limit: int,
    persons: Any,
    covered: Any,
    falls: Any,
) -> None:
    """Note at which length each person first lies in a class of fewer people than ``limit``.

    A record lies in a large enough class up to the length of the deepest node around it with
    enough people. Children come before their parents, so that is the first such node that covers
    it. ``covered[i]`` is the end of the covered block that begins at ``i``, so that a node steps
    over what its children have covered, and each record is looked at once. Where even all people
    of a tree together are too few, 0 bits fall short for each of them.
    """
    for node in range(starts.size):
        if people[node] < limit:
            if parents[node] < 0:
                for place in range(starts[node], ends[node]):
                    falls[persons[place]] = 0
            continue
        place = starts[node]
        while place < ends[node]:
            if covered[place]:
                place = covered[place]
                continue
            person = persons[place]
            falls[person] = min(falls[person], owns[node] + 1)
            place += 1
        covered[starts[node]] = ends[node]
