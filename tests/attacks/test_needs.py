"""What an attack needs, and what is said where it is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encoders import adversary_of, linear, smooth_photos

from attacks import ATTACKS
from attacks.adversary import Scene
from attacks.inversion import run_study
from attacks.measures import study_intervals
from attacks.needs import Need, lacking
from attacks.tables import group_table
from privkit.data.generated_faces import generate_faces
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, share_over_people
from privkit.models.defenses import NoDefense

FLOATS = np.full((2, 5), 0.5, dtype=np.float32)
CODES = np.ones((2, 5), dtype=np.float32)


@pytest.mark.parametrize(
    ("need", "stored", "words"),
    [
        ("encoder", FLOATS, "give --encoder"),
        ("gradient", FLOATS, "a differentiable encoder"),
        ("face network", FLOATS, "two-layer face network"),
        ("pairs", FLOATS, "what the store holds of public photos"),
        ("few bits", FLOATS, "the store holds floats"),
        ("few bits", np.ones((2, 21), dtype=np.float32), "the store holds 21"),
    ],
)
def test_what_is_missing_is_told(need: Need, stored: np.ndarray, words: str) -> None:
    assert words in (lacking(frozenset({need}), stored, adversary_of(None)) or "")


def test_what_is_there_is_not_missed() -> None:
    white = adversary_of(linear(5))
    assert lacking(frozenset({"encoder", "gradient", "pairs", "few bits"}), CODES, white) is None
    black = adversary_of(linear(5, differentiable=False))
    assert lacking(frozenset({"encoder", "pairs"}), FLOATS, black) is None
    assert "differentiable" in (lacking(frozenset({"gradient"}), FLOATS, black) or "")
    photos = smooth_photos(3, 2, seed=1)
    known = replace(photos, stored=np.zeros((6, 5), dtype=np.float32))
    alone = adversary_of(None, auxiliary=known)
    assert lacking(frozenset({"pairs"}), FLOATS, alone) is None
    assert np.array_equal(alone.store_of(known), np.zeros((6, 5)))
    with pytest.raises(InputError, match=r"no encoder.*--encoder"):
        alone.store_of(photos)


def test_a_gradient_must_lead_to_what_is_stored() -> None:
    missing = lacking(frozenset({"gradient"}), FLOATS, adversary_of(linear(7)))
    assert missing is not None
    assert "the encoder gives 7 numbers and the store holds 5" in missing


def test_known_features_are_taken_before_the_encoder_is_asked() -> None:
    network = linear(5)
    photos = smooth_photos(3, 2, seed=1)
    known = replace(photos, stored=np.zeros((6, 5), dtype=np.float32))
    adversary = adversary_of(network)
    assert np.array_equal(adversary.store_of(known), known.stored)
    assert np.array_equal(adversary.store_of(photos), network.store(photos.pixels))
    assert np.array_equal(known.take(np.array([2, 4])).stored, known.stored[[2, 4]])


def test_a_study_passes_over_what_a_level_does_not_allow() -> None:
    faces = generate_faces(people=8, photos=6, size=(32, 28))
    attacks = {name: ATTACKS[name] for name in ("ridge_decoder", "enumerate")}
    study = run_study(faces, [NoDefense()], attacks, seeds=[0], cache=None)
    assert list(study.passed_over) == [(NoDefense().name, "enumerate")]
    assert "ridge_decoder" in set(study.records["attack"])
    assert "enumerate" not in set(study.records["attack"])
    table = group_table(study, study_intervals(study), "new photos", _ceiling(study.ceiling))
    assert "enumerate" not in [row[1] for row in table.rows]
    assert "Not run on 1280 bits (40 floats): enumerate, which needs codes" in table.note


def _ceiling(frame: object) -> Interval:
    return share_over_people(frame["identity"], frame["person"])  # type: ignore[index]


def test_the_enumeration_refuses_floats(scene: Scene) -> None:
    attack = ATTACKS["enumerate"]
    if attack.missing(scene) is None:
        assert scene.stored.shape[1] <= 20
        return
    with pytest.raises(InputError, match=r"cannot run on this store.*at most 20 bits"):
        attack(scene, seed=0)
