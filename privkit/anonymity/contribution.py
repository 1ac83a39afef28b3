"""What each bit adds: the classes that would remain if that one bit were not stored.

Two codes become one without bit ``j`` only if they differ in nothing else. They then part at a
node of the trie that shares exactly ``j`` bits, one on each side, so that a merge of the two
sides, sorted as they are, finds every such pair. All bits together cost the sum of the depths of
the codes in their trie, about ``m log2 m`` for ``m`` distinct codes that are evenly spread and
``m N`` at the most, where counting anew for each bit would sort ``N`` times.

Where metadata are stored beside the code, only codes of the same metadata become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.contribution_kernels import WORD, compare, first_with_one
from privkit.anonymity.contribution_people import PeopleContribution, people_contribution
from privkit.anonymity.entropy import shannon
from privkit.anonymity.grouping import Grouping
from privkit.anonymity.prefix_input import check_k, check_persons, known
from privkit.anonymity.trie import Trie, distinct_codes
from privkit.anonymity.within import sort_within
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes

__all__ = ["Contribution", "contribution"]


@dataclass(frozen=True, eq=False)
class Contribution:
    """The classes without each bit; arrays have shape ``(N,)`` unless said otherwise.

    Attributes:
        n: records.
        bits: N.
        whole: the classes with all bits.
        ones: share of the records in which the bit is 1.
        own_entropy: Shannon entropy of the bit alone, 0 to 1 bit.
        classes: equivalence classes without the bit.
        k: records in the smallest class without the bit.
        uniques: records alone in their class without the bit.
        entropy: plug-in Shannon entropy of the codes without the bit, in bits.
        thresholds: ascending.
        below: shape ``(thresholds, N)``: records in classes smaller than the threshold.
        people: the same for people; ``None`` where they are not known.
    """

    n: int
    bits: int
    whole: ClassCounts
    ones: NDArray[np.float64]
    own_entropy: NDArray[np.float64]
    classes: NDArray[np.int64]
    k: NDArray[np.int64]
    uniques: NDArray[np.int64]
    entropy: NDArray[np.float64]
    thresholds: tuple[int, ...]
    below: NDArray[np.int64]
    people: PeopleContribution | None = None

    @property
    def entropy_lost(self) -> NDArray[np.float64]:
        """Shannon entropy that leaves with the bit: ``H(bit | all other bits)``, in bits."""
        return np.maximum(0.0, shannon(self.whole) - self.entropy)


def contribution(
    stored: StoredCodes | Codes,
    *,
    thresholds: Sequence[int] = (2, 5, 10, 100),
    persons: NDArray[np.int64] | None = None,
    metadata: Grouping | None = None,
) -> Contribution:
    """Count the classes that remain without each bit, exactly.

    Args:
        stored: codes whose N is known.
        thresholds: the k's below which records, and people, are counted.
        persons: shape ``(n,)``, dense ids from 0, to count people as well.
        metadata: the class of each record by what is stored beside its code, if anything is.

    Raises:
        InputError: if N is not known, a threshold is no whole number of at least 1, or the
            persons or metadata do not belong to the codes.
    """
    limits = tuple(sorted({check_k(threshold, where="--k") for threshold in thresholds}))
    if persons is None and metadata is None:
        words, trie = distinct_codes(stored)
        people = None
    else:
        stored, _ = known(stored)
        found = sort_within(stored, metadata)
        trie, words = found.trie, found.words[found.order[found.trie.bounds[:-1]]]
        people = None
        if persons is not None:
            ordered = check_persons(persons, stored.n)[found.order]
            people = people_contribution(words, trie, ordered, limits)
    counts = np.diff(trie.bounds)
    whole = ClassCounts.from_sizes(counts)
    sizes, of_size = whole.sizes_of_sizes
    kinds = np.searchsorted(sizes, counts)
    merged = np.zeros((trie.bits, sizes.size), dtype=np.int64)
    smallest = np.full(trie.bits, trie.n, dtype=np.int64)
    wanted = np.array((2, *limits), dtype=np.int64)
    lost = np.zeros((wanted.size, trie.bits), dtype=np.int64)
    weights = np.zeros(trie.bits)
    by_code = Trie(trie.bits, trie.shared, np.arange(counts.size + 1))
    for nodes in by_code.nodes():
        _merge(
            nodes.start,
            nodes.end,
            nodes.own,
            words,
            counts,
            kinds,
            wanted,
            merged,
            smallest,
            lost,
            weights,
        )
    # The smallest class without the bit: a merged pair, or the smallest code that did not merge.
    alone = of_size > merged
    single = np.where(alone.any(axis=1), sizes[np.argmax(alone, axis=1)], trie.n)
    small = np.array([int(counts[counts < limit].sum()) for limit in wanted.tolist()])
    below = small[:, None] - lost
    ones = _ones(words, counts).ravel()[: trie.bits] / trie.n
    entropy = shannon(whole) - weights / trie.n
    return Contribution(
        n=trie.n,
        bits=trie.bits,
        whole=whole,
        ones=ones,
        own_entropy=_of_one_bit(ones),
        classes=whole.classes - merged.sum(axis=1) // 2,
        k=np.minimum(smallest, single),
        uniques=below[0],
        entropy=np.maximum(0.0, entropy),
        thresholds=limits,
        below=below[1:],
        people=people,
    )


def _of_one_bit(ones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy of bits that are 1 with these probabilities."""
    both = np.stack([ones, 1 - ones])
    logs = np.log2(both, out=np.zeros_like(both), where=both > 0)
    entropy: NDArray[np.float64] = np.maximum(0.0, -(both * logs).sum(axis=0))
    return entropy


