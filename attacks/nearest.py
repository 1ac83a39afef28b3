"""Whose record is nearest in a large store: exact, with all equals, by FAISS where it is installed.

FAISS (Douze et al., *The Faiss library*, 2024) counts the bits of codes exactly, and squared
distances of floats in 32 bits. It proposes the nearest rows; their distances are computed again in
64 bits from the rows themselves, and where its rounding could have left a nearer one out, or an
equal one, the query is compared with the whole store. So the outcome does not depend on FAISS.
Equal is what differs by no more than the rounding of a sum of squares in 64 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
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
#: Rows from which the middle and the size of a store are told.
_SOME = 10_000
#: Squares that 32 bits certainly hold, in the unit of a store.
_LARGEST = 1e37


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
    for at, rows in _nearest(queries[first], store[owners.record]):
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


def _nearest(queries: Features, rows: Features) -> Iterator[tuple[int, Ints]]:
    """Each query with the places of its nearest rows, all that are equally near; in any order."""
    codes = are_signs(rows) and are_signs(queries)
    store: _Codes | _Floats = _Codes(rows) if codes else _Floats.of(rows)
    left = np.arange(len(queries))
    faiss = _faiss()
    if faiss is not None:
        certain = np.zeros(len(queries), dtype=np.bool_)
        proposed, beyond = store.proposed(queries, faiss)
        for at, near in enumerate(proposed):
            distance = store.exact(queries[at], near)
            edge = store.edge(distance)
            certain[at] = beyond[at] > edge
            if certain[at]:
                yield at, near[distance <= edge]
        left = np.flatnonzero(~certain)
    for start in range(0, len(left), _TOGETHER):
        some = left[start : start + _TOGETHER]
        for at, near in zip(some, _compared_with_all(queries[some], store), strict=True):
            yield int(at), near


def _compared_with_all(queries: Features, store: _Codes | _Floats) -> list[Ints]:
    """The nearest rows of each query, all that are equally near, by looking at every row."""
    least = np.full(len(queries), np.inf)
    for _, part in store.parts():
        _, high = store.ends(queries, part)
        np.minimum(least, high.min(1), out=least)
    found: list[list[Ints]] = [[] for _ in queries]
    for start, part in store.parts():
        low, _ = store.ends(queries, part)
        for own, near in zip(found, low <= least[:, None], strict=True):
            own.append(start + np.flatnonzero(near))
    out = []
    for query, several in zip(queries, found, strict=True):
        rows = np.concatenate(several)
        distance = store.exact(query, rows)
        out.append(rows[distance <= store.edge(distance)])
    return out


@dataclass(eq=False)
class _Codes:
    """Different codes of ±1 that are searched; all distances are exact.

    Attributes:
        rows: ``(u, d)``.
    """

    rows: Features

    def parts(self) -> Iterator[tuple[int, Numbers]]:
        """Where some rows start, and these rows."""
        for start, part in _parts(self.rows):
            yield start, part.astype(np.float32, copy=False)

    def ends(self, queries: Features, part: Numbers) -> tuple[Numbers, Numbers]:
        """Between what two numbers each distance lies, ``(n, rows)``: here they are one."""
        product: Numbers = queries.astype(np.float32, copy=False) @ part.T
        product *= -2.0
        product += 2.0 * part.shape[1]
        return product, product

    def exact(self, query: Features, rows: Ints) -> Numbers:
        """Squared distances of some rows."""
        differ: Ints = np.count_nonzero(self.rows[rows] != query, axis=1)
        return differ.astype(np.float64) * 4.0

    def edge(self, distance: Numbers) -> float:
        """Up to where distances equal the least of them."""
        return float(distance.min())

    def proposed(self, queries: Features, faiss: ModuleType) -> tuple[Ints, Floats]:
        """Rows that FAISS finds nearest, ``(n, k)``, and how far all others are away at least."""
        packed = [np.packbits(rows > 0, axis=1) for rows in (queries, self.rows)]
        index = faiss.IndexBinaryFlat(8 * packed[1].shape[1])
        index.add(packed[1])
        k = min(_PROPOSED, len(self.rows))
        bits, rows = index.search(packed[0], k)
        beyond = 4.0 * bits[:, -1] if k < len(self.rows) else np.full(len(bits), np.inf)
        return rows, beyond


@dataclass(eq=False)
class _Floats:
    """Different rows of floats that are searched.

    Attributes:
        rows: ``(u, d)``.
        centre: ``(d,)``; products of distances from it round less than those from 0.
        unit: a power of two near the size of a row; what is squared is measured in it.
    """

    rows: Features
    centre: Floats
    unit: float

    @classmethod
    def of(cls, rows: Features) -> _Floats:
        """Tell the middle and the size from medians: a single row far out moves neither."""
        some = rows[:: max(1, len(rows) // _SOME)].astype(np.float64)
        centre: Floats = np.median(some, axis=0)
        largest = np.abs(some - centre).max(1)
        size = float(np.median(largest)) or float(largest.max()) or 1.0
        return cls(rows, centre, float(np.exp2(np.floor(np.log2(size)))))

    def parts(self) -> Iterator[tuple[int, Numbers]]:
        """Where some rows start, and these rows from the centre."""
        for start, part in _parts(self.rows):
            yield start, self.from_centre(part)

    def from_centre(self, rows: Features) -> Floats:
        """These rows, in units."""
        moved: Floats = (rows.astype(np.float64) - self.centre) / self.unit
        return moved

    def rounding(self, bits: int) -> float:
        """By how much |a|² + |b|² - 2ab is off at most, as a share of (|a| + |b|)².

        Twice the usual bound for sums of ``d`` products (Higham, *Accuracy and Stability of
        Numerical Algorithms*, section 3.1) and for what the vectors themselves were rounded to.

        Args:
            bits: of the significand.
        """
        share: float = 2.0 * (self.rows.shape[1] + 8) * 2.0**-bits
        return share

    def ends(self, queries: Features, part: Numbers) -> tuple[Numbers, Numbers]:
        """Between what two numbers each distance lies, ``(n, rows)``."""
        centred = self.from_centre(queries)
        a, b = _squares(centred), _squares(part)
        product = centred @ part.T
        product *= -2.0
        product += a[:, None]
        product += b
        error = np.add.outer(np.sqrt(a), np.sqrt(b))
        error *= error
        error *= self.rounding(53)
        return product - error, product + error

    def exact(self, query: Features, rows: Ints) -> Numbers:
        """Squared distances of some rows, from the numbers themselves."""
        wide = query.astype(np.float64)
        return np.concatenate(
            [
                _squares((part.astype(np.float64) - wide) / self.unit)
                for _, part in _parts(self.rows, rows)
            ]
        )

    def edge(self, distance: Numbers) -> float:
        """Up to where distances equal the least of them, but for the rounding of their sums."""
        share: float = (self.rows.shape[1] + 2) * 2.0**-52
        return float(distance.min()) * (1.0 + share)

    def proposed(self, queries: Features, faiss: ModuleType) -> tuple[Ints, Floats]:
        """Rows that FAISS finds nearest, ``(n, k)``, and how far all others are away at least.

        Nothing is known of others, NaN, where 32 bits may not hold a square.
        """
        centred = self.from_centre(queries)
        narrow = _narrowed(centred)
        distance: Floats = np.empty((len(queries), 0))
        rows: Ints = np.empty((len(queries), 0), dtype=np.int64)
        for start, part in self.parts():
            own, place = faiss.knn(narrow, _narrowed(part), min(_PROPOSED, len(part)))
            own = np.where((place >= 0) & np.isfinite(own), own, np.inf)
            distance = np.hstack([distance, own.astype(np.float64)])
            rows = np.hstack([rows, np.maximum(place, 0) + start])
            kept = np.argsort(distance, axis=1, kind="stable")[:, :_PROPOSED]
            distance = np.take_along_axis(distance, kept, axis=1)
            rows = np.take_along_axis(rows, kept, axis=1)
        if distance.shape[1] == len(self.rows):
            return rows, np.where(np.isfinite(distance).all(1), np.inf, np.nan)
        # With the last of the proposed at a distance of r, and the query at q from the centre,
        # what is farther than q + r from the centre is farther than r from the query, be it
        # computed or, as squares that 32 bits do not hold, lost. What is not has this error.
        last, length = np.maximum(distance[:, -1], 0.0), np.sqrt(_squares(centred))
        reach = (2.0 * length + np.sqrt(last)) ** 2
        error = self.rounding(24) * reach + self.rows.shape[1] * 2.0**-120
        error[reach >= _LARGEST] = np.nan
        return rows, last - error


def _parts(rows: Features, chosen: Ints | None = None) -> Iterator[tuple[int, Features]]:
    """Where some rows start, and these rows: all, or some that are chosen."""
    size = max(1, _CELLS // max(rows.shape[1], _TOGETHER))
    for start in range(0, len(rows if chosen is None else chosen), size):
        here = slice(start, start + size)
        yield start, rows[here] if chosen is None else rows[chosen[here]]


def _squares(rows: Numbers) -> Numbers:
    squares: Numbers = np.einsum("ij,ij->i", rows, rows)
    return squares


def _narrowed(rows: Numbers) -> NDArray[np.float32]:
    """In 32 bits, for FAISS; what they do not hold comes out as too large to square."""
    return np.ascontiguousarray(np.clip(rows, -_LARGEST, _LARGEST), dtype=np.float32)


def _faiss() -> ModuleType | None:
    """FAISS, where it can be used.

    On macOS and Windows its wheels and those of torch bring an OpenMP each, and a process that uses
    both may be ended (faiss-wheels issue 73).
    """
    if sys.platform != "linux":
        return None
    try:
        import faiss
    except ImportError:
        return None
    module: ModuleType = faiss
    return module
