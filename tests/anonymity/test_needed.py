"""What uniform codes and samples can promise, against enumeration and simulation."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privkit.anonymity import ClassCounts, certified, needed
from privkit.anonymity.certified import (
    certify,
    sample_needed,
    sample_needed_for_everyone,
    zero_failures_needed,
)
from privkit.anonymity.needed import ideal_k, most_bits, people_needed, uniform_k
from privkit.errors import InputError


def counts(sizes):
    sizes = np.asarray(sizes)
    return ClassCounts.from_sizes(sizes[sizes > 0])


@pytest.mark.parametrize(("people", "bits"), [(1, 1), (2, 2), (6, 1), (5, 2), (4, 3)])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_uniform_codes_by_enumeration(people, bits, k):
    drawn = list(itertools.product(range(2**bits), repeat=people))
    kept = sum(min(Counter(d).values()) >= k for d in drawn)
    assert uniform_k(people, bits, k) == pytest.approx(kept / len(drawn), abs=1e-12)


@pytest.mark.parametrize(("people", "bits", "k"), [(1000, 6, 5), (1000, 5, 20), (300, 4, 8)])
def test_uniform_codes_by_simulation(people, bits, k):
    drawn = np.random.default_rng(0).multinomial(people, np.full(2**bits, 2.0**-bits), 4000)
    share = ((drawn == 0) | (drawn >= k)).all(axis=1).mean()
    assert uniform_k(people, bits, k) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("people", "bits", "k"), [(900, 5, 12), (500, 3, 40), (800, 40, 2)])
def test_the_bound_lies_closely_below_the_probability(monkeypatch, people, bits, k):
    exact = uniform_k(people, bits, k)
    monkeypatch.setattr(needed, "EXACT", 0)
    bound = uniform_k(people, bits, k)
    assert bound <= exact + 1e-12
    if exact > 0.9:
        assert exact - bound < 0.005


@pytest.mark.parametrize("bits", [0, 1, 10, 64, 4096])
@pytest.mark.parametrize("people", [1, 10, 10**4, 10**15])
def test_uniform_codes_stay_probabilities(bits, people):
    found = [uniform_k(people, bits, k) for k in (1, 2, 5, 1000)]
    assert found[0] == 1
    assert all(0 <= later <= before <= 1 for before, later in itertools.pairwise(found))


@pytest.mark.parametrize("k", [2, 5, 100])
@pytest.mark.parametrize("bits", [0, 1, 4, 10, 20])
def test_people_and_bits_are_inverse(bits, k):
    people = people_needed(bits, k)
    assert most_bits(people, k) == bits
    assert bits == 0 or most_bits(people - 1, k) == bits - 1
    assert ideal_k(people, bits) >= k  # the mean class is larger than the smallest


def test_too_many_bits_for_anybody():
    assert people_needed(60, 5) is None
    assert most_bits(4, 5) is None


@given(st.floats(1e-6, 0.999))
@settings(max_examples=300, deadline=None)
def test_the_rule_of_three(most):
    n = zero_failures_needed(most)
    assert (1 - most) ** n <= 0.05 * (1 + 1e-9)
    assert (1 - most) ** (n - 1) > 0.05 * (1 - 1e-9)
    assert n <= 3 / most + 1


@pytest.mark.parametrize("population", [1, 19, 20, 1000, 10**12])
def test_everyone(population):
    """A single person is missed by a sample of n with probability 1 - n / P."""
    n = sample_needed_for_everyone(population)
    assert population - n <= population / 20 < population - n + 1


@pytest.mark.parametrize("bad", [0, -1, 2.5, True])
def test_bad_numbers(bad):
    for call in (
        lambda: uniform_k(10, 3, bad),
        lambda: most_bits(bad, 3),
        lambda: people_needed(3, bad),
        lambda: sample_needed_for_everyone(bad),
        lambda: certify(counts([5, 5]), 100, bad, seed=0),
    ):
        with pytest.raises(InputError, match="whole number"):
            call()


@pytest.mark.parametrize("bad", [0, 1, -0.1, math.nan])
def test_bad_shares(bad):
    with pytest.raises(InputError, match="between 0 and 1"):
        zero_failures_needed(bad)


@pytest.mark.parametrize(
    ("population", "sampled", "k"),
    [
        (1000, 10, 5),
        (1000, 200, 5),
        (10**5, 5000, 30),
        (50, 49, 4),
        (20, 0, 3),
        (20, 7, 1),
        (2 * 10**6, 10**5, 10**6),
        (10**7, 4 * 10**6, 5000),
    ],
)
def test_records_that_prove_a_class(population, sampled, k):
    """The first m whose bound holds, with scipy's hypergeometric tail."""
    if population > 10**6:
        m = certified._records_that_prove(population, sampled, k)
        for value, fine in ((m, True), (m - 1, False)):
            tail = stats.hypergeom.sf(value - 1, population, k - 1, sampled)
            assert (population / value * tail <= 0.025) == fine
        return
    tail = [stats.hypergeom.sf(m - 1, population, k - 1, sampled) for m in range(1, k)]
    fine = [m for m, t in enumerate(tail, start=1) if population / m * t <= 0.025]
    assert certified._records_that_prove(population, sampled, k) == (fine[0] if fine else k)