@njit(cache=True)
def _ones(words: Any, counts: Any) -> Any:
    """Count the records in which each bit is 1, shape ``(W, 64)``."""
    ones = np.zeros((words.shape[1], WORD), dtype=np.uint64)
    shifts = np.arange(WORD - 1, -1, -1).astype(np.uint64)
    for code in range(words.shape[0]):
        count = np.uint64(counts[code])
        for word in range(words.shape[1]):
            value = words[code, word]
            for bit in range(WORD):  # no branch, so that it becomes vector instructions
                ones[word, bit] += count * ((value >> shifts[bit]) & np.uint64(1))
    return ones


@njit(cache=True)
def _merge(
    starts: Any,
    ends: Any,
    owns: Any,
    words: Any,
    counts: Any,
    kinds: Any,
    limits: Any,
    merged: Any,
    smallest: Any,
    lost: Any,
    weights: Any,
) -> None:
    """Merge the two sides of each node and note what the pairs that become one change.

    Args:
        starts: of the nodes, as distinct codes.
        ends: of the nodes.
        owns: of the nodes: the bit at which their sides part.
        words: ``(m, W)``, the distinct codes, ascending.
        counts: ``(m,)``, their records.
        kinds: ``(m,)``, which of the sizes that occur they have.
        limits: ``(T,)``, thresholds.
        merged: ``(N, sizes)``, receives how many codes of each size merge without a bit.
        smallest: ``(N,)``, receives the smallest merged class.
        lost: ``(T, N)``, receives the records that are no longer below a threshold.
        weights: ``(N,)``, receives what ``sum s log2 s`` grows by.
    """
    bits = merged.shape[0]
    for node in range(starts.size):
        bit = owns[node]
        if bit == bits:
            continue
        half = first_with_one(words, starts[node], ends[node], bit)
        zero, one = starts[node], half
        while zero < half and one < ends[node]:
            order = compare(words, zero, one, bit)
            if order < 0:
                zero += 1
            elif order > 0:
                one += 1
            else:
                a, b = counts[zero], counts[one]
                merged[bit, kinds[zero]] += 1
                merged[bit, kinds[one]] += 1
                smallest[bit] = min(smallest[bit], a + b)
                weights[bit] += (a + b) * np.log2(a + b) - a * np.log2(a) - b * np.log2(b)
                for row in range(limits.size):
                    before = (a if a < limits[row] else 0) + (b if b < limits[row] else 0)
                    lost[row, bit] += before - (a + b if a + b < limits[row] else 0)
                zero += 1
                one += 1
