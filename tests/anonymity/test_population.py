"""Population estimates against exact enumeration and simulation."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from privkit.anonymity import ClassCounts
from privkit.anonymity.population import chao1_unseen, coverage, estimate_population
from privkit.errors import InputError

PROBABILITIES = (0.5, 0.3, 0.15, 0.05)


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


def samples(n):
    for draw in itertools.product(range(len(PROBABILITIES)), repeat=n):
        weight = math.prod(PROBABILITIES[i] for i in draw)
        yield weight, counts(*Counter(draw).values())


def true_uniques(population):
    return population * sum(p * (1 - p) ** (population - 1) for p in PROBABILITIES)


@pytest.mark.parametrize("population", [1, 2, 4, 6])
def test_uniques_are_unbiased_up_to_the_sample(population):
    mean = sum(w * estimate_population(c, population).uniques for w, c in samples(6))
    assert mean == pytest.approx(true_uniques(population), abs=1e-10)


@pytest.mark.parametrize("population", [1, 2, 50])
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
    draws = rng.multinomial(60, sizes / sizes.sum(), size=20_000)
    alone = (draws == 1).sum(axis=1)
    expected = estimate_population(counts(*sizes), 60).uniques_plugin
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
@pytest.mark.parametrize("population", [1, 2, 7, 10**10])
def test_edges_stay_finite(sizes, population):
    found = estimate_population(counts(*sizes), population)
    assert 0 <= found.uniques <= population
    assert 0 <= found.uniques_plugin <= population
    if population == 1:
        assert found.uniques == found.uniques_plugin == 1


def test_coverage_and_chao1_by_hand():
    sample = counts(4, 2, 1, 1, 1)
    assert coverage(sample) == pytest.approx(1 - 3 / 9)
    assert chao1_unseen(sample) == pytest.approx(8 / 9 * 3 * 2 / (2 * 2))


@pytest.mark.parametrize("population", [0, -5, 2.5, True, "many"])
def test_bad_population(population):
    with pytest.raises(InputError, match="--population"):
        estimate_population(counts(3), population)
