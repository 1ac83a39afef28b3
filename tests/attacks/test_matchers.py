"""Matchers against closed forms, planted truths and degenerate input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.stats import multivariate_normal

from attacks.matching import MATCHERS
from attacks.matching.base import Matcher
from attacks.matching.bits import _BitScorer
from attacks.matching.intraclass import intraclass
from attacks.matching.shrinkage import shrunk_covariance
from attacks.matching.two_covariance import RatioScorer, _axes, _discriminants
from privkit.errors import InputError

RNG = np.random.default_rng


def signs(rng: np.random.Generator, n: int, d: int) -> NDArray[np.float32]:
    return (rng.integers(0, 2, (n, d)) * 2 - 1).astype(np.float32)


@pytest.fixture(params=MATCHERS)
def matcher(request: pytest.FixtureRequest) -> Matcher:
    return MATCHERS[request.param]


def rank_one(matcher: Matcher, make, rng: np.random.Generator) -> float:
    """Share of probes whose best candidate is right; ``make`` draws the rows of people."""
    public, public_person = make(30, 5)
    people, person = make(40, 3)
    probe = np.arange(len(person)) % 3 == 0
    scorer = matcher.fit(public, public_person, rng)
    scores = scorer.score(people[probe], people[~probe], person[~probe])
    return float((scores.argmax(1) == person[probe]).mean())


# Closed forms


def test_nearest_counts_the_bits_that_differ() -> None:
    rng = RNG(0)
    probes, gallery, person = signs(rng, 7, 20), signs(rng, 9, 20), np.array([3, 1, 1] * 3)
    scores = MATCHERS["nearest"].fit(None, None, rng).score(probes, gallery, person)
    differ = (probes[:, None] != gallery[None]).sum(2)
    expected = np.stack([-4 * differ[:, person == p].min(1) for p in (1, 3)], axis=1)
    assert np.array_equal(scores, expected)


def test_nearest_mean_and_cosine_of_floats() -> None:
    rng = RNG(1)
    probes, gallery = rng.normal(size=(5, 4)), rng.normal(size=(6, 4))
    person = np.array([0, 1, 0, 1, 2, 2])
    squared = ((probes[:, None] - gallery[None]) ** 2).sum(2)
    centre = np.stack([gallery[person == p].mean(0) for p in range(3)])
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    sums = np.stack([unit[person == p].sum(0) for p in range(3)])
    expected = {
        "nearest": np.stack([-squared[:, person == p].min(1) for p in range(3)], axis=1),
        "mean": -((probes[:, None] - centre[None]) ** 2).sum(2),
        "cosine": (probes @ sums.T)
        / np.linalg.norm(probes, axis=1, keepdims=True)
        / np.linalg.norm(sums, axis=1),
    }
    for name, values in expected.items():
        scores = MATCHERS[name].fit(None, None, rng).score(probes, gallery, person)
        np.testing.assert_allclose(scores, values, atol=1e-6)


def test_the_weights_of_bits_are_those_of_fellegi_and_sunter() -> None:
    """Against one row: log of how often a person's two rows have these values over chance."""
    often, same = np.array([0.5, 0.1, 0.9]), np.array([0.8, 0.3, 0.01])
    scorer = _BitScorer(np.zeros(3), often, same, np.ones(3, dtype=bool), codes=False)
    pairs = np.array([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
    for x, y in pairs:
        probability = np.where([x > 0] * 3, often, 1 - often)
        known = np.where([y > 0] * 3, often, 1 - often)
        both = probability * known + np.where(x == y, 1, -1) * same * often * (1 - often)
        expected = np.log(both / (probability * known)).sum()
        score = scorer.score(np.full((1, 3), x), np.full((1, 3), y), np.zeros(1, dtype=int))
        assert score[0, 0] == pytest.approx(expected, abs=1e-6)


def test_intraclass_correlation_is_found_again() -> None:
    rng = RNG(2)
    true = np.array([0.05, 0.5, 0.9])
    prior = 1 / true - 1
    share = rng.beta(0.3 * prior, 0.7 * prior, (4000, 3))
    ones = rng.binomial(4, share).astype(float)
    np.testing.assert_allclose(intraclass(ones, ones, np.full(4000, 4.0)), true, atol=0.03)


def test_the_ratio_of_two_covariances_is_that_of_joint_densities() -> None:
    rng = RNG(3)
    d, centre = 3, np.array([1.0, -2.0, 0.5])
    a, b = rng.normal(size=(2, d, d))
    within, between = a @ a.T + np.eye(d), b @ b.T
    spread, axes = eigh(between, within)
    probe, rows = rng.normal(size=d), rng.normal(size=(2, d))
    own, other = np.diag(within), np.diag(between)
    cases = (
        (RatioScorer(centre, axes, spread), within, between),
        (RatioScorer(centre, own**-0.5, other / own), np.diag(own), np.diag(other)),
    )
    for scorer, inside, outside in cases:
        for known in (rows[:1], rows):
            expected = sum(
                sign * density(centre, inside, outside, *points)
                for sign, points in ((1, (probe, *known)), (-1, known), (-1, (probe,)))
            )
            score = scorer.score(probe[None], known, np.zeros(len(known), dtype=int))
            assert score[0, 0] == pytest.approx(expected, abs=1e-6)


def density(
    centre: NDArray[np.float64],
    within: NDArray[np.float64],
    between: NDArray[np.float64],
    *points: NDArray[np.float64],
) -> float:
    """Log-density of several rows of one person, whose point is drawn too."""
    n = len(points)
    cov = np.kron(np.ones((n, n)), between) + np.kron(np.eye(n), within)
    return float(multivariate_normal(np.tile(centre, n), cov).logpdf(np.concatenate(points)))


def test_the_variances_of_columns_are_found_again() -> None:
    """Of many people, to a few percent, whatever the unit; a constant column says nothing."""
    rng = RNG(8)
    unit, likeness = np.array([1e-3, 1.0, 1e6, 1.0]), np.array([0.2, 0.5, 0.9, 0.0])
    person = np.repeat(np.arange(4000), 3)
    own = rng.normal(size=(4000, 4))[person] * np.sqrt(likeness)
    rows = 5 + unit * (own + rng.normal(size=own.shape) * np.sqrt(1 - likeness))
    rows[:, 3] = 0.1
    scorer = MATCHERS["plda_diagonal"].fit(rows, person, rng)
    assert isinstance(scorer, RatioScorer)
    within = 1 / scorer.axes[:3] ** 2
    np.testing.assert_allclose(within, unit[:3] ** 2 * (1 - likeness[:3]), rtol=0.05)
    expected = likeness[:3] / (1 - likeness[:3])
    np.testing.assert_allclose(scorer.spread[:3], expected, rtol=0.1)
    assert scorer.axes[3] == scorer.spread[3] == 0


@pytest.mark.parametrize("rows", [6, 12, 30])
def test_axes_of_few_rows_are_those_of_the_whole_covariances(rows: int) -> None:
    """Outside the rows both are alike everywhere, so that only their span is solved."""
    rng = RNG(7)
    public = rng.normal(size=(rows, 12)) * np.arange(1, 13)
    public -= public.mean(0)
    group = np.arange(rows) // 2
    within = shrunk_covariance(public, group, rows) + np.eye(12)
    between = public.T @ public - 0.3 * within
    spread, axes = _axes(between, within, public)
    np.testing.assert_allclose(axes.T @ within @ axes, np.eye(12), atol=1e-8)
    np.testing.assert_allclose(axes.T @ between @ axes, np.diag(spread), atol=1e-6)
    np.testing.assert_allclose(np.sort(spread), eigh(between, within)[0], rtol=1e-6, atol=1e-9)


def test_discriminants_are_the_leading_axes() -> None:
    rng = RNG(10)
    means, a = rng.normal(size=(5, 8)), rng.normal(size=(8, 8))
    means, within = means - means.mean(0), a @ a.T + np.eye(8)
    found = _discriminants(means, within)
    assert found.shape == (8, 4)
    _, axes = eigh(means.T @ means, within)
    np.testing.assert_allclose(np.abs(found), np.abs(axes[:, ::-1][:, :4]), atol=1e-8)


# Planted truths


def test_learned_weights_beat_plain_hamming_where_few_bits_tell() -> None:
    rng = RNG(4)

    def make(people: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        person = np.repeat(np.arange(people), rows)
        own = signs(rng, people, 60)[person]
        keep = np.where(np.arange(60) < 12, 0.95, 0.52)
        return np.where(rng.random(own.shape) < keep, own, -own), person

    plain = rank_one(MATCHERS["nearest"], make, rng)
    weighted = rank_one(MATCHERS["weighted_hamming"], make, rng)
    assert weighted > plain + 0.2


@pytest.mark.parametrize("name", ["lda", "plda", "lda_unshrunk"])
def test_directions_that_tell_nothing_are_learned(name: str) -> None:
    rng = RNG(5)
    turn = np.linalg.qr(rng.normal(size=(20, 20)))[0]

    def make(people: int, rows: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        person = np.repeat(np.arange(people), rows)
        features = rng.normal(size=(people, 20))[person] * (np.arange(20) < 8)
        noise = rng.normal(size=features.shape) * np.where(np.arange(20) < 8, 0.3, 5.0)
        return (features + noise) @ turn, person

    assert rank_one(MATCHERS["nearest"], make, rng) < 0.3
    assert rank_one(MATCHERS[name], make, rng) > 0.8


def test_people_apart_along_directions_of_little_spread() -> None:
    """What tells people apart is a thousandth of what else there is, in an unknown rotation."""
    rng = RNG(6)
    turn = np.linalg.qr(rng.normal(size=(20, 20)))[0]

    def make(people: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        person = np.repeat(np.arange(people), rows)
        features = 100 * rng.normal(size=(len(person), 20))
        own = rng.normal(size=(people, 4))[person]
        features[:, :4] = 0.1 * (own + 0.05 * rng.normal(size=own.shape))
        return (features @ turn).astype(np.float32), person

    assert rank_one(MATCHERS["nearest"], make, rng) < 0.2
    assert rank_one(MATCHERS["lda"], make, rng) < 0.5
    assert rank_one(MATCHERS["lda_unshrunk"], make, rng) > 0.8


@pytest.mark.parametrize(("wide", "found"), [(30, ("lda_unshrunk", "plda_diagonal")),
                                             (200, ("plda_diagonal",))])  # fmt: skip
def test_a_few_columns_that_tell_beside_columns_in_large_units(
    wide: int, found: tuple[str, ...]
) -> None:
    rng = RNG(9)
    unit = 10.0 ** rng.uniform(3, 8, wide)

    def make(people: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        person = np.repeat(np.arange(people), rows)
        own = rng.normal(size=(people, 6))[person]
        own += 0.05 * rng.normal(size=own.shape)
        return np.c_[unit * rng.normal(size=(len(person), wide)), own].astype(np.float32), person

    for name in ("nearest", "cosine", "lda", "plda"):
        assert rank_one(MATCHERS[name], make, rng) < 0.2, name
    for name in found:
        assert rank_one(MATCHERS[name], make, rng) > 0.9, name


# What holds for every matcher


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), floats=st.booleans(), name=st.sampled_from(sorted(MATCHERS)))
def test_other_candidates_and_their_order_change_nothing(
    seed: int, floats: bool, name: str
) -> None:
    rng = RNG(seed)

    def draw(n: int) -> NDArray[np.floating]:
        return rng.normal(size=(n, 6)) if floats else signs(rng, n, 6)

    scorer = MATCHERS[name].fit(draw(20), np.repeat(np.arange(5), 4), rng)
    probes, gallery, person = draw(4), draw(12), rng.permutation(np.repeat(np.arange(4), 3))
    whole = scorer.score(probes, gallery, person)
    assert whole.shape == (4, 4)
    moved = rng.permutation(12)
    np.testing.assert_allclose(
        scorer.score(probes, gallery[moved], person[moved]), whole, atol=1e-6
    )
    for place, candidate in enumerate(range(4)):
        own = person == candidate
        alone = scorer.score(probes, gallery[own], person[own])
        np.testing.assert_allclose(alone[:, 0], whole[:, place], atol=1e-6)


@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("kind", ["constant", "one row each", "two people", "floats", "copies"])
def test_scores_are_finite_and_equal_rows_tie(matcher: Matcher, kind: str, d: int) -> None:
    rng = RNG(6)
    person = np.arange(6) if kind == "one row each" else np.repeat(np.arange(2), 3)
    public = {
        "constant": np.full((6, d), 0.7),
        "floats": rng.normal(size=(6, d)),
        "copies": np.repeat(rng.normal(size=(2, d)), 3, axis=0),
    }.get(kind, signs(rng, 6, d))
    scorer = matcher.fit(public, person, rng)
    gallery = np.repeat(public[:1], 5, axis=0)
    scores = scorer.score(public, gallery, np.arange(5))
    assert np.isfinite(scores).all()
    assert (scores == scores[:, :1]).all()


def test_nobody_to_learn_from_is_told(matcher: Matcher) -> None:
    if not matcher.learns:
        matcher.fit(None, None, RNG(0))
        return
    for public, person in ((None, None), (np.ones((3, 2)), np.zeros(3, dtype=int))):
        with pytest.raises(InputError, match="nobody to learn from"):
            matcher.fit(public, person, RNG(0))
