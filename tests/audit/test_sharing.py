"""How many people of a population are said to share a stored value, against what is known."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from audit.stores import policy

from privkit.audit.material import Material
from privkit.audit.sharing import code_sharing


def said(values: np.ndarray, person: np.ndarray, population: int = 1_000_001) -> str:
    """What is said of a population where these people have these stored values."""
    store = Material(values.astype(np.float32)[:, None], None, person)
    return code_sharing(store, policy(population=population)).notes[-1]


def expected(values: np.ndarray, person: np.ndarray, population: int = 1_000_001) -> float:
    found = re.search(r"about ([\d,.]+) are", said(values, person, population))
    assert found is not None
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("records", [1, 10])
def test_values_that_no_two_people_share_tell_nothing_of_a_population(records: int) -> None:
    person = np.repeat(np.arange(40), records)
    for values in (person, np.arange(len(person))):
        note = said(values, person)
        assert "No two of these 40 people share a stored value" in note
        assert "about" not in note


def test_one_person_shares_with_nobody() -> None:
    assert "No two of these 1 people" in said(np.zeros(5), np.zeros(5, dtype=np.int64))


def test_a_value_that_everybody_has_is_shared_by_all() -> None:
    person = np.repeat(np.arange(20), 3)
    assert expected(np.zeros(60), person) == 1_000_001
    both = np.tile([0, 1, 1], 20)  # each person has two values, and everybody has both
    assert expected(both, person) == 1_000_001


def test_it_is_the_mean_over_all_pairs_of_different_people() -> None:
    """Brute force, with people of one to four records and one to four values."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), rng.integers(1, 5, 30))
    values = rng.integers(0, 12, len(owner))
    has = [set(values[owner == p]) for p in range(30)]
    share = Fraction(0)
    for a, b in product(range(30), repeat=2):
        own = values[owner == a]
        if a != b:
            share += Fraction(sum(v in has[b] for v in own), len(own) * 30 * 29)
    assert expected(values, owner) == pytest.approx(1 + 1e6 * float(share), abs=0.06)


@pytest.mark.parametrize("people", [8, 25])
def test_on_average_over_samples_it_is_the_truth(people: int) -> None:
    """Values of known shares p, two records a person: q = sum p (1 - (1 - p)^2) have a value."""
    p = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    truth = float((p * (1 - (1 - p) ** 2)).sum())
    person = np.repeat(np.arange(people), 2)
    rng = np.random.default_rng(1)
    draws = [(expected(rng.choice(6, 2 * people, p=p), person) - 1) / 1e6 for _ in range(600)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert np.mean(draws) == pytest.approx(truth, abs=4 * error)
    assert error < 0.02
