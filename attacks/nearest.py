"""Exact nearest neighbours: the ``k`` rows of a store that are nearest to each query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Features, Ints
from attacks.matching.distances import are_signs, squared_distances
from privkit.errors import InputError

__all__ = ["Neighbours", "nearest"]

#: Distances held at once.
_CELLS = 2**23


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows of each of ``n`` queries, the nearest first; of equals the first row.

    Attributes:
        distance: ``(n, k)``, squared Euclidean; of codes of ±1 four times the bits that differ.
        row: ``(n, k)``.
    """

    distance: NDArray[np.float64]
    row: Ints


def nearest(queries: Features, store: Features, k: int = 1) -> Neighbours:
    """Search exhaustively; FAISS counts the bits of codes where it is installed.

    Floats are never left to FAISS: it computes in 32 bits, and what is nearest would depend on it.

    Args:
        queries: ``(n, d)`` of ±1 or floats.
        store: ``(g, d)`` alike.
        k: from 1 to g.

    Raises:
        InputError: k out of range.
    """
    if not 1 <= k <= len(store):
        raise InputError(
            "there are not so many neighbours",
            where="k",
            rule=f"from 1 to the {len(store)} rows of the store",
            found=k,
        )
    search = _faiss_search() if are_signs(queries) and are_signs(store) else None
    return (search or _in_parts)(queries, store, k)


def _in_parts(queries: Features, store: Features, k: int) -> Neighbours:
    """Merge the nearest of each part of the store with those found before."""
    n, part = len(queries), max(1, _CELLS // max(1, len(queries)))
    distance: NDArray[np.float64] = np.full((n, k), np.inf)
    row = np.full((n, k), len(store))
    for start in range(0, len(store), part):
        own = squared_distances(store[start : start + part], queries).T.astype(np.float64)
        # The k-th smallest bounds what can be kept; equals beyond it have later rows.
        own_row = _first_k(own, k)
        distance = np.hstack([distance, np.take_along_axis(own, own_row, axis=1)])
        row = np.hstack([row, own_row + start])
        kept = np.lexsort((row, distance))[:, :k]
        distance = np.take_along_axis(distance, kept, axis=1)
        row = np.take_along_axis(row, kept, axis=1)
    return Neighbours(distance, row)


def _first_k(distance: NDArray[np.floating[Any]], k: int) -> Ints:
    """The columns of the k smallest of each row; of equals the first columns."""
    if k >= distance.shape[1]:
        return np.broadcast_to(np.arange(distance.shape[1]), distance.shape)
    if k == 1:
        first: Ints = distance.argmin(1)[:, None]
        return first
    edge = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
    below, at = distance < edge, distance == edge
    missing = k - below.sum(1, keepdims=True)
    kept = below | (at & (at.cumsum(1) <= missing))
    columns: Ints = np.nonzero(kept)[1].reshape(len(distance), k)
    return columns


def _faiss_search() -> Callable[[Features, Features, int], Neighbours] | None:
    """The search by FAISS, if it is installed."""
    try:
        import faiss
    except ImportError:
        return None

    def search(queries: Features, store: Features, k: int) -> Neighbours:
        packed = [np.packbits(rows > 0, axis=1) for rows in (queries, store)]
        index = faiss.IndexBinaryFlat(8 * packed[1].shape[1])
        index.add(packed[1])
        bits, row = index.search(packed[0], k)
        return Neighbours(4.0 * bits.astype(np.float64), row)

    return search
