"""Whose record is nearest in a large store: exact, with all equals, by FAISS where it is installed.

FAISS (Douze et al., *The Faiss library*, 2024) counts the bits of codes exactly, and squared
distances of floats in 32 bits. It proposes the nearest rows; their distances are computed again in
64 bits, and where its error could have left a nearer one out, or an equal one, the query is
compared with the whole store. So the outcome is that of an exhaustive search, FAISS or not.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints
from attacks.matching.distances import are_signs
from privkit.errors import InputError
from privkit.evaluation.equal_rows import equal_rows

__all__ = ["probability_of_rank_1"]

Floats = NDArray[np.float64]
#: 32 bits of codes, whose distances are whole numbers and exact; 64 of floats.
Numbers = NDArray[np.floating[Any]]

#: Rows that FAISS proposes for each query: of more equals, the whole store is looked at.
_PROPOSED = 32
#: Numbers held at once, and queries compared with the whole store at once.
_CELLS = 2**23
_TOGETHER = 128
#: In 32 bits, squares beyond this may have been cut off.
_LARGEST = 1e37
#: Distances that differ by less than this share of themselves are equal but for the last digits.
_EQUAL = 2.0**-40


def probability_of_rank_1(
    queries: Features, store: Features, person: Ints, *, query: Ints, asked: Ints
) -> Floats:
    """The probability that a person comes first for a query, by the nearest record of each person.

    Several people who have records that are equally near come first in a random order.

    Args:
        queries: ``(n, d)`` of ±1, or finite floats.
        store: ``(g, d)`` alike.
        person: ``(g,)``, whose each record is.
        query: ``(m,)``, rows of ``queries``.
        asked: ``(m,)``, the person who is asked about at each of them.

    Returns:
        ``(m,)``: 0, or one in those who are equally near.

    Raises:
        InputError: an empty store.
    """
    if not len(store):
        raise InputError(
            "there is nothing to search",
            where="store",
            rule="at least 1 record",
            found="0 records",
        )
    owners = _Owners.of(store, person)
    # Equal queries are searched once.
    _, first, same = np.unique(equal_rows(queries), return_index=True, return_inverse=True)
    probability = np.zeros(len(query))
    order = np.argsort(same[query], kind="stable")
    bounds = np.searchsorted(same[query][order], np.arange(len(first) + 1))
    known = _Store.of(store[owners.record])
    for at, rows in _nearest(queries[first], known):
        here = order[bounds[at] : bounds[at + 1]]
        probability[here] = owners.share(rows, asked[here])
    return probability


@dataclass(eq=False)
class _Owners:
    """Whose the different values of a store are.

    Attributes:
        record: ``(u,)``, one record of each value.
        person: ``(pairs,)``, the people of each value, sorted within it.
        start: ``(u + 1,)``, where those of each value start.
    """

    record: Ints
    person: Ints
    start: Ints

    @classmethod
    def of(cls, store: Features, person: Ints) -> _Owners:
        """Number the values, and list the people of each once."""
        value = equal_rows(store)
        _, record = np.unique(value, return_index=True)
        order = np.lexsort((person, value))
        value, person = value[order], person[order]
        new = np.r_[True, (value[1:] != value[:-1]) | (person[1:] != person[:-1])]
        return cls(record, person[new], np.searchsorted(value[new], np.arange(len(record) + 1)))

    def share(self, values: Ints, asked: Ints) -> Floats:
        """One in all people of these values for each asked person who is one of them, else 0."""
        parts = [self.person[self.start[v] : self.start[v + 1]] for v in values]
        people = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
        place = np.minimum(np.searchsorted(people, asked), len(people) - 1)
        share: Floats = (people[place] == asked) / len(people)
        return share


@dataclass(eq=False)
class _Store:
    """Different records that are searched.

    Attributes:
        rows: ``(u, d)``.
        codes: whether all numbers are ±1.
        centre: ``(d,)``; distances from it round less than those from 0.
        longest: the greatest distance of a row from it.
    """

    rows: Features
    codes: bool
    centre: Floats
    longest: float

    @classmethod
    def of(cls, rows: Features) -> _Store:
        """Look at the rows once."""
        codes = are_signs(rows)
        if codes:
            return cls(rows, codes, np.zeros(rows.shape[1]), float(np.sqrt(rows.shape[1])))
        store = cls(rows, codes, rows.mean(0, dtype=np.float64), 0.0)
        store.longest = max(float(np.sqrt(_squares(part)).max()) for _, part in store.parts())
        return store

    def parts(self) -> Iterator[tuple[int, Numbers]]:
        """Where some rows start, and these rows from the centre."""
        size = max(1, _CELLS // max(self.rows.shape[1], _TOGETHER))
        for start in range(0, len(self.rows), size):
            yield start, self.from_centre(self.rows[start : start + size])

    def from_centre(self, rows: Features) -> Numbers:
        """These rows, less the centre."""
        if self.codes:
            return rows.astype(np.float32, copy=False)
        moved: Floats = rows.astype(np.float64) - self.centre
        return moved

    def error(self, queries: Numbers, unit: float) -> Floats:
        """By how much a squared distance to each query can be off, computed from products.

        The usual bound for products of ``d`` numbers (Higham, *Accuracy and Stability of Numerical
        Algorithms*, section 3.1) in |a|² + |b|² - 2ab, and the rounding of both; twice that. Those
        of codes are whole numbers, and exact.

        Args:
            queries: ``(n, d)``, from the centre.
            unit: the unit roundoff.
        """
        if self.codes:
            return np.zeros(len(queries))
        size: Floats = (np.sqrt(_squares(queries)) + self.longest) ** 2
        bound: Floats = 2.0 * (self.rows.shape[1] + 8) * unit * size
        return bound

    def exact(self, query: Numbers, rows: Ints) -> Numbers:
        """Squared distances of some rows to a query that is given from the centre."""
        return _squares(self.from_centre(self.rows[rows]) - query)


def _nearest(queries: Features, store: _Store) -> Iterator[tuple[int, Ints]]:
    """Each query with its nearest rows, all that are equally near; in any order."""
    codes = store.codes and are_signs(queries)
    if not codes and store.codes:
        store = _Store(store.rows, False, store.centre, store.longest)
    centred = store.from_centre(queries)
    left = np.arange(len(queries))
    if _has_faiss():
        certain = np.zeros(len(queries), dtype=np.bool_)
        rows, farther = (_proposed_codes if codes else _proposed_floats)(centred, store)
        for at, near in enumerate(rows):
            distance = store.exact(centred[at], near)
            edge = distance.min() * (1.0 + _EQUAL)
            certain[at] = farther[at] > edge
            if certain[at]:
                yield at, near[distance <= edge]
        left = np.flatnonzero(~certain)
    for start in range(0, len(left), _TOGETHER):
        some = left[start : start + _TOGETHER]
        for at, near in zip(some, _compared_with_all(centred[some], store), strict=True):
            yield int(at), near


def _compared_with_all(queries: Numbers, store: _Store) -> list[Ints]:
    """The nearest rows of each query, all that are equally near, by looking at every row."""
    error = store.error(queries, 2.0**-53)
    least = np.full(len(queries), np.inf)
    for _, part in store.parts():
        np.minimum(least, _products(queries, part).min(1), out=least)
    found: list[list[Ints]] = [[] for _ in queries]
    for start, part in store.parts():
        near = _products(queries, part) <= (least + 2 * error)[:, None]
        for own, hits in zip(found, near, strict=True):
            own.append(start + np.flatnonzero(hits))
    out = []
    for at, several in enumerate(found):
        rows = np.concatenate(several)
        distance = store.exact(queries[at], rows)
        out.append(rows[distance <= distance.min() * (1.0 + _EQUAL)])
    return out


def _products(queries: Numbers, rows: Numbers) -> Numbers:
    """Squared distances ``(n, rows)`` by one product of matrices."""
    squared: Numbers = queries @ rows.T
    squared *= -2.0
    squared += _squares(queries)[:, None]
    squared += _squares(rows)
    return squared


def _squares(rows: Numbers) -> Numbers:
    squares: Numbers = np.einsum("ij,ij->i", rows, rows)
    return squares


def _has_faiss() -> bool:
    """Whether FAISS can be used.

    On macOS and Windows its wheels and those of torch bring an OpenMP each, and a process that uses
    both may be ended (faiss-wheels issue 73).
    """
    return sys.platform == "linux" and importlib.util.find_spec("faiss") is not None


def _proposed_codes(queries: Numbers, store: _Store) -> tuple[Ints, Floats]:
    """Rows that FAISS finds nearest, ``(n, k)``, and how far all others are away at least."""
    import faiss

    packed = [np.packbits(rows > 0, axis=1) for rows in (queries, store.rows)]
    index = faiss.IndexBinaryFlat(8 * packed[1].shape[1])
    index.add(packed[1])
    bits, rows = index.search(packed[0], min(_PROPOSED, len(store.rows)))
    return rows, _beyond(4.0 * bits.astype(np.float64), store)


def _proposed_floats(queries: Numbers, store: _Store) -> tuple[Ints, Floats]:
    """The same of floats, part of the store by part."""
    import faiss

    narrow = np.ascontiguousarray(queries, dtype=np.float32)
    distance: Floats = np.empty((len(queries), 0))
    rows: Ints = np.empty((len(queries), 0), dtype=np.int64)
    for start, part in store.parts():
        k = min(_PROPOSED, len(part))
        own, place = faiss.knn(narrow, np.ascontiguousarray(part, dtype=np.float32), k)
        # Where squares do not fit into 32 bits it finds none, or not a number.
        own[(place < 0) | (own > _LARGEST)] = np.nan
        distance = np.hstack([distance, own.astype(np.float64)])
        rows = np.hstack([rows, place + start])
        kept = np.argsort(distance, axis=1, kind="stable")[:, :_PROPOSED]
        distance = np.take_along_axis(distance, kept, axis=1)
        rows = np.take_along_axis(rows, kept, axis=1)
    return rows, _beyond(distance, store) - store.error(queries, 2.0**-24)


def _beyond(distance: Floats, store: _Store) -> Floats:
    """What a row that was not proposed is away from each query at least, but for rounding."""
    unknown = np.isnan(distance).any(1)
    beyond = distance[:, -1] if distance.shape[1] < len(store.rows) else np.inf
    return np.where(unknown, np.nan, beyond)
