"""What every attack must do, ours and third parties'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attacks import ATTACKS
from attacks.adversary import Photos, Scene
from attacks.base import Attack
from attacks.baselines import BASELINES
from attacks.mi_face import MIFace

EVERY = {**ATTACKS, **BASELINES}


@pytest.fixture(params=EVERY)
def attack(request: pytest.FixtureRequest) -> Attack:
    attack = EVERY[request.param]
    # What is checked here does not depend on how far a descent goes.
    return replace(attack, max_iterations=20) if isinstance(attack, MIFace) else attack


def test_the_outcome_has_the_promised_shape(attack: Attack, scene: Scene) -> None:
    outcome = attack(scene, seed=0)
    width = {"pictures": 112 * 92, "names": 10}[attack.makes]
    assert outcome.values.shape == (len(scene.targets), width)
    assert np.isfinite(outcome.values).all()


def test_the_same_seed_gives_the_same_outcome(attack: Attack, scene: Scene) -> None:
    assert np.array_equal(attack(scene, seed=3).values, attack(scene, seed=3).values)


def test_no_attack_sees_the_target_photos(attack: Attack, scene: Scene) -> None:
    """With other pixels behind the same stored features the outcome is the same."""
    black = Photos(-np.ones_like(scene.targets.pixels), scene.targets.person, scene.targets.photo)
    blind = replace(scene, targets=black)
    assert np.array_equal(attack(scene, seed=0).values, attack(blind, seed=0).values)


def test_only_baselines_ignore_the_feature(attack: Attack, scene: Scene) -> None:
    first = scene.parts[0].rows
    stored = scene.stored.copy()
    stored[first] = stored[first][::-1]
    swapped = attack(replace(scene, stored=stored), seed=0)
    same = np.array_equal(attack(scene, seed=0).values, swapped.values)
    assert same is not attack.uses_feature


def test_every_attack_names_its_paper_or_says_what_it_answers(attack: Attack) -> None:
    assert attack.__doc__
    assert len(attack.__doc__.split()) > 5
