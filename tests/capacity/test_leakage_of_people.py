"""Leakage of who it is, against closed forms: among people who are all known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privkit.capacity.leakage import Leakage, leakage_of_people
from privkit.errors import InputError


def codes(values: np.ndarray, bits: int) -> np.ndarray:
    """Whole numbers as ±1."""
    return (2.0 * ((values[:, None] >> np.arange(bits)) & 1) - 1).astype(np.float32)


def of(people: int, records: int) -> np.ndarray:
    return np.repeat(np.arange(people), records)


def check_order(found: Leakage) -> None:
    for estimate in (found.mutual_information, found.min_entropy, found.bayes_error):
        assert 0 <= estimate.low <= estimate.value <= estimate.high
    assert found.mutual_information.high <= math.log2(found.people) + 1e-9
    assert found.nearest_error is None


@pytest.mark.parametrize(("people", "records"), [(32, 3), (32, 10), (100, 5)])
def test_a_code_that_names_everybody_leaks_all(people: int, records: int) -> None:
    person = of(people, records)
    found = leakage_of_people(codes(person, 7), person, bits=7, seed=0)
    check_order(found)
    assert found.counted
    assert found.entropy == pytest.approx(math.log2(people))
    assert found.mutual_information.value == pytest.approx(math.log2(people))
    assert found.mutual_information.low > math.log2(people) - 0.05
    assert found.bayes_error.value == 0
    assert found.fano_error == 0
    assert found.p_value == 0.001


def test_a_constant_leaks_nothing() -> None:
    person = of(32, 8)
    found = leakage_of_people(np.ones((256, 4), np.float32), person, bits=4, seed=0)
    check_order(found)
    assert found.mutual_information.value == found.mutual_information.high == 0
    assert found.bayes_error.value == found.fano_error == pytest.approx(1 - 1 / 32)
    assert found.capacity_error == pytest.approx(0.5)  # 16 codes for 32 people
    assert found.p_value == 1


@pytest.mark.parametrize("bits", [1, 3])
def test_a_code_that_tells_groups_apart_leaks_its_bits(bits: int) -> None:
    person = of(64, 5)
    found = leakage_of_people(codes(person % 2**bits, bits), person, bits=bits, seed=0)
    check_order(found)
    assert found.mutual_information.value == pytest.approx(bits, abs=0.02)
    assert found.mutual_information.low > bits - 0.1
    assert found.bayes_error.low <= 1 - 2**bits / 64 + 1e-9 <= found.bayes_error.high + 1e-9
    assert found.capacity_error == pytest.approx(1 - 2**bits / 64)


@pytest.mark.parametrize(("bits", "records"), [(2, 20), (4, 20), (6, 5)])
def test_flipped_bits_of_a_name_leak_what_the_channel_lets_through(bits: int, records: int) -> None:
    """2**k people, whose k bits are each flipped in a tenth of the records: k (1 - h(0.1))."""
    person = of(2**bits, records)
    truth = bits * (1 + 0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))
    error = 1 - 0.9**bits
    information, bayes = 0, 0
    for seed in range(10):
        name = codes(person, bits)
        stored = np.where(np.random.default_rng(seed).random(name.shape) < 0.1, -name, name)
        found = leakage_of_people(stored, person, bits=bits, seed=seed)
        check_order(found)
        information += found.mutual_information.low <= truth <= found.mutual_information.high
        bayes += found.bayes_error.low <= error <= found.bayes_error.high
        assert found.fano_error < error
        assert found.p_value < 0.01
    assert information >= 9
    assert bayes >= 7  # of 100 stores in 91 to 95


@pytest.mark.parametrize(("bits", "records"), [(1, 20), (3, 4), (6, 10), (64, 5)])
def test_chance_is_not_taken_for_a_leak(bits: int, records: int) -> None:
    """Codes that say nothing; where few repeat, counting would find all of the entropy."""
    person = of(40, records)
    rng = np.random.default_rng(bits)
    stored = np.where(rng.random((len(person), bits)) < 0.5, -1, 1).astype(np.float32)
    found = leakage_of_people(stored, person, bits=bits, seed=0)
    check_order(found)
    assert found.mutual_information.low == 0
    assert found.mutual_information.value < 0.1
    assert found.bayes_error.high == pytest.approx(1 - 1 / 40)
    assert found.p_value > 0.01
    assert found.counted == (bits == 1)
    if bits == 64:
        assert "finds 5.32 bits, and 5.32 bits with the people shuffled" in found.notes[1]


def test_floats_are_read_by_models() -> None:
    """Two people three standard deviations apart: an error of 6.7%, 0.76 bits by quadrature."""
    person = of(2, 200)
    rng = np.random.default_rng(0)
    found = leakage_of_people(
        (3 * person[:, None] + rng.normal(size=(400, 1))).astype(np.float32),
        person, bits=None, seed=0,
    )  # fmt: skip
    check_order(found)
    assert found.records == 40
    assert found.bayes_error.low <= 0.0668 <= found.bayes_error.high
    assert 0.4 < found.mutual_information.low < 0.76 < found.mutual_information.high


def test_the_records_that_are_drawn_are_said_and_the_same_every_time() -> None:
    person = np.concatenate([of(210, 22), np.arange(210, 300)])
    order = np.random.default_rng(0).permutation(len(person))
    person = person[order]
    stored = codes(person, 9)
    found = leakage_of_people(stored, person, bits=9, seed=0)
    assert (found.people, found.records) == (200, 4000)
    assert found.notes[0] == "Of 4,000 records of 200 people, drawn from 4,710 of 300."
    assert found == leakage_of_people(stored, person, bits=9, seed=0)


def test_of_wide_records_fewer_are_drawn() -> None:
    person = of(60, 10)
    wide = np.tile(codes(person, 10), 1000)
    found = leakage_of_people(wide, person, bits=None, seed=0)
    assert (found.people, found.records) == (40, 400)
    assert found.mutual_information.value == pytest.approx(math.log2(40))


def test_people_of_few_records_are_refused() -> None:
    person = np.array([0, 0, 0, 1, 1, 2, 2])
    with pytest.raises(InputError, match="two people at least, of 3 records each; found: 1"):
        leakage_of_people(np.ones((7, 2), np.float32), person, bits=2, seed=0)
