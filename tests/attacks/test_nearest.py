"""The search of the nearest record against sorting all distances, with FAISS and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attacks import link_trials as link_trials_module
from attacks import nearest as module
from attacks.link_trials import compared_at_most, link_trials, search_trials
from attacks.matching import MATCHERS
from attacks.nearest import probability_of_rank_1
from privkit.errors import InputError


def by_definition(queries, store, person, query, asked):
    """One in the people who have a record at the least distance, in exact arithmetic.

    Distances that are equal but for the rounding of 64 bits are no part of the definition.
    """
    out = []
    for at, who in zip(query, asked, strict=True):
        distance = []
        for row in store:
            pairs = zip(row.tolist(), queries[at].tolist(), strict=True)
            distance.append(sum((Fraction(a) - Fraction(b)) ** 2 for a, b in pairs))
        near = [d for d in distance if d <= min(distance) * (1 + Fraction(1, 2**45))]
        assume(set(near) == {min(distance)})
        least = person[[d == min(distance) for d in distance]]
        out.append(1 / len(np.unique(least)) if who in least else 0.0)
    return out


@pytest.fixture(params=["faiss", "without"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with FAISS and again without."""
    if request.param == "faiss":
        pytest.importorskip("faiss")
        if module._faiss() is None:
            pytest.skip("FAISS is not used on this system")
    else:
        monkeypatch.setattr(module, "_faiss", lambda: None)
    return str(request.param)


def searched(queries, store, person, query, asked):
    person, query, asked = (np.asarray(x, dtype=np.int64) for x in (person, query, asked))
    return probability_of_rank_1(queries, store, person, query=query, asked=asked).tolist()


@contextmanager
def products_of_any_size() -> Iterator[None]:
    """Let FAISS compute by products of matrices, as it does of large inputs."""
    faiss = pytest.importorskip("faiss")
    before = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 1
    try:
        yield
    finally:
        faiss.cvar.distance_compute_blas_threshold = before


def floats(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.standard_normal((n, d))


#: Ways to draw rows; from the third on what 32 bits, or a bad centre, tell wrongly.
MAKERS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "codes": lambda rng, n, d: rng.integers(0, 2, (n, d)) * 2 - 1,
    # Few values, so that many rows are equally near.
    "whole numbers": lambda rng, n, d: rng.integers(-1, 2, (n, d)),
    "floats": floats,
    "offset": lambda rng, n, d: floats(rng, n, d) + 1e5,
    "one wide column": lambda rng, n, d: floats(rng, n, d) * np.r_[1e9, np.ones(d - 1)],
    "tiny": lambda rng, n, d: floats(rng, n, d) * 1e-22,
    "huge": lambda rng, n, d: floats(rng, n, d) * 1e19,
    "close together": lambda rng, n, d: 1.0 + 1e-6 * floats(rng, n, d),
    "one far out": lambda rng, n, d: (
        floats(rng, n, d) * np.where(np.arange(n) == 1, 1e22, 1)[:, None]
    ),
    "all sizes": lambda rng, n, d: floats(rng, n, d) * 10.0 ** rng.integers(-20, 20, (n, 1)),
}


@pytest.mark.parametrize("faiss", [True, False])
@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    d=st.integers(1, 9),
    g=st.integers(1, 60),
    kind=st.sampled_from(list(MAKERS)),
    cells=st.integers(1, 400),
    proposed=st.integers(1, 8),
)
def test_it_is_what_the_definition_says(
    seed: int, d: int, g: int, kind: str, cells: int, proposed: int, faiss: bool
) -> None:
    rng = np.random.default_rng(seed)
    store = MAKERS[kind](rng, g, d).astype(np.float32)
    queries = MAKERS[kind](rng, 5, d).astype(np.float32)
    if kind not in ("codes", "whole numbers"):
        # Some are near a row, so that it is not the size of the rows that decides.
        queries[:3] = store[rng.integers(0, g, 3)] * np.float32(1 + 1e-6)
    person = rng.integers(0, 8, g)
    query, asked = rng.integers(0, 5, 12), rng.integers(0, 8, 12)
    with pytest.MonkeyPatch.context() as patch, products_of_any_size():
        patch.setattr(module, "_CELLS", cells)
        patch.setattr(module, "_TOGETHER", 3)
        patch.setattr(module, "_PROPOSED", proposed)
        if not faiss:
            patch.setattr(module, "_faiss", lambda: None)
        found = searched(queries, store, person, query, asked)
    assert found == by_definition(queries, store, person, query, asked)


