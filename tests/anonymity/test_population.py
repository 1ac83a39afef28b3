"""Population estimates against exact enumeration and simulation."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privkit.anonymity import ClassCounts
from privkit.anonymity.population import (
    chao1_unseen,
    coverage,
    estimate_population,
    uniques_not_excluded,
)
from privkit.errors import InputError

PROBABILITIES = (0.5, 0.3, 0.15, 0.05)


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


def samples(n):
    for draw in itertools.product(range(len(PROBABILITIES)), repeat=n):
        weight = math.prod(PROBABILITIES[i] for i in draw)
        yield weight, counts(*Counter(draw).values())


@pytest.mark.parametrize("population", [6, 7, 50])
def test_expected_k_is_unbiased(population):
    mean = sum(w * estimate_population(c, population).expected_k for w, c in samples(5))
    assert mean == pytest.approx(1 + (population - 1) * sum(p * p for p in PROBABILITIES))


def test_plug_in_formulas_by_hand():
    found = estimate_population(counts(5, 3, 2), 20)
    shares = (0.5, 0.3, 0.2)
    assert found.expected_k_plugin == pytest.approx(1 + 19 * sum(p * p for p in shares))
    assert found.uniques_plugin == pytest.approx(20 * sum(p * (1 - p) ** 19 for p in shares))


def test_plug_in_uniques_by_simulation():
    rng = np.random.default_rng(0)
    sizes = np.array([40, 30, 20, 5, 3, 1, 1])
    draws = rng.multinomial(120, sizes / sizes.sum(), size=20_000)
    alone = (draws == 1).sum(axis=1)
    expected = estimate_population(counts(*sizes), 120).uniques_plugin
    assert expected == pytest.approx(alone.mean(), abs=4 * alone.std() / math.sqrt(len(alone)))


def test_extrapolated_uniques_beat_the_plug_in():
    """Uniform over 2**12 classes, 2,000 records, a population of twice as many."""
    rng = np.random.default_rng(0)
    truth = 4000 * (1 - 2.0**-12) ** 3999
    errors, plain = [], []
    for _ in range(30):
        sizes = np.unique(rng.integers(0, 2**12, 2000), return_counts=True)[1]
        found = estimate_population(counts(*sizes), 4000)
        errors.append(found.uniques - truth)
        plain.append(found.uniques_plugin - truth)
    assert abs(np.mean(errors)) < 0.1 * truth
    assert np.mean(plain) < -0.4 * truth


def test_the_plug_in_k_is_far_too_large_for_different_records():
    found = estimate_population(counts(*[1] * 100), 10_000)
    assert found.expected_k_plugin == pytest.approx(1 + 9999 / 100)
    assert found.expected_k == 1
    assert found.expected_k_high is None


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize("shape", [0.3, 1e9])
def test_the_interval_of_expected_k_covers_with_few_pairs(n, shape):
    """Classes that are equal and that are not, few enough records for a handful of pairs."""
    rng = np.random.default_rng(3)
    shares = rng.gamma(shape, size=400)
    shares /= shares.sum()
    truth = 1 + 9999 * (shares**2).sum()
    held = given_ = 0
    for _ in range(500):
        sizes = rng.multinomial(n, shares)
        found = estimate_population(counts(*sizes[sizes > 0]), 10_000)
        if found.expected_k_high is not None:
            given_ += 1
            held += found.expected_k_low <= truth <= found.expected_k_high
    assert held / given_ > 0.92


def test_the_interval_of_expected_k_covers_the_truth():
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(50, 0.5))
    truth = 1 + 999 * (shares**2).sum()
    hits = 0
    for _ in range(400):
        sizes = rng.multinomial(500, shares)
        found = estimate_population(counts(*sizes[sizes > 0]), 1000)
        hits += found.expected_k_low <= truth <= found.expected_k_high
    assert hits / 400 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 400))


def test_at_the_sample_itself_the_uniques_are_the_singles():
    assert estimate_population(counts(5, 1, 1, 1), 8).uniques == pytest.approx(3)


@pytest.mark.parametrize("sizes", [(1,), (5,), (1, 1), (1, 1, 3), (2, 2)])
@pytest.mark.parametrize("more", [0, 1, 7, 10**10])
def test_edges_stay_finite(sizes, more):
    population = sum(sizes) + more
    found = estimate_population(counts(*sizes), population)
    assert 0 <= found.uniques <= population
    assert 0 <= found.uniques_plugin <= population
    if not more:
        assert found.uniques == sizes.count(1)
        assert found.uniques_high is None
        assert found.expected_k == found.expected_k_low == found.expected_k_high
        assert found.expected_k == pytest.approx(sum(s * s for s in sizes) / population)


def test_uniques_that_are_not_excluded():
    """The rule of three, the exact Poisson end, and no more than everybody."""
    assert uniques_not_excluded(counts(500, 500), 10_000) == pytest.approx(10 * -math.log(0.05))
    end = stats.chi2.ppf(0.95, 8) / 2
    assert uniques_not_excluded(counts(97, 1, 1, 1), 1000) == pytest.approx(10 * end)
    assert uniques_not_excluded(counts(1, 1), 50) == 50


@pytest.mark.parametrize("people", [1.02, 1.5, 3.0, 1000.0])
def test_the_bound_of_uniques_covers_where_pairs_are_rare(people):
    """Nearly all records are alone, so that one pair takes two singletons away at once."""
    rng = np.random.default_rng(5)
    n, classes = 60, 2000
    population = round(60 * people)
    truth = population * (1 - 1 / classes) ** (population - 1)
    held = 0
    for _ in range(400):
        drawn = np.unique(rng.integers(0, classes, n), return_counts=True)[1]
        held += uniques_not_excluded(counts(*drawn), population) >= truth
    assert held >= 0.95 * 400 - 3 * math.sqrt(400 * 0.05 * 0.95)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=30), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_merged_classes_never_raise_the_risk(sizes, more):
    population = sum(sizes) + more
    apart = counts(*sizes)
    merged = counts(sizes[0] + sizes[1], *sizes[2:])
    assert uniques_not_excluded(merged, population) <= uniques_not_excluded(apart, population)
    before, after = (estimate_population(c, population) for c in (apart, merged))
    assert after.expected_k >= before.expected_k
    assert after.expected_k_plugin >= before.expected_k_plugin


def test_coverage_and_chao1_by_hand():
    sample = counts(4, 2, 1, 1, 1)
    assert coverage(sample) == pytest.approx(1 - 3 / 9)
    assert chao1_unseen(sample) == pytest.approx(8 / 9 * 3 * 2 / (2 * 2))


@pytest.mark.parametrize("population", [0, -5, 2.5, True, "many", 2])
def test_bad_population(population):
    with pytest.raises(InputError, match="--population"):
        estimate_population(counts(3), population)


def test_a_population_smaller_than_the_sample_is_told():
    with pytest.raises(InputError, match=r"smaller than the sample.*at least 3.*found: 2.*remedy"):
        estimate_population(counts(3), 2)
