"""Intervals of rates over people, against simulation, closed forms and properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privkit.errors import InputError
from privkit.evaluation.intervals import wilson
from privkit.evaluation.rates import (
    POWER,
    Rate,
    detectable,
    people_needed,
    power,
    rate_of,
    variance_in_folds,
)
from privkit.evaluation.trials import Trials


def trials(hit: np.ndarray, person: np.ndarray | None = None, chance: float = 0.025) -> Trials:
    person = np.arange(len(hit)) if person is None else person
    level = np.full(len(hit), chance)
    return Trials("attack", "rank-1", person, hit.astype(float), level, level)


def test_with_many_people_of_one_trial_it_is_wilsons_interval() -> None:
    hit = np.arange(2000) < 300
    rate = rate_of(trials(hit))
    low, high = wilson(300, 2000)
    # The design effect of single trials is n / (n - 1) at most, Student's quantile nearly normal.
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=2e-4)
    assert rate.value == 0.15


@pytest.mark.parametrize(("people", "each", "share", "together"), [
    (40, 5, 0.3, 0.0), (40, 5, 0.3, 0.8), (40, 2, 0.7, 0.3), (100, 4, 0.1, 0.3),
])  # fmt: skip
def test_it_covers_the_truth_as_often_as_it_says(
    people: int, each: int, share: float, together: float
) -> None:
    """Trials of one person go together (a beta-binomial with that correlation)."""
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(400):
        own = np.full(people, share)
        if together:
            scale = 1 / together - 1
            own = rng.beta(share * scale, (1 - share) * scale, people)
        person = np.repeat(np.arange(people), each)
        rate = rate_of(trials(rng.random(people * each) < own[person], person))
        missed += not rate.low <= share <= rate.high
    # 5% of 400 is 20; 34 and more happen in one of a thousand such tests.
    assert missed <= stats.binom.ppf(0.999, 400, 0.05)


def test_a_bootstrap_would_call_leaks_safe() -> None:
    """Why the interval is not the percentile bootstrap: at low rates its upper end is too low."""
    rng = np.random.default_rng(3)
    draws = rng.multinomial(40, [1 / 40] * 40, size=1000) / 40
    under = {"bootstrap": 0, "score": 0}
    for _ in range(300):
        hit = rng.random(40) < 0.05
        under["score"] += rate_of(trials(hit)).high < 0.05
        under["bootstrap"] += np.quantile(draws @ hit, 0.975) < 0.05
    assert under["bootstrap"] > 5 * max(under["score"], 6)


def test_trials_of_one_person_that_agree_count_once() -> None:
    hit = np.repeat(np.arange(40) < 20, 10)
    rate = rate_of(trials(hit, np.repeat(np.arange(40), 10)))
    assert 35 < rate.effective < 41


def test_a_tie_counts_by_its_expectation_and_with_the_spread_of_its_draw() -> None:
    expected = rate_of(trials(np.full(400, 0.025), np.repeat(np.arange(40), 10)))
    assert expected.value == expected.baseline
    assert expected.effective == pytest.approx(400)
    assert expected.residual == 0


def test_all_or_nothing_is_as_sure_as_its_people() -> None:
    none = rate_of(trials(np.zeros(400), np.repeat(np.arange(40), 10)))
    t = stats.t.ppf(0.975, 39)
    end = t**2 / (40 + t**2)
    assert none.residual_high == pytest.approx(end)
    every = rate_of(trials(np.ones(400), np.repeat(np.arange(40), 10)))
    assert every.low == pytest.approx(1 - end)


@pytest.mark.parametrize(
    ("people", "each", "leaking", "depth"),
    [(40, 10, 0.05, 1.0), (40, 5, 0.1, 1.0), (40, 10, 0.05, 0.6), (40, 5, 0.1, 0.6),
     (40, 10, 0.2, 0.6), (100, 4, 0.1, 0.7), (25, 2, 0.1, 0.8)],
)  # fmt: skip
def test_few_people_who_leak_are_allowed_for(
    people: int, each: int, leaking: float, depth: float
) -> None:
    """A sample may hold none of them and look like independent chance hits.

    Those who leak do so in this share of their trials.
    """
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(people), each)
    truth = leaking * depth + (1 - leaking * depth) / people
    low = 0
    for _ in range(300):
        leaks = (rng.random(people) < leaking)[person] & (rng.random(len(person)) < depth)
        hit = leaks | (rng.random(len(person)) < 1 / people)
        low += rate_of(trials(hit, person, 1 / people)).high < truth
    assert low <= stats.binom.ppf(0.999, 300, 0.025)


def test_an_attack_that_names_one_person_whatever_it_sees_gained_nobody() -> None:
    """It hits all trials of that one, and the same with other people's features."""
    person = np.repeat(np.arange(40), 2)
    hit = (person == 7).astype(float)
    chance = np.full(80, 1 / 40)
    blind = rate_of(Trials("a", "m", person, hit, chance, hit))
    seeing = rate_of(Trials("a", "m", person, hit, chance, np.roll(hit, 2)))
    t = stats.t.ppf(0.975, 39)
    end = t**2 / (40 + t**2)
    assert blind.residual == seeing.residual == pytest.approx(0)
    assert blind.residual_high == pytest.approx(end / (1 - 1 / 40))
    assert seeing.residual_high > blind.residual_high
    # A single hit that is its own moves the end by little: no verdict hangs on one draw.
    control = hit.copy()
    control[14] = 0
    one = rate_of(Trials("a", "m", person, hit, chance, control))
    assert blind.residual_high < one.residual_high < seeing.residual_high


