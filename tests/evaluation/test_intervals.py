"""Intervals against closed forms, a published example, and their coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from privkit.errors import InputError
from privkit.evaluation.intervals import mean_over_people, share_over_people, wilson


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipys(case: tuple[int, int]) -> None:
    successes, trials = case
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    low, high = wilson(successes, trials)
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_by_hand() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_one_trial_a_person_is_plain_wilson(hits: list[bool]) -> None:
    found = share_over_people(hits, np.arange(len(hits)))
    assert (found.low, found.high) == pytest.approx(wilson(sum(hits), len(hits)))
    assert found.effective == len(hits)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_the_interval_holds_the_share_and_lies_in_0_1(rows: list[tuple[bool, int]]) -> None:
    hits, person = zip(*rows, strict=True)
    found = share_over_people(hits, person)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(np.mean(hits))
    assert found.successes == sum(hits)
    assert found.effective <= found.n


def test_photos_that_agree_count_as_one() -> None:
    """Ten copies of each person's only outcome carry no more than the people do."""
    hits = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 1] * 3)
    once = share_over_people(hits, np.arange(30))
    copies = share_over_people(np.repeat(hits, 10), np.repeat(np.arange(30), 10))
    assert copies.n == 300
    # The linear variance divides by people - 1, so 29 of 30 people count.
    assert copies.effective == pytest.approx(29.0)
    assert copies.high - copies.low >= once.high - once.low


def test_independent_photos_are_not_made_more_than_they_are() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random(2000) < 0.4
    found = share_over_people(hits, np.repeat(np.arange(400), 5))
    assert 1400 < found.effective <= 2000


@pytest.mark.parametrize(
    ("people", "photos", "spread"), [(40, 2, 2.0), (40, 10, 0.7), (20, 3, 1.0)]
)
def test_coverage_when_people_differ(people: int, photos: int, spread: float) -> None:
    """About 95% of intervals hold the true share of a population of people."""
    rng = np.random.default_rng(1)
    logit = rng.normal(0.5, spread, size=200_000)
    truth = float((1 / (1 + np.exp(-logit))).mean())
    person = np.repeat(np.arange(people), photos)
    inside = 0
    runs = 600
    for _ in range(runs):
        p = 1 / (1 + np.exp(-rng.normal(0.5, spread, size=people)))
        found = share_over_people(rng.random(len(person)) < p[person], person)
        inside += found.low <= truth <= found.high
    # 3.5 standard errors of the simulation below 95%.
    assert inside / runs > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / runs)


def test_all_hits_still_leave_doubt_of_the_people() -> None:
    found = share_over_people(np.ones(80), np.repeat(np.arange(40), 2))
    assert found.high == 1
    assert found.low == pytest.approx(wilson(40, 40)[0])


def test_mean_over_people_is_students_interval_of_the_means() -> None:
    rng = np.random.default_rng(2)
    person = rng.integers(0, 12, size=100)
    values = rng.normal(size=100)
    means = [values[person == p].mean() for p in np.unique(person)]
    expected = stats.t.interval(0.95, len(means) - 1, np.mean(means), stats.sem(means))
    found = mean_over_people(values, person)
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.value == pytest.approx(np.mean(means))


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts(successes: int, trials: int) -> None:
    with pytest.raises(InputError, match="successes"):
        wilson(successes, trials)


def test_no_trials() -> None:
    with pytest.raises(InputError, match="at least 1"):
        share_over_people([], [])
