"""Leakage from samples: the true figure lies between the ends, and chance is not taken for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from privkit.capacity.leakage import Leakage, leakage_of
from privkit.capacity.leakage.probed import permutation_p
from privkit.errors import InputError
from privkit.evaluation.posteriors import Known


def codes(values: Any, bits: int) -> np.ndarray:
    """Whole numbers as ±1."""
    return (2.0 * ((np.asarray(values)[:, None] >> np.arange(bits)) & 1) - 1).astype(np.float32)


def flipped(n: int, flips: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A uniform bit and the same bit flipped at random."""
    draw = np.random.default_rng(seed)
    secret = draw.integers(2, size=n)
    return secret, secret ^ (draw.random(n) < flips)


def measured(x: np.ndarray, secret: np.ndarray, bits: int | None, **more: Any) -> Leakage:
    person = more.pop("person", np.arange(len(x)))
    return leakage_of(x, person, secret.astype(str), bits=bits, seed=0)


def check_order(found: Leakage) -> None:
    for estimate in (found.mutual_information, found.min_entropy, found.bayes_error):
        assert 0 <= estimate.low <= estimate.value <= estimate.high
    limit = math.log2(found.values) if found.bits is None else found.bits
    assert found.min_entropy.high <= min(limit, math.log2(found.values)) + 1e-9
    assert found.mutual_information.high <= limit + 1e-9


def test_binary_symmetric_channel_is_found() -> None:
    secret, stored = flipped(500, 0.1, 2)
    found = measured(codes(stored, 1), secret, 1)
    check_order(found)
    true = 1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9)
    assert found.counted
    assert found.mutual_information.low < true < found.mutual_information.high
    assert found.mutual_information.value == pytest.approx(true, abs=0.08)
    assert found.bayes_error.low < 0.1 < found.bayes_error.high
    assert found.min_entropy.low < math.log2(1.8) < found.min_entropy.high
    assert found.fano_error <= 0.1
    assert found.p_value == 1 / 1000


def test_many_codes_do_not_make_chance_a_leak() -> None:
    draw = np.random.default_rng(2)
    stored, secret = draw.integers(64, size=600), draw.integers(3, size=600)
    found = measured(codes(stored, 6), secret, 6)
    check_order(found)
    # The plug-in alone finds (64 - 1) (3 - 1) / (2 * 600 ln 2) = 0.15 bits.
    assert found.mutual_information.value < 0.04
    assert found.mutual_information.high > 0.1
    assert found.mutual_information.low == 0
    assert found.bayes_error.low < 1 - found.prior <= found.bayes_error.high
    assert found.p_value > 0.01


def test_codes_that_never_repeat_prove_nothing_by_counts() -> None:
    draw = np.random.default_rng(3)
    x = np.where(draw.random((300, 64)) < 0.5, -1, 1).astype(np.float32)
    found = measured(x, draw.integers(2, size=300), 64)
    assert not found.counted
    assert found.mutual_information.value < 0.1
    assert found.mutual_information.high == pytest.approx(1, abs=0.01)
    assert found.bayes_error.low < 0.05
    assert found.bayes_error.high > 0.4


def test_records_of_a_person_are_not_evidence_of_more_people() -> None:
    """Each person's code is stored 20 times: as many records, as few people."""
    draw = np.random.default_rng(4)
    stored, secret = draw.integers(8, size=60), draw.integers(2, size=60)
    once = measured(codes(stored, 3), secret, 3)
    person = np.arange(60).repeat(20)
    found = measured(codes(stored.repeat(20), 3), secret.repeat(20), 3, person=person)
    assert found.people == 60
    assert found.mutual_information.low == 0
    assert found.mutual_information.value < once.mutual_information.value + 0.05
    assert found.bayes_error.high - found.bayes_error.low > 0.15


def test_gaussian_mixture_of_known_risk() -> None:
    draw = np.random.default_rng(5)
    secret = draw.integers(2, size=800)
    x = draw.normal(size=(800, 4)).astype(np.float32)
    x[:, 0] += 2 * secret
    found = measured(x, secret, None)
    check_order(found)
    risk = norm.cdf(-1)
    assert found.bayes_error.low < risk < found.bayes_error.high
    assert found.bayes_error.value == pytest.approx(risk, abs=0.04)
    assert found.nearest_error is not None
    assert found.nearest_error.low < risk
    assert found.mutual_information.low > 0.2
    assert found.capacity_error == 0


def test_one_bit_leaves_the_error_that_capacity_says() -> None:
    draw = np.random.default_rng(6)
    secret = draw.integers(8, size=500)
    found = measured(codes(secret % 2, 1), secret, 1)
    check_order(found)
    assert 0.65 < found.capacity_error <= 0.75
    assert 0.6 < found.min_entropy.low <= found.min_entropy.high <= 1
    assert found.bayes_error.low < 0.75 < found.bayes_error.high


def test_the_permutation_is_exact_without_a_leak() -> None:
    """40 people twice each, often: p is below 0.1 in about a tenth, and as often low as high."""
    p = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        person = np.arange(40).repeat(2)
        x = draw.normal(size=(40, 3)).astype(np.float32).repeat(2, axis=0)
        known = Known(x, person, draw.integers(2, size=40).repeat(2), 2)
        p.append(permutation_p(known, ["neighbours"], draw))
    assert (np.array(p) <= 0.1).sum() <= 13  # 99.9% of the binomial
    assert 0.4 < np.mean(p) < 0.6


def test_the_same_figures_every_time() -> None:
    secret, stored = flipped(200, 0.2, 7)
    assert measured(codes(stored, 1), secret, 1) == measured(codes(stored, 1), secret, 1)


def test_a_secret_that_never_changes_is_refused() -> None:
    with pytest.raises(InputError, match="one value"):
        measured(codes(np.arange(8), 3), np.ones(8, dtype=np.int64), 3)
    with pytest.raises(InputError, match="a person and a value"):
        leakage_of(codes([1, 0], 1), np.arange(3), np.array(["a", "b"]), bits=1, seed=0)
