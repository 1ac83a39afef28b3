"""Linkage on scenes of faces and on any store; people kept apart while learning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attacks.adversary import Scene
from attacks.cross_fitting import FEWEST_PEOPLE
from attacks.link_trials import link_trials, open_trials
from attacks.linkage import Linkage
from attacks.matching import MATCHERS, Matcher, Scorer
from attacks.scoring import rank_of
from privkit.errors import InputError
from privkit.evaluation.trials import Trials

RNG = np.random.default_rng
OF_CODES = [name for name, matcher in MATCHERS.items() if not matcher.of_floats]
Rows = tuple[NDArray[np.float32], NDArray[np.int64]]


def store(rng: np.random.Generator, people: int, rows: int, flips: float, d: int = 24) -> Rows:
    """Codes of people whose bits flip with this probability."""
    person = np.repeat(np.arange(people), rows)
    own = rng.integers(0, 2, (people, d))[person]
    return ((own ^ (rng.random(own.shape) < flips)) * 2 - 1).astype(np.float32), person


def halves(rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.int64], Rows]:
    """Every other row attacked, the others known."""
    features, person = rows
    return features[::2], person[::2], (features[1::2], person[1::2])


def by_name(trials: list[Trials]) -> dict[str, Trials]:
    return {t.name: t for t in trials}


# Scenes


@pytest.mark.parametrize("compare", ["nearest", "mean"])
def test_a_scene_is_scored_by_the_distance(scene: Scene, compare: str) -> None:
    """Written out: the nearest known photo of each candidate, or their mean."""
    scores = Linkage(compare)(scene, seed=0).values
    adversary = scene.parts[0].adversary
    known, person = adversary.store(adversary.gallery.pixels), adversary.gallery.person
    for candidate in range(10):
        rows = known[person == candidate].astype(float)
        rows = rows.mean(0, keepdims=True) if compare == "mean" else rows
        squared = ((scene.stored[:, None].astype(float) - rows[None]) ** 2).sum(2)
        np.testing.assert_allclose(scores[:, candidate], -squared.min(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("compare", sorted(MATCHERS))
def test_every_matcher_names_people_of_a_scene(scene: Scene, compare: str) -> None:
    values = Linkage(compare)(scene, seed=0).values
    hits = rank_of(values, scene.targets.person, RNG(0)) <= 1
    assert hits.mean() >= 0.4  # chance is one in ten; 10 people, of whom 4 are learned from


@pytest.mark.parametrize("compare", ["weighted_hamming", "lda", "plda"])
def test_with_too_few_others_the_nearest_is_taken(scene: Scene, compare: str) -> None:
    part = scene.parts[0]
    others = part.adversary.auxiliary
    few = np.isin(others.person, np.unique(others.person)[: FEWEST_PEOPLE - 1])
    adversary = replace(part.adversary, auxiliary=others.take(few))
    stored = scene.stored[part.rows]
    assert np.array_equal(
        Linkage(compare).run(stored, adversary, RNG(0)),
        Linkage("nearest").run(stored, adversary, RNG(0)),
    )


# People kept apart


@dataclass(frozen=True)
class _Spy(Matcher):
    """A matcher that tells when it scores whom it learned from; a row's first number is who."""

    learns: ClassVar[bool] = True

    seen: list[int] = field(default_factory=list)

    def learned(self, public: NDArray[np.float64], person: NDArray[np.int64]) -> Scorer:
        known = set(public[:, 0].astype(int))
        assert known == set(person.tolist())
        self.seen.append(len(known))
        return _SpyScorer(known)


