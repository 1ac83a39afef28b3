"""Ranks, ties and the shuffled control."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import ATTACKS
from attacks.adversary import Scene
from attacks.base import Outcome
from attacks.baselines import BASELINES
from attacks.scoring import other_person, rank_of, score
from attacks.split import Split
from privkit.evaluation.identity import IdentityEvaluator


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(2, 8))
def test_rank_without_ties_is_the_place_in_the_order(seed: int, n: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(people, dtype=np.float32), (n, 1)), axis=1)
    person = rng.integers(0, people, n)
    expected = [1 + list(np.argsort(-row)).index(p) for row, p in zip(scores, person, strict=True)]
    assert rank_of(scores, person, rng).tolist() == expected


def test_ties_are_broken_at_random_and_evenly() -> None:
    """One clear winner, then three tied: the right one of them is second to fourth alike."""
    scores = np.tile(np.array([9.0, 5.0, 5.0, 5.0, 1.0], dtype=np.float32), (30_000, 1))
    ranks = rank_of(scores, np.full(30_000, 2), np.random.default_rng(0))
    assert set(ranks) == {2, 3, 4}
    counts = np.bincount(ranks)[2:]
    assert (np.abs(counts - 10_000) < 4.5 * np.sqrt(30_000 * (1 / 3) * (2 / 3))).all()


def test_all_tied_is_a_random_guess() -> None:
    ranks = rank_of(
        np.zeros((20_000, 10), np.float32), np.zeros(20_000, int), np.random.default_rng(1)
    )
    assert abs((ranks == 1).mean() - 0.1) < 4.5 * np.sqrt(0.1 * 0.9 / 20_000)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30).filter(lambda p: len(set(p)) > 1))
def test_the_control_is_always_another_person(person: list[int]) -> None:
    people = np.array(person)
    assert (people[other_person(people, np.random.default_rng(0))] != people).all()


def test_a_perfect_reconstruction_reaches_the_ceiling_and_its_control_does_not(
    scene: Scene, split: Split
) -> None:
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    perfect = Outcome("pictures", scene.targets.pixels)
    table = score(perfect, scene, evaluator, seed=0)
    assert (table["mse"] == 0).all()
    ceiling = evaluator.recognises(split.new.pixels, split.new.person).mean()
    assert table["identity"].mean() == ceiling
    assert table["identity (shuffled)"].mean() < 0.5 * ceiling


def test_linkage_names_people_even_at_8_bits(scene: Scene, split: Split) -> None:
    """The finding that privkit exists for: chance is one in ten."""
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    table = score(ATTACKS["linkage"](scene, seed=0), scene, evaluator, seed=0)
    assert table["rank-1"].mean() >= 0.5
    assert table["rank-1 (shuffled)"].mean() <= 0.2
    assert (table["rank-5"] >= table["rank-1"]).all()


def test_a_baseline_does_no_better_than_its_control(scene: Scene, split: Split) -> None:
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    table = score(BASELINES["mean_face"](scene, seed=0), scene, evaluator, seed=0)
    assert table["identity"].mean() <= 0.2
