"""Bounds on any adversary: closed forms, and random channels in which the best one is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privkit.capacity.leakage import (
    Joint,
    fano_error,
    guessing_error,
    least_error,
    nearest_neighbour_bound,
)
from privkit.errors import InputError


def entropy(*p: float) -> float:
    return -sum(q * math.log2(q) for q in p if q)


def channel(prior: list[float], rows: list[list[float]]) -> Joint:
    """From p(s) and p(x | s), a row a secret."""
    return Joint.of_matrix((np.array(prior)[:, None] * np.array(rows)).T)


@st.composite
def joints(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(st.integers(1, 8), st.integers(2, 5)))
    weights = draw(arrays(np.int64, shape, elements=st.integers(0, 20)))
    weights[0, :2] += 1
    return weights / weights.sum()


def test_binary_symmetric_channel() -> None:
    joint = channel([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]])
    assert joint.mutual_information == pytest.approx(1 - entropy(0.1, 0.9))
    assert joint.vulnerability == pytest.approx(0.9)
    assert joint.min_entropy_leakage == pytest.approx(math.log2(1.8))
    # Of two values and a uniform secret, Fano is tight.
    assert fano_error(1.0, joint.mutual_information, 2) == pytest.approx(0.1)


def test_erasure_channel() -> None:
    rows = np.hstack([0.5 * np.eye(4), np.full((4, 1), 0.5)])
    joint = channel([0.25] * 4, rows.tolist())
    assert joint.mutual_information == pytest.approx(0.5 * 2)
    assert joint.vulnerability == pytest.approx(0.5 + 0.5 / 4)


def test_a_uniform_secret_cut_to_fewer_bits_leaks_just_those() -> None:
    rows = np.zeros((8, 4))
    rows[np.arange(8), np.arange(8) // 2] = 1
    joint = channel([1 / 8] * 8, rows.tolist())
    assert joint.mutual_information == pytest.approx(2)
    assert joint.min_entropy_leakage == pytest.approx(2)
    assert least_error([1 / 8] * 8, bits=2) == pytest.approx(0.5)
    assert 1 - joint.vulnerability == pytest.approx(guessing_error(1 / 8, 2))


def test_nothing_leaks_of_an_independent_secret() -> None:
    joint = channel([0.7, 0.3], [[0.2, 0.8]] * 2)
    assert joint.mutual_information == pytest.approx(0, abs=1e-12)
    assert joint.min_entropy_leakage == pytest.approx(0, abs=1e-12)
    assert joint.guesses().tolist() == [0, 0]


def test_fano_at_its_ends() -> None:
    assert fano_error(2.0, 0.0, 4) == pytest.approx(0.75)
    assert fano_error(2.0, 2.0, 4) == fano_error(1.0, 3.0, 4) == fano_error(0.0, 0.0, 1) == 0
    assert least_error([0.5, 0.5]) == 0


@given(st.floats(0, 1), st.floats(0, 1), st.integers(3, 50))
def test_fano_is_tighter_than_its_usual_form(of_entropy: float, part: float, values: int) -> None:
    h = of_entropy * math.log2(values)
    found = fano_error(h, part * h, values)
    assert found >= (h - part * h - 1) / math.log2(values - 1) - 1e-9
    assert found >= fano_error(h, min(h, part * h + 0.1), values) - 1e-9


@given(joints())
@settings(deadline=None)
def test_bounds_hold_on_random_channels(matrix: np.ndarray) -> None:
    joint = Joint.of_matrix(matrix)
    error = 1 - joint.vulnerability
    codes = math.log2(len(matrix))
    assert least_error(joint.of_s, information=joint.mutual_information) <= error + 1e-9
    assert least_error(joint.of_s, bits=codes) <= error + 1e-9
    limit = min(-math.log2(joint.prior), codes)
    assert 0 <= joint.min_entropy_leakage <= limit + 1e-9
    assert joint.mutual_information <= min(joint.entropy, codes) + 1e-9
    # The nearest neighbour of endless records errs as a secret drawn from p(s | x) does.
    given_x = matrix / np.maximum(matrix.sum(1, keepdims=True), 1e-300)
    nearest = 1 - float((matrix * given_x).sum())
    assert nearest_neighbour_bound(nearest, len(joint.of_s)) <= error + 1e-9


@given(joints(), st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(deadline=None)
def test_no_processing_adds_leakage(matrix: np.ndarray, seed: int, codes: int) -> None:
    noise = np.random.default_rng(seed).dirichlet(np.ones(codes), len(matrix))
    before, after = Joint.of_matrix(matrix), Joint.of_matrix(noise.T @ matrix)
    assert after.mutual_information <= before.mutual_information + 1e-9
    assert after.min_entropy_leakage <= before.min_entropy_leakage + 1e-9


@given(joints(), st.integers(1, 6))
@settings(deadline=None, max_examples=30)
def test_records_are_counted_as_the_matrix(matrix: np.ndarray, times: int) -> None:
    counts = np.round(matrix * 200).astype(np.int64) * times + 1
    x, s = (index.ravel().repeat(counts.ravel()) for index in np.indices(counts.shape))
    counted, exact = Joint.of_records(x, s), Joint.of_matrix(counts / counts.sum())
    assert counted.mutual_information == pytest.approx(exact.mutual_information)
    assert counted.vulnerability == pytest.approx(exact.vulnerability)
    assert (counted.guesses()[x] == s).mean() == pytest.approx(exact.vulnerability)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fano_error(3.0, 0.0, 4), "entropy <= log2 values"),
        (lambda: fano_error(1.0, -0.1, 4), "no such secret"),
        (lambda: least_error([0.5, 0.6]), "sum of 1.1"),
        (lambda: Joint.of_matrix([[0.5, 0.6]]), "joint distribution"),
    ],
)
def test_what_cannot_be_is_refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
