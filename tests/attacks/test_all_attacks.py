"""What every attack must do, ours and third parties'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor

from attacks import ATTACKS
from attacks.adversary import Part, Photos, Scene
from attacks.base import Attack
from attacks.baselines import BASELINES
from attacks.decoder import Decoder
from attacks.eigenface import Eigenface, OwnDirections
from attacks.mi_face import MIFace, Restarts
from attacks.total_variation import TotalVariation
from privkit.errors import InputError
from privkit.models.encoder import Through
from privkit.models.face_net import FaceNet

EVERY = {**ATTACKS, **BASELINES}

#: What is checked here does not depend on how far an attack goes.
QUICK: dict[type[Attack], dict[str, object]] = {
    MIFace: {"max_iterations": 20},
    Restarts: {"attack": MIFace(max_iterations=5)},
    TotalVariation: {"iterations": 3},
    Eigenface: {"samples": 200},
    OwnDirections: {"samples": 200},
    Decoder: {"variants": 1, "steps": 5},
}


def _quick(name: str) -> Attack:
    attack = EVERY[name]
    return replace(attack, **QUICK.get(type(attack), {}))  # type: ignore[type-var]


@pytest.fixture(params=EVERY)
def any_attack(request: pytest.FixtureRequest) -> Attack:
    return _quick(request.param)


@pytest.fixture
def attack(any_attack: Attack, scene: Scene) -> Attack:
    """An attack that can run on the scene."""
    missing = any_attack.missing(scene)
    if missing is not None:
        pytest.skip(f"needs {missing}")
    return any_attack


def _bare(scene: Scene, **changes: object) -> Scene:
    """The scene with another adversary."""
    parts = [Part(p.rows, replace(p.adversary, **changes)) for p in scene.parts]  # type: ignore[arg-type]
    return replace(scene, parts=parts)


def test_without_an_encoder_an_attack_runs_or_says_what_it_needs(
    any_attack: Attack, scene: Scene
) -> None:
    """Photos with their stored features are enough for some, not for others."""
    parts = []
    for part in scene.parts:
        own = part.adversary
        auxiliary, gallery = (
            replace(photos, stored=own.store(photos.pixels))
            for photos in (own.auxiliary, own.gallery)
        )
        without = replace(own, network=None, auxiliary=auxiliary, gallery=gallery)
        parts.append(Part(part.rows, without))
    bare = replace(scene, parts=parts)
    missing = any_attack.missing(bare)
    if any_attack.needs & {"encoder", "gradient", "face network"}:
        assert missing is not None
    if missing is None:
        any_attack(bare, seed=0)
    else:
        with pytest.raises(InputError, match="cannot run on this store") as told:
            any_attack(bare, seed=0)
        assert missing in str(told.value)


def test_a_black_box_is_not_differentiated(any_attack: Attack, scene: Scene) -> None:
    network = scene.parts[0].adversary.network
    assert isinstance(network, FaceNet)
    closed = _bare(scene, network=BlackBox(network))
    missing = any_attack.missing(closed)
    if any_attack.needs & {"gradient", "face network"}:
        assert missing is not None
    if missing is None:
        any_attack(closed, seed=0)


class BlackBox:
    """Answers queries, and has no gradient."""

    differentiable = False

    def __init__(self, network: FaceNet) -> None:
        self._network = network

    def store(self, pixels: np.ndarray) -> np.ndarray:
        return self._network.store(pixels)

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:
        raise AssertionError("an attack differentiated a black box")


def test_the_outcome_has_the_promised_shape(attack: Attack, scene: Scene) -> None:
    outcome = attack(scene, seed=0)
    height, width = scene.parts[0].adversary.shape
    width = {"pictures": height * width, "names": 10}[attack.makes]
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
