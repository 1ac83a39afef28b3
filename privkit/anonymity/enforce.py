"""Codes made k-anonymous: by cutting prefixes or by leaving records out.

Every method says how many leading bits of each record are stored, and -1 for a record that is
left out. What is equal in the output is a class, and every class of the output holds at least K
distinct people (records, where people are not known). :mod:`privkit.anonymity.enforced_file`
writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.prefix_input import check_k, check_persons, known
from privkit.anonymity.prefix_kernels import previous_of_person
from privkit.anonymity.prefixes import prefix_counts
from privkit.anonymity.shared_lengths import shared_lengths
from privkit.anonymity.trie import sort_codes
from privkit.anonymity.truncation import encode_prefixes, truncate
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes

__all__ = ["METHODS", "Enforced", "Method", "enforce"]

Persons = NDArray[np.int64]


@dataclass(frozen=True)
class Method:
    """One way to make codes k-anonymous.

    Attributes:
        lengths: given the codes, K and the persons, the bits of each record to store, ``(n,)`` in
            the order of the file; -1 for a record that is left out.
        own_length: whether the lengths differ, so that each code must say its own.
        words: what it does, in words that go on from 'Enforced by'.
    """

    lengths: Callable[[StoredCodes, int, Persons | None], NDArray[np.int64]]
    own_length: bool
    words: str


@dataclass(frozen=True, eq=False)
class Enforced:
    """Codes of which each is shared by at least K, and what that cost.

    Attributes:
        method: its name in ``METHODS``.
        k: K.
        n: records before.
        bits: N before.
        codes: what is stored: ``L`` bits after uniform truncation, ``N + 1`` (see
            :mod:`privkit.anonymity.truncation`) where each record has its own length, else N.
        rows: shape ``(kept,)``, int64, the records that are kept, ascending.
        lengths: shape ``(kept,)``, int64, how many leading bits of each are kept.
        persons: shape ``(kept,)``, the person of each; ``None`` where people are not known.
        people: distinct people before; ``None`` where they are not known.
        people_kept: of whom at least one record is kept.
    """

    method: str
    k: int
    n: int
    bits: int
    codes: Codes
    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    persons: Persons | None
    people: int | None
    people_kept: int | None

    @property
    def suppressed(self) -> int:
        """Records that are left out."""
        return self.n - int(self.rows.size)

    @property
    def bits_kept(self) -> float:
        """Leading bits kept, on average over the records that are kept."""
        return float(self.lengths.mean())

    @property
    def share_of_bits(self) -> float:
        """Bits kept of all bits of all records, those left out included."""
        return float(self.lengths.sum()) / (self.n * self.bits)


def enforce(
    stored: StoredCodes | Codes, k: int, method: str, *, persons: Persons | None = None
) -> Enforced:
    """Cut or leave out records until every stored code is shared by at least ``k``.

    Args:
        stored: codes whose N is known.
        k: the distinct people, or records where people are not known, of the smallest class.
        method: a name in ``METHODS``.
        persons: shape ``(n,)``, dense ids from 0.

    Returns:
        The codes, which of the records they are, and what it cost.

    Raises:
        InputError: if N is not known, ``k`` or the method is none, the persons do not belong to
            the codes, or nothing would be left.
    """
    stored, bits = known(stored)
    k = check_k(k, where="--enforce")
    if method not in METHODS:
        raise InputError(
            "this way to enforce k is not known",
            where="--method",
            rule=f"one of {', '.join(METHODS)}",
            found=method,
        )
    if persons is not None:
        persons = check_persons(persons, stored.n)
    lengths = METHODS[method].lengths(stored, k, persons)
    if lengths.max() <= 0:
        raise _nothing_left(stored, k, method, persons, any_kept=bool(lengths.max() == 0))
    rows = np.flatnonzero(lengths >= 0)
    kept = stored.to_codes()
    if rows.size < stored.n:
        kept = Codes.from_packed(kept.packed[rows], bits)
        lengths = lengths[rows]
    own = METHODS[method].own_length
    return Enforced(
        method=method,
        k=k,
        n=stored.n,
        bits=bits,
        codes=encode_prefixes(kept, lengths) if own else truncate(kept, int(lengths[0])),
        rows=rows,
        lengths=lengths,
        persons=None if persons is None else persons[rows],
        people=_people(persons),
        people_kept=None if persons is None else _people(persons[rows]),
    )


def _truncated(stored: StoredCodes, k: int, persons: Persons | None) -> NDArray[np.int64]:
    prefixes = prefix_counts(stored, thresholds=(), persons=persons)
    longest = (prefixes.people or prefixes).longest(k)
    return np.full(stored.n, -1 if longest is None else longest, dtype=np.int64)


def _truncated_each(stored: StoredCodes, k: int, persons: Persons | None) -> NDArray[np.int64]:
    found = sort_codes(stored)
    lengths = np.empty(stored.n, dtype=np.int64)
    ordered = None if persons is None else persons[found.order]
    lengths[found.order] = shared_lengths(found.trie, k, ordered)
    return lengths


def _suppressed(stored: StoredCodes, k: int, persons: Persons | None) -> NDArray[np.int64]:
    """Leave out whole classes; that changes no other class, so once is enough."""
    found = sort_codes(stored)
    trie = found.trie
    previous = None
    if persons is not None:
        previous = previous_of_person(persons[found.order], int(persons.max()) + 1)
    people = np.concatenate(
        [nodes.people[nodes.own == trie.bits] for nodes in trie.nodes(previous)]
    )
    lengths = np.empty(stored.n, dtype=np.int64)
    lengths[found.order] = np.repeat(np.where(people >= k, trie.bits, -1), np.diff(trie.bounds))
    return lengths


METHODS: Mapping[str, Method] = {
    "truncate": Method(
        _truncated, False, "cutting all codes to the longest prefix that keeps k >= K"
    ),
    "truncate-each": Method(
        _truncated_each, True, "cutting each code to a prefix of its own that at least K share"
    ),
    "suppress": Method(_suppressed, False, "leaving out the records whose code fewer than K share"),
}
"""The ways to enforce k, by the name the user gives."""


def _nothing_left(
    stored: StoredCodes, k: int, method: str, persons: Persons | None, *, any_kept: bool
) -> InputError:
    who = "people" if persons is not None else "records"
    total = stored.n if persons is None else _people(persons)
    if any_kept:
        return InputError(
            f"nothing but 0 bits keeps k >= {k}",
            where=stored.source,
            rule="at least one bit is stored",
            found=f"{total} {who}, method {method}",
            remedy="enforce a smaller k, or another way, e.g. suppress",
        )
    if total is not None and total < k:  # then there is no way, whatever the method
        rule, remedy = f"there are at least {k} {who}", "enforce a smaller k"
    else:
        rule = f"some stored code is shared by at least {k} {who}"
        remedy = "enforce a smaller k, or truncate instead of suppressing"
    return InputError(
        f"no record can be kept with k >= {k}",
        where=stored.source,
        rule=rule,
        found=f"{total} {who}, method {method}",
        remedy=remedy,
    )


def _people(persons: Persons | None) -> int | None:
    return None if persons is None else int(np.count_nonzero(np.bincount(persons)))