def test_the_order_of_a_sum_breaks_no_tie(way: str) -> None:
    store = np.array(list(permutations([0.1, 0.2, 0.3, 0.7, 1.1])))
    person = np.arange(120)
    assert searched(np.zeros((1, 5)), store, person, 0 * person, person) == [1 / 120] * 120


def test_what_32_bits_cannot_tell_apart_is_told(way: str) -> None:
    """Hundreds of rows closer together than 32 bits tell: the proposals are certain of none."""
    rng = np.random.default_rng(0)
    store = (1.0 + 1e-4 * rng.standard_normal((400, 3))).astype(np.float32)
    store[:, 0] += np.where(np.arange(400) % 2, 3000, 0).astype(np.float32)
    person = np.arange(400)
    with products_of_any_size():
        assert searched(store, store, person, person, person) == [1.0] * 400


@pytest.mark.parametrize("far", [1e3, 1e18, 1e30])
def test_a_row_far_out_hides_nobody(far: float, way: str) -> None:
    rng = np.random.default_rng(0)
    store = np.vstack([rng.standard_normal((300, 8)), np.full((1, 8), far)]).astype(np.float32)
    queries = store + np.float32(0.01) * rng.standard_normal((301, 8)).astype(np.float32)
    person = np.arange(301)
    with products_of_any_size():
        assert searched(queries, store, person, person, person) == [1.0] * 301


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_doubles_of_any_size_are_compared(scale: float, way: str) -> None:
    rng = np.random.default_rng(0)
    store, person = rng.standard_normal((100, 4)) * scale, np.arange(100)
    assert searched(store * 1.001, store, person, person, person) == [1.0] * 100


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


def test_queries_that_are_no_codes_are_compared_with_codes(way: str) -> None:
    store = np.array([[1, 1], [1, -1]], dtype=np.float32)
    assert searched(np.array([[0.5, -0.2], [0.5, 0]]), store, [4, 5], [0, 1], [5, 5]) == [1.0, 0.5]


def test_an_empty_store_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to search"):
        searched(np.ones((1, 2)), np.ones((0, 2)), np.empty(0, dtype=np.int64), [0], [0])


def scene(*, codes: bool = False, people: int = 10) -> tuple[np.ndarray, ...]:
    """Ten of thirty records of each person are probes; what is theirs is weak."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(people), 30)
    rows = rng.standard_normal((people, 12))[person] + 2 * rng.standard_normal((len(person), 12))
    rows = (np.where(rows > 0, 1, -1) if codes else rows).astype(np.float32)
    probe = np.arange(len(person)) % 3 == 0
    return rows[probe], person[probe], rows[~probe], person[~probe]


@pytest.mark.parametrize("codes", [True, False])
def test_its_trials_are_those_of_the_nearest_record(codes: bool, way: str) -> None:
    given_scene = scene(codes=codes)
    found, fused = search_trials(*given_scene, seed=3)
    matchers = {name: MATCHERS[name] for name in ("nearest", "mean")}
    ranked = {t.name: t for t in link_trials(*given_scene, seed=3, matchers=matchers)}
    assert (found.name, fused.name) == ("linkage_search, rank-1", "linkage_search_fused, rank-1")
    assert np.array_equal(found.hit, ranked["linkage_nearest, rank-1"].hit)
    # The mean of probes is nearest to the mean that has the least sum of squared distances; of
    # codes some are equally near, and rounding breaks ties of sums.
    summed = ranked["linkage_mean_fused, rank-1"].hit
    assert np.array_equal(fused.hit, summed) or (codes and abs(fused.mean() - summed.mean()) < 0.06)
    assert np.array_equal(found.baseline, np.full(100, 0.1))
    assert 0 < found.mean("control") < found.mean() < fused.mean()
    again, other = (search_trials(*given_scene, seed=seed)[0] for seed in (3, 4))
    assert np.array_equal(again.control, found.control)
    assert not np.array_equal(other.control, found.control)


RANKED_BY_MEANS = [
    f"linkage_{name}_fused, rank-1" for name in ("mean", "lda", "plda", "weighted_hamming")
]


@pytest.mark.parametrize("codes", [True, False])
def test_of_too_many_probes_people_are_asked_about_by_a_record_and_by_their_mean(
    codes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_scene = scene(codes=codes, people=40)
    usual = {t.name: t for t in link_trials(*given_scene, seed=3)}
    monkeypatch.setattr("attacks.link_trials._PAIRS", 60 * 800)
    large = {t.name: t for t in link_trials(*given_scene, seed=3)}
    assert large.keys() == usual.keys()
    for name, trials in large.items():
        assert len(trials) == len(np.unique(trials.person)) == 30
        # Floats are cut to bits, so that the mean of several says less than they do.
        if name in RANKED_BY_MEANS and (codes or "hamming" not in name):
            # Means rank as sums of scores do; what is learned has been from fewer probes.
            hit = usual[name].hit[np.isin(usual[name].person, trials.person)]
            assert abs(trials.mean() - hit.mean()) < (0.05 if "mean" in name else 0.15)
    assert compared_at_most(800) == 60


def test_of_too_many_probes_nobody_is_named_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are those known again whom a discriminant has learned from: it is of others' folds."""
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(120), 6)
    rows = rng.standard_normal((720, 40)).astype(np.float32)
    probe = np.arange(720) % 3 == 0
    monkeypatch.setattr("attacks.link_trials._PAIRS", 200 * 480)
    names = ("lda", "lda_unshrunk", "plda", "weighted_hamming")
    for trials in link_trials(
        rows[probe], person[probe], rows[~probe], person[~probe],
        seed=0, matchers={name: MATCHERS[name] for name in names},
    ):  # fmt: skip
        assert len(trials) == 100
        # Of 100 people at a rate of 1% six or more are named once in two thousand times.
        assert trials.mean() < 0.06, trials.name


