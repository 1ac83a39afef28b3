"""Codes sorted within each class of their metadata, so that prefixes are counted within it.

Whoever knows the camera and the hour compares a code only with those of the same camera and hour.
Records are sorted by their class of metadata and then by their code, and neighbours of different
classes share no prefix, not even that of 0 bits: the trie becomes one tree for each class, and
what is counted of its nodes is counted of the metadata together with a prefix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping
from privkit.anonymity.prefix_input import known
from privkit.anonymity.prefix_kernels import shared_by_words
from privkit.anonymity.trie import SortedCodes, Trie, sort_codes
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes

__all__ = ["sort_within", "trees"]


def sort_within(stored: StoredCodes | Codes, metadata: Grouping | None) -> SortedCodes:
    """Sort codes lexicographically, within each class of metadata where there are any.

    Args:
        stored: codes whose N is known.
        metadata: the class of each record by what is stored beside its code.

    Raises:
        InputError: if N is not known, or the metadata are not those of the codes.
    """
    if metadata is None:
        return sort_codes(stored)
    stored, bits = known(stored)
    if len(metadata) != stored.n:
        raise InputError(
            "these are not the metadata of the codes",
            where="metadata",
            rule=f"the class of each of the {stored.n} records",
            found=len(metadata),
        )
    found = sort_codes(stored)
    labels = metadata.labels[found.order]
    by_class = np.argsort(labels, kind="stable")
    order, labels = found.order[by_class], labels[by_class]
    shared = shared_by_words(found.words, order, bits)
    shared[labels[1:] != labels[:-1]] = -1
    return SortedCodes(found.words, order, Trie.from_neighbours(bits, shared))


def trees(trie: Trie) -> NDArray[np.int64]:
    """Return the tree of each record, shape ``(n,)``, from 0, in the order of the codes."""
    codes = np.diff(trie.bounds)
    tree = np.concatenate(([0], np.cumsum(trie.shared < 0))).astype(np.int64)
    repeated: NDArray[np.int64] = np.repeat(tree, codes)
    return repeated
