"""Nearest rows against sorting all distances, and FAISS against our own search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import nearest as module
from attacks.nearest import nearest
from privkit.errors import InputError


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    d=st.integers(1, 9),
    g=st.integers(1, 60),
    codes=st.booleans(),
    data=st.data(),
)
def test_it_is_what_sorting_all_distances_gives(
    seed: int, d: int, g: int, codes: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, g))
    # Few values, so that many rows are equally near.
    low, high, step = (0, 2, 2) if codes else (-1, 2, 1)
    queries, store = (rng.integers(low, high, (n, d)) * step - codes for n in (5, g))
    squared = ((queries[:, None] - store[None]) ** 2).sum(2)
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    cells = data.draw(st.integers(1, 400))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", cells)
        ways = [nearest(queries, store, k), module._in_parts(queries, store, k)]
    for found in ways:
        assert np.array_equal(found.row, order)
        assert np.array_equal(found.distance, np.take_along_axis(squared, order, axis=1))


def test_faiss_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    queries, store = (rng.integers(0, 2, (n, 24)) * 2 - 1 for n in (50, 3000))
    with_faiss = nearest(queries, store, 7)
    monkeypatch.setattr(module, "_faiss_search", lambda: None)
    without = nearest(queries, store, 7)
    assert np.array_equal(with_faiss.row, without.row)
    assert np.array_equal(with_faiss.distance, without.distance)


@pytest.mark.parametrize("k", [0, 4])
def test_more_neighbours_than_rows_are_refused(k: int) -> None:
    with pytest.raises(InputError, match="not so many neighbours"):
        nearest(np.ones((2, 2)), np.ones((3, 2)), k)
