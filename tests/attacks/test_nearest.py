"""The search of the nearest record against sorting all distances, with FAISS and without."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import nearest as module
from attacks.link_trials import compared_at_most, link_trials, search_trials
from attacks.matching import MATCHERS
from attacks.nearest import probability_of_rank_1
from privkit.errors import InputError


def by_definition(queries, store, person, query, asked):
    """One in the people who have a record at the least distance, in exact arithmetic."""
    out = []
    for at, who in zip(query, asked, strict=True):
        distance = []
        for row in store:
            pairs = zip(row.tolist(), queries[at].tolist(), strict=True)
            distance.append(sum((Fraction(a) - Fraction(b)) ** 2 for a, b in pairs))
        least = person[[d == min(distance) for d in distance]]
        out.append(1 / len(np.unique(least)) if who in least else 0.0)
    return out


@pytest.fixture(params=["faiss", "without"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with FAISS and again without."""
    if request.param == "faiss":
        pytest.importorskip("faiss")
        if not module._has_faiss():
            pytest.skip("FAISS is not used on this system")
    else:
        monkeypatch.setattr(module, "_has_faiss", lambda: False)
    return str(request.param)


def searched(queries, store, person, query, asked):
    person, query, asked = (np.asarray(x, dtype=np.int64) for x in (person, query, asked))
    return probability_of_rank_1(queries, store, person, query=query, asked=asked).tolist()


@pytest.mark.parametrize("faiss", [True, False])
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    d=st.integers(1, 9),
    g=st.integers(1, 60),
    kind=st.sampled_from(["codes", "whole numbers", "floats", "offset", "one wide column"]),
    cells=st.integers(1, 400),
    proposed=st.integers(1, 8),
)
def test_it_is_what_the_definition_says(
    seed: int, d: int, g: int, kind: str, cells: int, proposed: int, faiss: bool
) -> None:
    if faiss:
        pytest.importorskip("faiss")
    rng = np.random.default_rng(seed)
    make = {
        "codes": lambda n: rng.integers(0, 2, (n, d)) * 2 - 1,
        # Few values, so that many rows are equally near.
        "whole numbers": lambda n: rng.integers(-1, 2, (n, d)),
        "floats": lambda n: rng.standard_normal((n, d)),
        "offset": lambda n: rng.standard_normal((n, d)) + 1e5,
        "one wide column": lambda n: rng.standard_normal((n, d)) * np.r_[1e9, np.ones(d - 1)],
    }[kind]
    queries, store = (make(n).astype(np.float32) for n in (5, g))
    person = rng.integers(0, 8, g)
    query, asked = rng.integers(0, 5, 12), rng.integers(0, 8, 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", cells)
        patch.setattr(module, "_TOGETHER", 3)
        patch.setattr(module, "_PROPOSED", proposed)
        if not faiss:
            patch.setattr(module, "_has_faiss", lambda: False)
        found = searched(queries, store, person, query, asked)
    assert found == by_definition(queries, store, person, query, asked)


def test_of_equal_codes_everybody_is_as_near(way: str) -> None:
    store, person = np.ones((40_000, 16), dtype=np.float32), np.arange(40_000) // 4
    found = searched(store[:500], store, person, np.arange(500), np.arange(500))
    assert found == [1 / 10_000] * 500


def test_more_equals_than_are_proposed(way: str) -> None:
    # 1,024 people, each with the code of a number, and queries one bit away from 60 of them.
    numbers = np.arange(1024)
    codes = (numbers[:, None] >> np.arange(60) & 1).astype(np.float32) * 2 - 1
    axes = np.where(np.eye(60, dtype=bool), -1.0, 1.0).astype(np.float32)
    centre = np.ones((1, 60), dtype=np.float32)
    assert searched(centre, axes, np.arange(60), [0], [7]) == [1 / 60]
    assert searched(codes, codes, numbers, numbers, numbers) == [1.0] * 1024


def test_numbers_that_32_bits_cannot_square_are_compared_in_64(way: str) -> None:
    rng = np.random.default_rng(0)
    store = (rng.standard_normal((300, 4)) * 1e25).astype(np.float32)
    person = np.arange(300)
    assert searched(store * np.float32(1 + 1e-6), store, person, person, person) == [1.0] * 300


def test_queries_that_are_no_codes_are_compared_with_codes(way: str) -> None:
    store = np.array([[1, 1], [1, -1]], dtype=np.float32)
    assert searched(np.array([[0.5, -0.2], [0.5, 0]]), store, [4, 5], [0, 1], [5, 5]) == [1.0, 0.5]


def test_an_empty_store_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to search"):
        searched(np.ones((1, 2)), np.ones((0, 2)), np.empty(0, dtype=np.int64), [0], [0])


@pytest.mark.parametrize("codes", [True, False])
def test_its_trials_are_those_of_the_nearest_record(codes: bool, way: str) -> None:
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(60), 5)
    rows = rng.standard_normal((60, 12))[person] + rng.standard_normal((300, 12))
    if codes:
        rows = np.where(rows > 0, 1, -1)
    rows = rows.astype(np.float32)
    probe = np.arange(300) % 5 == 0
    scene = (rows[probe], person[probe], rows[~probe], person[~probe])
    (found,) = search_trials(*scene, seed=3)
    ranked, _ = link_trials(*scene, seed=3, matchers={"nearest": MATCHERS["nearest"]})
    assert (found.name, ranked.name) == ("linkage_search, rank-1", "linkage_nearest, rank-1")
    assert np.array_equal(found.hit, ranked.hit)
    assert np.array_equal(found.baseline, ranked.baseline)
    assert found.mean("control") < 0.1 < found.mean()
    again, other = (search_trials(*scene, seed=seed)[0] for seed in (3, 4))
    assert np.array_equal(again.control, found.control)
    assert not np.array_equal(other.control, found.control) or not found.control.any()


def test_people_without_a_known_record_are_not_asked() -> None:
    rows = np.eye(6, dtype=np.float32)
    (found,) = search_trials(rows, np.arange(6), rows[:4], np.arange(4), seed=0)
    assert found.person.tolist() == [0, 1, 2, 3]
    assert found.hit.tolist() == [1.0] * 4
    assert not found.control.any()
    with pytest.raises(InputError, match="too few people to link"):
        search_trials(rows, np.arange(6), rows[:1], np.arange(1), seed=0)


def test_how_many_are_compared_falls_with_the_gallery() -> None:
    assert compared_at_most(10**6) == 300
    assert compared_at_most(10**9) == 2
