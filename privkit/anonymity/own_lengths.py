"""What a prefix length of its own for each record would keep, beside one length for all.

The choice is that of :mod:`privkit.anonymity.shared_lengths`, which ``--enforce K --method
truncate-each`` writes: every stored prefix, together with its length, is shared by at least K.
Records of one code are alike where people are not told apart, so that the choice is then made by
counts alone, with memory for the open nodes of the trie instead of for every record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.shared_lengths import shared_lengths
from privkit.anonymity.trie import Trie

__all__ = ["OwnLengths", "own_lengths"]


@dataclass(frozen=True)
class OwnLengths:
    """What is kept where each record has its own prefix length.

    Attributes:
        k: records, or people, that share every stored prefix at least.
        bits: mean leading bits of the records that are stored; ``None`` where none is.
        left_out: records that are not stored at all.
    """

    k: int
    bits: float | None
    left_out: int


def own_lengths(trie: Trie, k: int, persons: NDArray[np.int64] | None = None) -> OwnLengths:
    """Find what lengths of their own would keep.

    Args:
        trie: of the codes.
        k: records, or distinct people, that must share every stored prefix.
        persons: shape ``(n,)``, ids from 0 in the order of the codes; without them records are
            counted.
    """
    if persons is not None:
        lengths = shared_lengths(trie, k, persons)
        stored = lengths[lengths >= 0]
        kept, bits = int(stored.size), int(stored.sum())
    else:
        waiting = np.zeros((2, trie.bits + 3), dtype=np.int64)
        state = np.zeros(3, dtype=np.int64)
        for nodes in trie.nodes():
            _store(nodes.start, nodes.end, nodes.own, trie.bits, k, waiting, state)
        kept, bits = int(state[1]), int(state[2])
    return OwnLengths(k, bits / kept if kept else None, trie.n - kept)


@njit(cache=True)
def _store(starts: Any, ends: Any, owns: Any, bits: int, k: int, waiting: Any, state: Any) -> None:
    """Visit nodes, children first, and store what waits below each that holds enough of them.

    Args:
        starts: of the nodes.
        ends: of the nodes.
        owns: of the nodes.
        bits: N.
        k: records that must meet.
        waiting: ``(2, N + 3)``, a stack: the start of a node and its records not stored yet.
        state: ``[nodes waiting, records stored, their bits]``; changed.
    """
    top, kept, total = state[0], state[1], state[2]
    for node in range(starts.size):
        start = starts[node]
        pool: Any = ends[node] - start if owns[node] == bits else 0
        while owns[node] < bits and top and waiting[0, top - 1] >= start:
            top -= 1
            pool += waiting[1, top]
        if pool >= k:
            kept += pool
            total += pool * owns[node]
        elif pool:
            waiting[0, top], waiting[1, top] = start, pool
            top += 1
    state[0], state[1], state[2] = top, kept, total