@dataclass(frozen=True)
class _SpyScorer:
    known: set[int]

    def score(
        self, probes: NDArray[np.float64], gallery: NDArray[np.float64], person: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        assert not self.known & set(probes[:, 0].astype(int))
        assert not self.known & set(person.tolist())
        return np.zeros((len(probes), len(np.unique(person))))


@pytest.mark.parametrize("people", [4, 5, 9, 30])
def test_nobody_is_scored_by_what_was_learned_from_them(people: int) -> None:
    spy = _Spy()
    person = np.repeat(np.arange(people), 3)
    rows = np.stack([person, RNG(0).normal(size=len(person))], axis=1)
    probes, probe_person, (gallery, gallery_person) = halves((rows, person))
    trials = link_trials(
        probes, probe_person, gallery, gallery_person, seed=0, matchers={"spy": spy}
    )
    # Two folds of people are left out, of eight or, with fewer people, of as many as they are.
    assert min(spy.seen) >= people - 2 * -(-people // 8)
    assert by_name(trials)["linkage_spy, rank-1"].hit == pytest.approx(1 / people)


def test_public_people_must_be_others() -> None:
    rows, person = store(RNG(0), 6, 2, 0.1)
    with pytest.raises(InputError, match="learn from the people that it attacks"):
        link_trials(rows[::2], person[::2], rows[1::2], person[1::2], rows, person, seed=0)


# Any store


def test_records_that_tell_people_apart_are_linked_and_controls_are_not() -> None:
    rng = RNG(1)
    probes, probe_person, known = halves(store(rng, 40, 4, 0.1))
    public, public_person = store(rng, 30, 4, 0.1)
    for learn in ((None, None), (public, public_person + 1000)):
        trials = link_trials(probes, probe_person, *known, *learn, seed=0)
        names = {t.name for t in trials}
        assert len(names) == len(trials) == 4 * len(OF_CODES)
        for t in trials:
            assert t.mean() > 0.6, t.name
            assert t.mean("control") < 0.1, t.name
            assert t.mean("baseline") == pytest.approx(1 / 40 if "rank-1" in t.name else 0.01)


def test_records_of_one_person_together_are_linked_better() -> None:
    trials = by_name(link_trials(*_flat(halves(store(RNG(2), 60, 6, 0.28))), seed=0))
    for name in OF_CODES:
        alone, together = (trials[f"linkage_{name}{end}, rank-1"].mean() for end in ("", "_fused"))
        assert together > alone


@pytest.mark.parametrize("jitter", [pytest.param(0.0, marks=pytest.mark.slow), 1e-3])
def test_random_records_are_linked_by_chance(jitter: float) -> None:
    """No matcher learns to find right candidates where there is nothing to find.

    Thirty stores of nine people, whom eight folds cannot share out evenly.
    """
    found: dict[str, list[float]] = {}
    for seed in range(30):
        codes, person = store(RNG(seed), 9, 4, 0.5, d=10)
        rows = codes + jitter * RNG([seed, 1]).normal(size=codes.shape)
        probes, probe_person, known = halves((rows, person))
        for t in link_trials(probes, probe_person, *known, seed=seed):
            if t.measure == "rank-1" and "fused" not in t.attack:
                found.setdefault(t.attack, []).append(t.mean())
    assert set(found) == {f"linkage_{name}" for name in (MATCHERS if jitter else OF_CODES)}
    for attack, rates in found.items():
        error = np.std(rates) / np.sqrt(len(rates))
        assert error < 0.02, attack
        assert abs(np.mean(rates) - 1 / 9) < 4 * error, attack


@settings(max_examples=15, deadline=None)
@given(
    people=st.integers(2, 12),
    rows=st.integers(2, 5),
    d=st.integers(1, 5),
    value=st.sampled_from([1.0, -1.0, 0.0, 0.3, 1e6]),
)
@example(people=12, rows=2, d=1, value=0.3)  # a mean of several 0.3 is not 0.3
def test_equal_records_are_linked_by_chance_exactly(
    people: int, rows: int, d: int, value: float
) -> None:
    person = np.repeat(np.arange(people), rows)
    same = np.full((len(person), d), value)
    first = np.arange(len(person)) % rows == 0
    trials = link_trials(same[first], person[first], same[~first], person[~first], seed=0)
    assert {t.attack for t in trials} >= {"linkage_nearest", "linkage_mean", "linkage_cosine"}
    for t in trials:
        expected = 1 / people if t.measure == "rank-1" else 0.01
        np.testing.assert_allclose(t.hit, expected, rtol=1e-9)
        np.testing.assert_allclose(t.control, expected, rtol=1e-9)


def test_two_people_with_one_record_each() -> None:
    rows = np.array([[1.0, 1.0], [-1.0, -1.0]])
    trials = link_trials(rows, np.arange(2), rows, np.arange(2), seed=0)
    assert {t.attack for t in trials} == {"linkage_nearest", "linkage_mean", "linkage_cosine"}
    for t in trials:
        assert t.measure == "rank-1"  # two wrong pairs cannot tell a false positive rate of 1%
        assert t.hit.tolist() == [1, 1]
        assert t.control.tolist() == [0, 0]


@pytest.mark.parametrize("person", [[0, 0], [0, 7]])
def test_fewer_than_two_people_are_refused(person: list[int]) -> None:
    with pytest.raises(InputError, match="too few people to link"):
        link_trials(np.ones((2, 3)), np.array(person), np.ones((2, 3)), np.arange(2), seed=0)


def test_people_without_a_known_record_are_not_attacked() -> None:
    probes, probe_person, (gallery, gallery_person) = halves(store(RNG(3), 20, 4, 0.1))
    known = gallery_person < 15
    for t in link_trials(probes, probe_person, gallery[known], gallery_person[known], seed=0):
        assert t.person.max() < 15
        assert len(t) in (15, 30)


def test_the_same_seed_gives_the_same_trials() -> None:
    arguments = _flat(halves(store(RNG(4), 15, 4, 0.3)))
    first, again = (link_trials(*arguments, seed=5) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.hit, b.hit)
        assert np.array_equal(a.control, b.control)


def test_an_open_gallery() -> None:
    rng = RNG(5)
    leaking = open_trials(*_flat(halves(store(rng, 60, 4, 0.05))), seed=0)
    nothing = open_trials(*_flat(halves(store(rng, 60, 4, 0.5))), seed=0)
    assert len(leaking) == len(OF_CODES)
    for t, chance in zip(leaking, nothing, strict=True):
        assert t.measure == "named at 10% false alarms"
        assert len(t) == 60
        assert t.mean() > 0.8
        assert t.mean("control") < 0.05
        assert t.mean("baseline") == pytest.approx(0.1 / 30)
        assert chance.mean() < 0.06
    with pytest.raises(InputError, match="cannot be resolved"):
        open_trials(*_flat(halves(store(rng, 60, 4, 0.05))), seed=0, rate=0.001)


def _flat(
    parts: tuple[NDArray[np.float32], NDArray[np.int64], Rows],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    probes, probe_person, known = parts
    return probes, probe_person, *known
