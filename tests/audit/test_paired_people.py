"""The sign-flip test: against brute force, its level, its power, and the interval beside it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from privkit.audit import paired_people as module
from privkit.audit.paired_people import paired_people, sign_flip_p
from privkit.errors import InputError

RNG = np.random.default_rng


def brute_force(moved: NDArray[np.float64]) -> float:
    """All flips of all people, those without a difference included."""
    observed = abs(moved.mean())
    means = [
        abs(float(np.dot(signs, moved)) / len(moved))
        for signs in itertools.product((-1, 1), repeat=len(moved))
    ]
    return float(np.mean([mean >= observed - 1e-12 for mean in means]))


SIXTHS = st.lists(st.integers(-6, 6).map(lambda n: n / 6), min_size=1, max_size=10)


@given(SIXTHS)
def test_exact_p_is_that_of_brute_force(moved: list[float]) -> None:
    values = np.array(moved)
    assert sign_flip_p(values, RNG(0)) == pytest.approx(brute_force(values), abs=1e-12)


@given(SIXTHS)
def test_p_does_not_depend_on_order_or_direction(moved: list[float]) -> None:
    values = np.array(moved)
    p = sign_flip_p(values, RNG(0))
    assert p == sign_flip_p(values[::-1], RNG(1)) == sign_flip_p(-values, RNG(2))


@pytest.mark.parametrize(("people", "p"), [(1, 1.0), (5, 2 / 2**5), (18, 2 / 2**18)])
def test_closed_form_where_all_move_alike(people: int, p: float) -> None:
    assert sign_flip_p(np.full(people, 0.5), RNG(0)) == pytest.approx(p)


def test_it_is_the_sign_test_for_equal_steps() -> None:
    from scipy.stats import binomtest

    moved = np.array([1.0] * 12 + [-1.0] * 4 + [0.0] * 30)
    assert sign_flip_p(moved, RNG(0)) == pytest.approx(binomtest(4, 16).pvalue)


def test_drawn_flips_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = RNG(3).normal(0.2, 0.5, 14)
    exact = sign_flip_p(moved, RNG(0))
    monkeypatch.setattr(module, "EXACT_UP_TO", 0)
    drawn = sign_flip_p(moved, RNG(0))
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * (exact / module.RESAMPLINGS) ** 0.5)
    assert drawn == sign_flip_p(moved, RNG(0))


def test_a_drawn_p_is_never_zero() -> None:
    assert sign_flip_p(np.ones(400), RNG(0)) == 1 / (1 + module.RESAMPLINGS)


def test_blocks_do_not_change_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 1000)
    monkeypatch.setattr(module, "RESAMPLINGS", 999)
    assert sign_flip_p(np.ones(300), RNG(0)) == 1 / 1000
    assert sign_flip_p(np.tile([1.0, -1.0], 150), RNG(0)) == 1.0


@pytest.mark.parametrize("people", [10, 40])
def test_the_level_holds(people: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No change: people differ from each other, and the two audits draw from the same rates."""
    monkeypatch.setattr(module, "RESAMPLINGS", 499)
    draw, runs = RNG(people), 1000
    rate = draw.beta(2, 2, (runs, people))
    first, second = (draw.binomial(5, rate) / 5 for _ in range(2))
    p = np.array([sign_flip_p(b - a, draw) for a, b in zip(first, second, strict=True)])
    for level in (0.05, 0.2):
        # Three standard errors of a share of 1,000 runs.
        assert (p <= level).mean() <= level + 3 * (level * (1 - level) / runs) ** 0.5
    assert (p <= 0.2).mean() > 0.1  # and it is no test that never says anything


def test_a_change_is_found_and_covered() -> None:
    draw, found, covered = RNG(0), 0, 0
    for _ in range(200):
        rate = draw.uniform(0.2, 0.5, 30)
        first, second = draw.binomial(5, rate) / 5, draw.binomial(5, rate + 0.3) / 5
        result = paired_people(first, second, draw)
        found += result.p < 0.05
        covered += result.difference.low <= 0.3 <= result.difference.high
    assert found > 180
    assert 180 <= covered <= 200


def test_counts_and_ends() -> None:
    result = paired_people(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.8]), RNG(0))
    assert (result.people, result.rose, result.fell) == (3, 1, 1)
    assert result.difference.value == pytest.approx(0.8 / 3)
    assert -1 <= result.difference.low < result.difference.high <= 1


def test_one_person_says_nothing() -> None:
    result = paired_people(np.array([0.0]), np.array([1.0]), RNG(0))
    assert result.p == 1.0
    assert (result.difference.low, result.difference.high) == (-1.0, 1.0)


def test_no_difference_is_not_certainty() -> None:
    same = np.full(59, 0.5)
    result = paired_people(same, same, RNG(0))
    assert result.p == 1.0
    assert result.difference.high == -result.difference.low == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize(("a", "b"), [([], []), ([0.1], [0.1, 0.2])])
def test_not_the_same_people(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError, match="the same people twice"):
        paired_people(np.array(a), np.array(b), RNG(0))


def test_people_who_were_learned_from_in_turn_show_less() -> None:
    rng = RNG(4)
    first, second = rng.random(60), rng.random(60) + 0.12
    plain, folded = (paired_people(first, second, RNG(0), folds=n) for n in (1, 5))
    times = np.sqrt(1 + 2 / np.pi)
    assert folded.difference.value == plain.difference.value
    width = plain.difference.high - plain.difference.low
    assert folded.difference.high - folded.difference.low == pytest.approx(times * width)
    normal = stats.norm.isf(plain.p / 2)
    assert folded.p == pytest.approx(2 * stats.norm.sf(normal / times))
    assert paired_people(first, first, RNG(0), folds=5).p == 1.0
