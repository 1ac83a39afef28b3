"""Reduced scores and rates against brute force, closed forms and the enumeration of ties."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from attacks.matched_counts import Matched
from attacks.matched_scores import OneByOne, matched, matched_and_fused
from attacks.matching import MATCHERS
from attacks.verification import (
    cmc,
    control_rank_hits,
    equal_error_rate,
    genuine_scores,
    impostor_scores,
    open_hits,
    rank_hits,
    threshold_at,
)
from privkit.errors import InputError

RNG = np.random.default_rng


@dataclass(frozen=True, eq=False)
class Table:
    """A judge whose scores stand in a table: the gallery's only column is the candidate."""

    scores: NDArray[np.float64]
    person: NDArray[np.int64]

    def score(self, gallery: NDArray[np.int64], person: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.scores[:, np.unique(person)]


def table(scores: NDArray[np.float64], person: list[int], seed: int = 0, **more: int) -> Matched:
    """The table reduced, with two rows of each candidate in a random order."""
    candidates = RNG(seed).permutation(np.repeat(np.arange(scores.shape[1]), 2))
    judge = Table(np.asarray(scores, dtype=float), np.array(person))
    return matched(judge, candidates[:, None], candidates, RNG(seed), **more)


def first_by_enumeration(row: NDArray[np.float64], right: int, k: int) -> float:
    """How often ``right`` is among the first k, over all orders of what is equal."""
    orders = [
        order
        for order in itertools.permutations(range(len(row)))
        if all(row[a] >= row[b] for a, b in itertools.pairwise(order))
    ]
    return float(np.mean([right in order[:k] for order in orders]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), candidates=st.integers(2, 5), cells=st.integers(1, 40))
def test_ranks_are_the_mean_over_all_orders_of_equals(
    seed: int, candidates: int, cells: int
) -> None:
    rng = RNG(seed)
    scores = rng.integers(0, 3, (4, candidates)).astype(float)
    person = [0, 1, 1, *rng.integers(0, candidates, 1)]
    found = table(scores, person, seed, cells=cells)
    for k in range(1, candidates + 1):
        expected = [
            first_by_enumeration(row, right, k) for row, right in zip(scores, person, strict=True)
        ]
        np.testing.assert_allclose(rank_hits(found, k), expected)
        assert cmc(found, k)[-1] == pytest.approx(np.mean(expected))
    assert cmc(found, candidates)[-1] == 1.0
    assert np.array_equal(found.top, scores.max(1))
    assert np.array_equal(found.own, scores[np.arange(4), person])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cells=st.integers(1, 60))
def test_impostors_are_all_wrong_candidates_or_an_even_sample(seed: int, cells: int) -> None:
    rng = RNG(seed)
    scores = rng.permutation(48).reshape(6, 8).astype(float)  # each pair has its own score
    person = [0, 1, 2, 3, 4, 5]
    wrong = np.delete(scores.ravel(), np.ravel_multi_index((range(6), person), scores.shape))
    everything = impostor_scores(table(scores, person, seed, cells=cells))
    assert np.array_equal(np.sort(everything), np.sort(wrong))
    some = table(scores, person, seed, cells=cells, impostors=18)
    assert some.impostors.shape == (6, 3)
    assert np.array_equal(some.impostors, table(scores, person, seed, impostors=18).impostors, True)
    for n, row in enumerate(some.impostors):
        drawn = row[~np.isnan(row)]
        assert len(drawn) >= 2
        assert len(set(drawn)) == len(drawn)
        assert set(drawn) <= set(scores[n]) - {scores[n, person[n]]}


def test_the_control_is_the_right_candidate_by_a_record_of_another() -> None:
    rng = RNG(1)
    person = np.repeat(np.arange(4), 2)
    scores = rng.permutation(8 * 6).reshape(8, 6).astype(float)
    found = table(scores, list(person))
    for n, p in enumerate(person):
        rows = np.flatnonzero(scores[:, p] == found.control[n])
        assert person[rows[0]] != p
        assert found.control_better[n] == (scores[rows[0]] > found.control[n]).sum()
    assert np.array_equal(control_rank_hits(found), (found.control_better == 0).astype(float))


def test_probes_of_one_person_are_added_up() -> None:
    rng = RNG(2)
    person = np.array([2, 0, 2, 1, 0])
    scores = rng.integers(0, 4, (5, 4)).astype(float)
    candidates = np.arange(4)
    one, fused = matched_and_fused(
        Table(scores, person), candidates[:, None], candidates, RNG(0), cells=3
    )
    assert fused.person.tolist() == [0, 1, 2]
    summed = np.stack([scores[person == p].sum(0) for p in range(3)])
    assert np.array_equal(fused.own, summed[np.arange(3), np.arange(3)])
    assert np.array_equal(fused.top, summed.max(1))
    assert np.array_equal(fused.better, (summed > fused.own[:, None]).sum(1))
    assert np.array_equal(one.own, scores[np.arange(5), person])