POPULATIONS = {
    "just too small": np.repeat([4, 200], [500, 40]),
    "alone": np.repeat([1, 300], [600, 40]),
    "mixed": np.repeat([1, 2, 3, 4, 5, 6, 9, 50, 500], [50, 40, 60, 60, 60, 60, 30, 20, 10]),
    "large": np.repeat([250], [40]),
}


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.9])
def test_what_is_certified_is_true(name, fraction):
    sizes = POPULATIONS[name]
    people = int(sizes.sum())
    truth = sizes[sizes < 5].sum() / people
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(150):
        sample = rng.multivariate_hypergeometric(sizes, int(fraction * people), method="marginals")
        held += certify(counts(sample), people, 5, seed=seed).share_high >= truth
    assert held / 150 >= 0.95


def test_a_certificate_is_worth_something():
    """Uniform codes of 6 bits: few failures, and a bound near the rule of three."""
    sizes = np.random.default_rng(1).multinomial(20_000, np.full(64, 1 / 64))
    found = certify(counts(sizes), 10**6, 5, seed=0)
    assert (found.classes, found.failures) == (64, 0)
    assert found.share_high == pytest.approx(-math.log(0.025) / 10_000, rel=0.05)
    assert "at most 0.04%" in found.sentence()


def test_the_whole_population_is_counted():
    found = certify(counts([1, 4, 5, 10]), 20, 5, seed=0)
    assert found.share_high == 5 / 20
    assert "Everybody was counted: 25%" in found.sentence()


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(1, 10**9))
@settings(max_examples=300, deadline=None)
def test_no_certificate_contradicts_the_sample(sizes, more):
    found = certify(counts(sizes), sum(sizes) + more, 5, seed=0)
    assert 0 < found.share_high <= 1
    assert 1 <= found.records <= 5
    assert found.failures <= found.tested <= sum(sizes)


@pytest.mark.parametrize(
    ("population", "bits", "k", "most"), [(10**6, 6, 5, 0.01), (10**5, 8, 3, 0.02)]
)
def test_the_sample_that_is_needed_is_enough(population, bits, k, most):
    n = sample_needed(population, bits, k, most)
    rng = np.random.default_rng(0)
    shown = 0
    for seed in range(100):
        sample = rng.multinomial(n, np.full(2**bits, 2.0**-bits))
        shown += certify(counts(sample), population, k, seed=seed).share_high <= most
    assert shown >= 85
    assert n >= 2 * zero_failures_needed(most, 0.025)


def test_a_sample_that_cannot_be_enough():
    assert sample_needed(10**6, 20, 5, 0.01) is None
    assert sample_needed(100, 7, 2, 0.01) is None
    assert sample_needed(10**5, 4096, 5, 0.01) is None


@pytest.mark.parametrize(
    ("population", "bits", "k"), [(100_000, 10, 50), (100_000, 9, 150), (100, 1, 2), (5000, 6, 50)]
)
def test_counting_everybody_is_enough_where_no_half_is(population, bits, k):
    assert sample_needed(population, bits, k, 0.01) == population
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(population, np.full(2**bits, 2.0**-bits), 200)
    shares = (drawn * (drawn < k)).sum(axis=1) / population
    assert (shares <= 0.01).mean() >= 0.95
    found = certify(counts(drawn[0]), population, k, seed=0)
    assert found.share_high == shares[0]


@pytest.mark.parametrize("population", [10, 300, 5000])
def test_a_census_that_would_not_show_it_is_not_named(population):
    """Where more people than that are below k in most populations of uniform codes."""
    rng = np.random.default_rng(0)
    for bits in range(12):
        drawn = rng.multinomial(population, np.full(2**bits, 2.0**-bits), 100)
        for k in (2, 5, 20):
            shares = (drawn * (drawn < k)).sum(axis=1) / population
            if (shares <= 0.01).mean() < 0.9:
                assert sample_needed(population, bits, k, 0.01) is None


def test_more_people_than_there_are(monkeypatch):
    """No array is as long as k: 1e9 took 7 GiB."""
    found = certify(counts([40] * 25), 4000, 10**9, seed=0)
    assert (found.share_high, found.classes) == (1.0, 0)
    assert found.sentence().startswith("There are only 4,000 people, so all of them")
    assert certify(counts([5, 5]), 10, 11, seed=0).share_high == 1.0
    assert sample_needed(4000, 10, 10**9, 0.01) is None
    assert most_bits(4000, 10**9) is None


@pytest.mark.parametrize("k", [10**6, 10**8, 10**9])
def test_large_k_takes_no_large_array(k):
    import tracemalloc

    tracemalloc.start()
    sample = counts([10**6] * 50)
    found = certify(sample, 10 * k, k, seed=0) if 10 * k >= sample.n else None
    bits = most_bits(100 * k, k)
    needed_ = sample_needed(100 * k, 3, k, 0.01)
    people = people_needed(3, k)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20
    assert found is None or 1 <= found.records <= k
    assert bits == 6
    assert needed_ is not None
    assert 8 * k < people < 8.2 * k
