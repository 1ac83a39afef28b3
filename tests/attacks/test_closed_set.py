"""The classifier of known people: strong where they differ in few directions, else at chance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attacks.closed_set import ClosedSet
from attacks.link_trials import closed_set_trials, link_trials
from attacks.matched_scores import matched
from attacks.matching import MATCHERS
from privkit.errors import InputError
from privkit.evaluation.rates import rate_of
from privkit.evaluation.trials import Trials

PEOPLE = 12


def rows(each: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """People differ in three directions of thirty, the others are loud."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(PEOPLE), each)
    own = np.random.default_rng(99).normal(size=(PEOPLE, 3))[person]
    quiet = own + 0.2 * rng.normal(size=own.shape)
    return np.hstack([quiet, rng.normal(size=(len(person), 27))]).astype(np.float32), person


def rank_1(trials: list[Trials]) -> dict[str, float]:
    return {t.attack: t.mean() for t in trials if t.measure == "rank-1"}


def test_it_reads_what_a_distance_does_not() -> None:
    probes, gallery = rows(10, 0), rows(20, 1)
    own = rank_1(closed_set_trials(*probes, *gallery, seed=0))
    nearest = {n: m for n, m in MATCHERS.items() if not m.learns}
    others = rank_1(link_trials(*probes, *gallery, seed=0, matchers=nearest))
    assert own["linkage_classifier"] > max(others[f"linkage_{n}"] for n in nearest) + 0.2


@pytest.mark.parametrize("counts", [(3, 3), (2, 30)])
def test_of_a_constant_store_it_names_nobody_more_than_another(counts: tuple[int, int]) -> None:
    """Candidates with many known rows are not preferred, and ties count by their expectation."""
    person = np.repeat(np.arange(4), [counts[0], counts[1], counts[0], counts[1]])
    probed = np.repeat(np.arange(4), 5)
    trials = closed_set_trials(
        np.zeros((20, 8), np.float32), probed, np.zeros((len(person), 8), np.float32), person,
        seed=0,
    )  # fmt: skip
    for own in trials:
        if own.measure == "rank-1":
            np.testing.assert_allclose(own.hit, 0.25)
            assert rate_of(own).residual == pytest.approx(0)


def test_of_random_codes_it_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 4)
    probes, gallery = (rng.choice([-1.0, 1.0], (120, 16)).astype(np.float32) for _ in range(2))
    for own in closed_set_trials(probes, person, gallery, person, seed=0):
        assert rate_of(own).bound <= 0 <= rate_of(own).residual_high


def test_a_gallery_scored_in_parts_gives_the_same() -> None:
    (probes, person), gallery = rows(4, 0), rows(6, 1)
    judge = ClosedSet(probes, person, *gallery)
    whole = matched(judge, *gallery, np.random.default_rng(0))
    parts = matched(judge, *gallery, np.random.default_rng(0), cells=1)
    np.testing.assert_array_equal(whole.better, parts.better)
    np.testing.assert_array_equal(whole.own, parts.own)


def test_a_large_gallery_is_left_to_the_matchers() -> None:
    person = np.arange(3000)
    features = np.zeros((3000, 64), np.float32)
    assert closed_set_trials(features, person, features, person, seed=0) == []


def test_discriminants_are_learned_where_somebody_has_two_records() -> None:
    probes, gallery = rows(10, 0), rows(20, 1)
    own = rank_1(closed_set_trials(*probes, *gallery, seed=0))
    assert own["linkage_discriminant"] > 0.9
    first = np.unique(gallery[1], return_index=True)[1]
    alone = rank_1(closed_set_trials(*probes, gallery[0][first], gallery[1][first], seed=0))
    assert set(alone) == {"linkage_classifier", "linkage_classifier_fused"}


def test_one_person_cannot_be_told_from_others() -> None:
    features = np.zeros((4, 2), np.float32)
    with pytest.raises(InputError, match="too few people"):
        closed_set_trials(features, np.zeros(4, int), features, np.zeros(4, int), seed=0)
