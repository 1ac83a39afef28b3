"""Entropies against distributions whose entropy is known, and estimators against enumeration."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from privkit.anonymity import ClassCounts
from privkit.anonymity.entropy import (
    chao_shen,
    collision_interval,
    collision_probability,
    entropies,
    miller_madow,
    miller_madow_interval,
    min_entropy_nist,
    shannon,
)


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


@pytest.mark.parametrize("classes", [1, 2, 7, 1024])
def test_uniform_classes_have_the_logarithm_of_their_number(classes):
    found = entropies(counts(*[1000] * classes))
    truth = math.log2(classes)
    assert found.shannon == pytest.approx(truth)
    assert found.collision_plugin == pytest.approx(truth)
    assert found.minimum == pytest.approx(truth)
    assert found.collision == pytest.approx(
        -math.log2(classes * 1000 * 999 / (1000 * classes * (1000 * classes - 1))), abs=1e-12
    )


def test_a_known_distribution():
    found = entropies(counts(4, 2, 1, 1))
    assert found.shannon == pytest.approx(1.75)
    assert found.collision_plugin == pytest.approx(-math.log2((16 + 4 + 1 + 1) / 64))
    assert found.minimum == pytest.approx(1.0)
    assert found.collision == pytest.approx(-math.log2((12 + 2) / 56))
    assert found.miller_madow == pytest.approx(1.75 + 3 / (16 * math.log(2)))
    assert found.ceiling == 3


def test_nist_example():
    """SP 800-90B, section 6.3.1: 20 samples, the most common value 8 times, 0.5363 bits."""
    assert min_entropy_nist(counts(6, 8, 6)) == pytest.approx(0.5363, abs=5e-5)
    upper = 0.4 + 2.576 * math.sqrt(0.4 * 0.6 / 19)
    assert min_entropy_nist(counts(6, 8, 6)) == pytest.approx(-math.log2(upper), abs=1e-12)
    assert min_entropy_nist(counts(5)) == 0
    assert min_entropy_nist(counts(1)) == 0
    assert min_entropy_nist(counts(1, 1)) == 0  # the bound is cut off at probability 1


def samples(probabilities, n):
    """Every sample of n draws, with its probability."""
    for draw in itertools.product(range(len(probabilities)), repeat=n):
        weight = math.prod(probabilities[i] for i in draw)
        yield weight, ClassCounts.from_sizes(np.array(list(Counter(draw).values())))


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_collision_probability_is_unbiased(n):
    probabilities = (0.5, 0.3, 0.15, 0.05)
    mean = sum(w * collision_probability(c) for w, c in samples(probabilities, n))
    assert mean == pytest.approx(sum(p * p for p in probabilities), abs=1e-12)


def test_corrections_come_closer_than_the_plug_in():
    probabilities = (0.4, 0.3, 0.2, 0.1)
    truth = -sum(p * math.log2(p) for p in probabilities)
    plain, corrected = 0.0, 0.0
    for weight, sample in samples(probabilities, 6):
        plain += weight * shannon(sample)
        corrected += weight * miller_madow(sample)
    assert plain < truth
    assert abs(corrected - truth) < abs(plain - truth)


def test_chao_shen_by_hand():
    sample = counts(3, 2, 1, 1)
    covered = 1 - 2 / 7
    truth = -sum(
        covered * s / 7 * math.log2(covered * s / 7) / (1 - (1 - covered * s / 7) ** 7)
        for s in (3, 2, 1, 1)
    )
    assert chao_shen(sample) == pytest.approx(truth, abs=1e-12)


def test_chao_shen_sees_far_more_than_the_sample():
    rng = np.random.default_rng(0)
    sizes = np.unique(rng.integers(0, 2**16, 10_000), return_counts=True)[1]
    sample = ClassCounts.from_sizes(sizes)
    assert shannon(sample) < 13.5
    assert chao_shen(sample) == pytest.approx(16, abs=0.3)


def test_edges():
    one = entropies(counts(1))
    assert (one.shannon, one.chao_shen, one.collision, one.minimum_nist) == (0, 0, None, 0)
    alone = entropies(counts(1, 1, 1), bits=1000)
    assert alone.collision is None
    assert math.isfinite(alone.chao_shen)
    same = entropies(counts(5))
    assert (same.shannon, same.chao_shen, same.collision, same.collision_plugin) == (0, 0, 0, 0)
    assert math.copysign(1, same.collision) == 1  # not -0.0


def test_corrections_are_cut_off_at_the_bits():
    found = entropies(counts(1, 1, 1, 1), bits=2)
    assert (found.miller_madow, found.chao_shen) == (2, 2)


def test_sums_larger_than_64_bits():
    huge = counts(2**40, 2**40)
    assert collision_probability(huge) == pytest.approx(0.5)


def test_shannon_against_scipy():
    sizes = np.random.default_rng(1).integers(1, 50, 300)
    assert shannon(counts(*sizes)) == pytest.approx(stats.entropy(sizes, base=2))


def test_the_variance_of_the_collision_probability_by_enumeration():
    """With the true power sums the formula is the exact variance; the interval uses estimates."""
    shares, n = (0.5, 0.3, 0.2), 5
    found = [(w, collision_probability(c)) for w, c in samples(shares, n)]
    mean = sum(w * v for w, v in found)
    variance = sum(w * (v - mean) ** 2 for w, v in found)
    two, three = (sum(p**m for p in shares) for m in (2, 3))
    formula = (4 * (n - 2) * (three - two**2) + 2 * (two - two**2)) / (n * (n - 1))
    assert variance == pytest.approx(formula, rel=1e-12)


def test_the_interval_of_the_collision_probability_by_hand():
    sample = counts(6, 3, 1)
    square, cube = (30 + 6) / 90, (120 + 6) / 720
    variance = (4 * 8 * (cube - square**2) + 2 * (square - square**2)) / 90
    low, high = collision_interval(sample)
    assert math.log(high / square) == pytest.approx(1.959963984540054 * variance**0.5 / square)
    assert low * high == pytest.approx(square**2)
    assert collision_interval(counts(1)) == (None, None)
    assert collision_interval(counts(1, 1)) == (0, None)


@pytest.mark.parametrize("n", [2, 5, 1000])
def test_one_class_in_the_sample_is_not_taken_for_the_only_one(n):
    """A class of a lower share would fill the whole sample with a probability below 5%."""
    low, high = collision_interval(counts(n))
    assert high == 1
    assert math.sqrt(low) ** n == pytest.approx(0.05)


@pytest.mark.parametrize("shares", [np.full(60, 1 / 60), np.arange(1, 81) / 3240])
def test_the_interval_of_the_entropy_covers(shares):
    rng = np.random.default_rng(4)
    truth = -(shares * np.log2(shares)).sum()
    held = 0
    for _ in range(300):
        drawn = rng.multinomial(4000, shares)
        low, high = miller_madow_interval(counts(*drawn[drawn > 0]))
        held += low <= truth <= high
    assert held / 300 > 0.91


def test_an_entropy_of_a_sample_that_is_too_small_has_no_interval():
    assert miller_madow_interval(counts(1, 1, 1, 5)) == (None, None)
    assert miller_madow_interval(counts(5000)) == (None, None)