def test_the_size_of_the_parts_changes_nothing() -> None:
    rng = RNG(3)
    codes = (rng.integers(0, 2, (600, 12)) * 2 - 1).astype(np.int8)
    person = rng.integers(0, 50, 600)
    judge = OneByOne(MATCHERS["nearest"].fit(None, None, rng), codes[:80], person[:80])
    whole = matched(judge, codes[80:], person[80:], RNG(0))
    parts = matched(judge, codes[80:], person[80:], RNG(0), cells=1)
    for name in whole.__dataclass_fields__:
        assert np.array_equal(getattr(whole, name), getattr(parts, name), True), name


def test_one_person_cannot_be_linked() -> None:
    with pytest.raises(InputError, match="more than one person"):
        table(np.ones((3, 2)), [1, 1, 1])


# Thresholds and error rates


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    rate=st.floats(0.0, 1.0, allow_subnormal=False),
)
def test_a_threshold_accepts_exactly_its_share_of_impostors(scores: list[int], rate: float) -> None:
    impostors = np.array(scores, dtype=float)
    if rate * len(scores) < 1:
        with pytest.raises(InputError, match="cannot be resolved"):
            threshold_at(impostors, rate * 0.99)
        rate = 1 / len(scores)
    accepted = threshold_at(impostors, rate).accepts(impostors)
    assert accepted.mean() == pytest.approx(rate)
    assert ((accepted >= 0) & (accepted <= 1)).all()


def test_no_impostors_resolve_no_rate() -> None:
    with pytest.raises(InputError, match="cannot be resolved"):
        threshold_at(np.empty(0), 0.5)


@pytest.mark.parametrize(("distance", "spread"), [(0.0, 1.0), (1.0, 1.0), (2.5, 0.5)])
def test_two_normal_distributions(distance: float, spread: float) -> None:
    """The binormal model: the equal error rate and the ROC have closed forms."""
    rng = RNG(4)
    genuine = distance + spread * rng.normal(size=200_000)
    impostors = rng.normal(size=200_000)
    expected = norm.cdf(-distance / (1 + spread))
    assert equal_error_rate(genuine, impostors) == pytest.approx(expected, abs=0.004)
    for rate in (0.01, 0.001):
        accepted = threshold_at(impostors, rate).accepts(genuine).mean()
        analytic = norm.sf((norm.isf(rate) - distance) / spread)
        assert accepted == pytest.approx(analytic, abs=0.015)


@pytest.mark.parametrize(
    ("genuine", "impostors", "expected"),
    [
        ([1, 1], [0, 0], 0.0),
        ([0, 0], [1, 1], 1.0),
        ([5, 5, 5], [5, 5], 0.5),
        ([2, 1], [1, 0], 0.25),  # half of the equals are accepted: 1 of 4 each way
        ([3, 1], [2, 0], 0.5),
    ],
)
def test_equal_errors_of_few_scores(
    genuine: list[float], impostors: list[float], expected: float
) -> None:
    """By hand; with equals, a share of them is accepted."""
    found = equal_error_rate(np.array(genuine, float), np.array(impostors, float))
    assert found == pytest.approx(expected)


# An open gallery


def test_open_gallery_by_hand() -> None:
    """Persons 0 and 1 are candidates, 8 and 9 are not: one false alarm in four trials."""
    scores = np.array([[9.0, 1], [4, 3], [2, 7], [8, 6], [5, 4], [3, 5], [1, 1], [0, 2]])
    person = [0, 0, 1, 1, 8, 8, 9, 9]
    found = table(scores, person)
    assert found.enrolled.tolist() == [True] * 4 + [False] * 4
    assert genuine_scores(found).tolist() == [9, 4, 7, 6]
    # The strangers' best scores are 5, 5, 1 and 2: half of those that equal 5 are accepted.
    assert threshold_at(found.top[~found.enrolled], 0.25).share == 0.5
    assert open_hits(found, 0.25).tolist() == [1, 0, 1, 0]
    assert open_hits(found, 0.75).tolist() == [1, 1, 1, 0]
    with pytest.raises(InputError, match="cannot be resolved"):
        open_hits(found, 0.2)
    with pytest.raises(InputError, match="right person among the candidates"):
        rank_hits(found)