@pytest.mark.parametrize("people", [20, 40, 200])
def test_what_the_feature_adds_bounds_an_attack_that_names_some_more_often(people: int) -> None:
    """Every target names one of a few favourites at random: at chance, in clusters."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(people), 2)
    low = 0
    for _ in range(400):
        favourites = rng.permutation(people)[: max(2, people // 5)]
        named, other = (favourites[rng.integers(0, len(favourites), 2 * people)] for _ in range(2))
        chance = np.full(2 * people, 1 / people)
        found = rate_of(Trials("a", "m", person, (named == person) * 1.0, chance,
                               (other == person) * 1.0))  # fmt: skip
        low += found.high < 1 / people
    assert low <= stats.binom.ppf(0.999, 400, 0.025)


def test_no_bound_from_the_control_where_chance_is_high() -> None:
    """Who calls nobody a member is right of the others, and the control says the same."""
    member = np.arange(60) % 2 == 0
    hit = (~member).astype(float)
    rate = rate_of(Trials("a", "balanced accuracy", np.arange(60), hit, np.full(60, 0.5), hit))
    assert rate.residual_high > 0.2


def test_a_success_that_needs_no_feature_is_not_hidden_by_its_control() -> None:
    every = np.ones(40)
    rate = rate_of(Trials("a", "m", np.arange(40), every, every / 40, every))
    assert rate.value == rate.high == rate.residual == rate.residual_high == 1


@pytest.mark.parametrize(("people", "folds", "width"), [(60, 5, 200), (60, 2, 200), (40, 40, 200)])
def test_people_who_are_learned_from_in_turn_are_not_independent(
    people: int, folds: int, width: int
) -> None:
    """Cross-fitted on features that say nothing: two people alike are both hits, or both misses."""
    rng = np.random.default_rng(0)
    runs, judged = 5000, 600
    fold = rng.permutation(people) % folds
    apart = fold[:, None] != fold
    hits = []
    for _ in range(runs):
        features = rng.normal(size=(people, width))
        label = rng.permutation(np.arange(people) % 2 * 2.0 - 1)
        hits.append(((((features @ features.T) * apart) @ label) * label > 0).astype(float))
    times = np.var([hit.mean() for hit in hits]) * people / 0.25
    spread = 4 * np.sqrt(2 / runs)  # four standard errors of a variance: 8%
    assert times == pytest.approx(variance_in_folds(folds), rel=spread)
    covered = {1: 0, folds: 0}
    for hit in hits[:judged]:
        for n in covered:
            rate = rate_of(replace(trials(hit, np.arange(people), 0.5), folds=n))
            covered[n] += rate.low <= 0.5 <= rate.high
    least, most = stats.binom.ppf([0.001, 0.999], judged, [0.95, 0.975])
    assert least <= covered[folds] <= most
    assert covered[1] < least


def test_one_person_with_most_of_the_records_is_one_person() -> None:
    person = np.concatenate([np.zeros(10_000, int), np.arange(1, 100)])
    rate = rate_of(trials(np.zeros(len(person)), person))
    assert rate.units < 1.1
    assert rate.high > 0.7
    assert power(rate, 0.5, 0.1) == 0.0


def test_ends_lie_on_their_sides_of_nothing_at_all() -> None:
    """All misses beside a guess that is measured on the same trials."""
    guess = (np.arange(200) < 60) * 1.0
    rate = rate_of(Trials("a", "accuracy", np.arange(200), guess * 0, guess, guess * 0))
    assert rate.bound <= rate.residual_low <= rate.residual <= rate.residual_high


def test_one_person_says_nothing_of_others() -> None:
    rate = rate_of(trials(np.ones(10), np.zeros(10, int)))
    assert (rate.low, rate.high) == (0.0, 1.0)
    assert power(rate, 1.0, 0.1) == 0.0
    assert detectable(rate, 0.1) is None


def test_the_residual_risk_of_a_majority_guess_moves_with_it() -> None:
    """An attack that always answers as the baseline does has a residual risk of exactly 0."""
    rng = np.random.default_rng(0)
    hit = (rng.random(200) < 0.6).astype(float)
    same = Trials("a", "accuracy", np.arange(200), hit, hit, hit)
    rate = rate_of(same)
    assert rate.residual == 0
    assert rate.residual_low == pytest.approx(0, abs=0.01)  # the ends of an interval of 60% differ
    assert rate.residual_high == pytest.approx(0, abs=0.01)


def test_the_residual_of_a_measured_baseline_covers() -> None:
    """Attack right in 70%, guess in 50%, independent within a person: residual 0.4."""
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(300):
        hit, guess = rng.random(200) < 0.7, rng.random(200) < 0.5
        rate = rate_of(Trials("a", "accuracy", np.arange(200), hit * 1.0, guess * 1.0, guess * 1.0))
        missed += not rate.residual_low <= 0.4 <= rate.residual_high
    assert missed <= stats.binom.ppf(0.999, 300, 0.07)


def test_weights_make_a_balanced_accuracy() -> None:
    value = np.array([0] * 90 + [1] * 10)
    hit = (value == 0).astype(float)  # always the frequent one
    weight = 1 / np.bincount(value)[value]
    half = np.full(100, 0.5)
    rate = rate_of(Trials("a", "balanced accuracy", np.arange(100), hit, half, half, weight))
    assert rate.value == pytest.approx(0.5)
    assert rate.effective < 100


def test_the_bound_of_a_family_is_lower() -> None:
    own = trials(np.arange(100) < 40)
    bounds = [rate_of(own, family=k).bound for k in (1, 10, 100)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == rate_of(own).residual_low


def test_power_is_that_of_the_exact_binomial() -> None:
    """By simulation: how often the bound of such a sample lies above the limit."""
    rng = np.random.default_rng(1)
    rate = rate_of(trials(np.zeros(40)), family=10)
    said = power(rate, 0.4, 0.1)
    share = 0.025 + 0.4 * 0.975
    seen = np.mean([
        rate_of(trials(rng.random(40) < share), family=10).bound > 0.1 for _ in range(500)
    ])  # fmt: skip
    assert seen == pytest.approx(said, abs=0.07)


def test_the_detectable_size_is_found_with_the_stated_power() -> None:
    rate = rate_of(trials(np.zeros(60)), family=5)
    size = detectable(rate, 0.1)
    assert size is not None
    assert power(rate, size, 0.1) == pytest.approx(POWER, abs=0.06)
    assert power(rate, size + 0.05, 0.1) > POWER - 0.01


def test_more_people_than_said_decide_the_matter() -> None:
    rate = rate_of(trials(np.arange(40) < 6))
    needed = people_needed(rate, 0.1)
    assert needed is not None
    assert needed > 40
    many = np.zeros(needed)
    many[: round(0.15 * needed)] = 1
    again = rate_of(trials(many))
    assert again.bound > 0.1 or again.residual_high < 0.1


def sampled(people: int, each: int, chance: float, folds: int, seed: int) -> Rate:
    """A sample without any leak; where people are learned from in turn, their hits go together."""
    rng = np.random.default_rng([people, seed])
    n = people * each
    together = rng.normal() * np.sqrt((variance_in_folds(folds) - 1) * chance * (1 - chance) / n)
    hit, control = (rng.random((2, n)) < [[chance + together], [chance]]) * 1.0
    person, level = np.repeat(np.arange(people), each), np.full(n, chance)
    return rate_of(Trials("a", "m", person, hit, level, control, folds=folds), family=20)


@pytest.mark.parametrize(("people", "each", "chance", "folds"), [
    (20, 5, 0.05, 1), (20, 2, 0.05, 1), (10, 10, 0.1, 1), (20, 1, 0.5, 5), (60, 1, 0.5, 5),
])  # fmt: skip
def test_so_many_people_decide_that_there_is_no_leak(
    people: int, each: int, chance: float, folds: int
) -> None:
    """With the power that is said, of samples in which chance alone hits."""
    decided = []
    for seed in range(80):
        first = sampled(people, each, chance, folds, seed)
        needed = people_needed(first, 0.1)
        if first.residual <= 0 and first.residual_high >= 0.1:
            assert needed is not None
            decided.append(sampled(needed, each, chance, folds, seed).residual_high < 0.1)
    assert len(decided) > 20
    assert sum(decided) >= stats.binom.ppf(0.001, len(decided), POWER)


def test_people_of_several_trials_must_be_enough_to_hold_one_who_leaks() -> None:
    """However many trials there are, it takes people to see how few of them leak wholly."""
    hit = np.arange(1000) % 40 == 0
    rate = rate_of(trials(hit, np.repeat(np.arange(20), 50)))
    needed = people_needed(rate, 0.1)
    assert needed is not None
    t = stats.t.ppf(0.975, needed - 1)
    assert t**2 / (needed + t**2) < 0.1
    fewer = int(0.95 * needed)
    assert stats.t.ppf(0.975, fewer - 1) ** 2 * 0.9 / 0.1 > fewer


def test_an_attack_worse_than_the_guess_is_not_held_to_stay_so() -> None:
    unlucky, even = (rate_of(trials(np.arange(60) < k, chance=0.5)) for k in (21, 30))
    assert unlucky.residual < even.residual == 0
    assert people_needed(unlucky, 0.1) == people_needed(even, 0.1)


def test_nothing_decides_what_lies_at_the_limit() -> None:
    rate = replace(rate_of(trials(np.arange(40) < 6)), residual=0.1)
    assert people_needed(rate, 0.1) is None


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=2),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(1, 40),
)
def test_ends_lie_in_order(rows: list[tuple[int, float]], chance: float, family: int) -> None:
    person, hit = (np.array(column) for column in zip(*rows, strict=True))
    rate: Rate = rate_of(trials(hit, person, chance), family=family)
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value <= rate.high + 1e-12
    assert rate.high <= 1
    assert rate.bound <= rate.residual_low + 1e-9
    assert rate.residual_low <= rate.residual + 1e-9
    assert rate.residual <= rate.residual_high + 1e-9
    assert rate.effective <= len(rows) + 1e-9


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="coverage"):
        rate_of(trials(np.ones(3)), confidence=1.0)
    with pytest.raises(InputError, match="wrong hit"):
        trials(np.array([0.5, 1.5]))
    with pytest.raises(InputError, match="wrong weight"):
        Trials("a", "b", np.arange(2), np.ones(2), np.ones(2), np.ones(2), np.zeros(2))
