"""A prefix length for each record, so that every stored prefix is shared by at least K.

The longest prefix of each record that K records of the *file* share would not do: a record that
is stored short says by its length that it is not among the records stored longer, and may be the
only one that says so. What is equal in the output is a class: same length, same prefix. So the
nodes of the trie are visited from the leaves to the root, and records are stored at the first
node where at least K that are not stored yet meet; what is left at the root is stored not at all.

The greedy choice never takes a record out of a class that is large enough to fill another one.
Against the best possible choice, found by dynamic programming, it keeps 96% to 99% of the bits on
average (docs/decisions/0015-enforcement.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from privkit.anonymity.trie import Trie

__all__ = ["shared_lengths"]


def shared_lengths(
    trie: Trie, k: int, persons: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Choose how many leading bits of each record to store.

    Args:
        trie: of the codes.
        k: records, or distinct people, that must share every stored prefix.
        persons: shape ``(n,)``, ids from 0 in the order of the codes; without them every record
            is a person of its own.

    Returns:
        shape ``(n,)``, in the order of the codes: bits from 0 to N, or -1 for the records that
        are left over, of fewer than ``k`` people.
    """
    if persons is None:
        persons = np.arange(trie.n, dtype=np.int64)
    lengths = np.full(trie.n, -1, dtype=np.int64)
    links = np.full((2, trie.n), -1, dtype=np.int64)
    seen = np.full(int(persons.max()) + 1, -1, dtype=np.int64)
    pools = np.zeros((4, trie.bits + 3), dtype=np.int64)
    state = np.zeros(2, dtype=np.int64)
    for nodes in trie.nodes():
        _store(
            nodes.start,
            nodes.end,
            nodes.own,
            trie.bits,
            k,
            persons,
            state,
            pools,
            links,
            seen,
            lengths,
        )
    return lengths


@njit(cache=True)
def _store(
    starts: Any,
    ends: Any,
    owns: Any,
    bits: int,
    k: int,
    persons: Any,
    state: Any,
    pools: Any,
    links: Any,
    seen: Any,
    lengths: Any,
) -> None:
    """Visit nodes, children first, and store the pool of each that holds enough people.

    A pool is what is not stored yet below a node: a chain of records, and a chain of one record
    of each person, both through ``links``. At most one pool a child waits on the stack.

    Args:
        starts: of the nodes.
        ends: of the nodes.
        owns: of the nodes.
        bits: N.
        k: people that must meet.
        persons: in the order of the codes.
        state: ``[pools waiting, visits so far]``; changed.
        pools: ``(4, N + 3)``, the stack: start of the node, first and last record, first of the
            chain of people.
        links: ``(2, n)``, the next record, and the next record of another person.
        seen: for each person the last visit in which they were met.
        lengths: receives the bits of the records that are stored.
    """
    next_record, next_person = links
    waiting, visit = state
    for node in range(starts.size):
        start = starts[node]
        first, last, chain, people = -1, -1, -1, 0
        visit += 1
        if owns[node] == bits:  # one full code: its records make a new pool
            first, last = start, ends[node] - 1
            for record in range(start, ends[node]):
                next_record[record] = record + 1 if record < last else -1
                if seen[persons[record]] != visit:
                    seen[persons[record]] = visit
                    next_person[record] = chain
                    chain = record
                    people += 1
        while owns[node] < bits and waiting and pools[0, waiting - 1] >= start:
            waiting -= 1
            if first < 0:
                first = pools[1, waiting]
            else:
                next_record[last] = pools[1, waiting]
            last = pools[2, waiting]
            record = pools[3, waiting]
            while record >= 0:
                following = next_person[record]
                if seen[persons[record]] != visit:
                    seen[persons[record]] = visit
                    next_person[record] = chain
                    chain = record
                    people += 1
                record = following
        if people >= k:
            record = first
            while record >= 0:
                lengths[record] = owns[node]
                record = next_record[record]
        elif people:
            pools[0, waiting], pools[1, waiting], pools[2, waiting] = start, first, last
            pools[3, waiting] = chain
            waiting += 1
    state[0], state[1] = waiting, visit