def test_the_mean_is_of_people_with_several_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    gallery = rng.standard_normal((30, 8)).astype(np.float32)
    person = np.concatenate([np.arange(30), np.arange(20), np.arange(20)])
    probes = gallery[person] + np.float32(0.01)
    monkeypatch.setattr("attacks.link_trials._PAIRS", 60 * 30)
    found = link_trials(
        probes, person, gallery, np.arange(30), seed=0, matchers={"mean": MATCHERS["mean"]}
    )
    trials = {t.name: t for t in found}
    assert sorted(trials["linkage_mean, rank-1"].person) == list(range(30))
    assert sorted(trials["linkage_mean_fused, rank-1"].person) == list(range(20))
    assert all(t.mean() == 1.0 for t in found if t.measure == "rank-1")
    searched_for = search_trials(probes, person, gallery, np.arange(30), seed=0)
    assert [len(t) for t in searched_for] == [70, 20]


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    d=st.sampled_from([1, 3, 30, 128]),
    kind=st.sampled_from([k for k in MAKERS if k != "codes"]),
    proposed=st.integers(1, 8),
)
def test_what_faiss_does_not_propose_is_as_far_as_is_said(
    seed: int, d: int, kind: str, proposed: int
) -> None:
    faiss = pytest.importorskip("faiss")
    rng = np.random.default_rng(seed)
    store = module._Floats.of(MAKERS[kind](rng, 60, d).astype(np.float32))
    queries = MAKERS[kind](rng, 5, d).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch, products_of_any_size():
        patch.setattr(module, "_PROPOSED", proposed)
        rows, beyond = store.proposed(queries, faiss)
    for query, near, least in zip(queries, rows, beyond, strict=True):
        others = np.setdiff1d(np.arange(60), near)
        assert np.isnan(least) or (store.exact(query, others) >= least).all()


def test_people_without_a_known_record_are_not_asked() -> None:
    rows = np.eye(6, dtype=np.float32)
    (found,) = search_trials(rows, np.arange(6), rows[:4], np.arange(4), seed=0)
    assert found.person.tolist() == [0, 1, 2, 3]
    assert found.hit.tolist() == [1.0] * 4
    assert not found.control.any()
    with pytest.raises(InputError, match="too few people to link"):
        search_trials(rows, np.arange(6), rows[:1], np.arange(1), seed=0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), cells=st.integers(1, 100))
def test_means_of_people(seed: int, n: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    rows, person = rng.standard_normal((n, 3)).astype(np.float32), rng.integers(0, 9, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_trials_module, "_CELLS", cells)
        means, people = link_trials_module._means(rows, person)
    assert people.tolist() == sorted(set(person.tolist()))
    for mean, who in zip(means, people, strict=True):
        np.testing.assert_allclose(mean, rows[person == who].mean(0, dtype=float), rtol=1e-12)


def test_how_many_are_compared_falls_with_the_gallery() -> None:
    assert compared_at_most(10**6) == 300
    assert compared_at_most(10**9) == 2
