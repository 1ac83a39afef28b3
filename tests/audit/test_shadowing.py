"""Membership by shadow networks in an audit: where it can be run, on whom, and what it finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privkit.audit.inferring import MEMBER, membership_tasks, unattacked
from privkit.audit.material import Material, Pictures
from privkit.audit.rebuilding import ConstantEncoder
from privkit.audit.shadowing import shadow_lacks, shadow_tasks
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net

TRAINED, PEOPLE, PHOTOS = 12, 15, 8


@pytest.fixture(scope="module")
def network() -> FaceNet:
    pixels, person = faces()
    own = np.flatnonzero((person < TRAINED) & member_of())
    # The network's outputs are not numbered as the store numbers its people.
    label = TRAINED - 1 - person[own]
    return train_face_net(
        pixels[own], label, people=TRAINED, bits=None, seed=3, data_sha256="", cache=None
    )[0]


def faces() -> tuple[np.ndarray, np.ndarray]:
    """So noisy that a network tells its training photos only by heart."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    own = 0.5 * rng.normal(size=(PEOPLE, 60))[person]
    return np.tanh(own + rng.normal(size=(len(person), 60))).astype(np.float32), person


def member_of() -> np.ndarray:
    """Half of the photos of the first people, none of the others'."""
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    return (np.arange(len(person)) % 2 == 0) & (person < TRAINED)


def material(network: FaceNet) -> Material:
    pixels, person = faces()
    return Material(
        network.store(pixels), None, person, tuple(map(str, range(PEOPLE))),
        member=member_of(), pictures=Pictures(pixels, (6, 10)), encoder=network,
    )  # fmt: skip


def test_what_was_learned_by_heart_is_found_on_the_people_of_the_training_set(
    network: FaceNet,
) -> None:
    given = material(network)
    assert shadow_lacks(given) is None
    assert unattacked(given, "membership") == []
    task = shadow_tasks(given, 0, MEMBER)[0]
    assert task.name in {t.name for t in membership_tasks(given, 0)}
    trials = {t.name: t for t in task.run().trials["membership"]}
    online = trials["membership_lira_online, balanced accuracy"]
    assert online.mean() > 0.85
    assert abs(online.mean("control") - 0.5) < 0.15
    # Trials go by the store's numbers of people; strangers to the network are not asked about.
    assert np.array_equal(online.person, np.repeat(np.arange(TRAINED), PHOTOS))


def test_without_the_recipe_membership_is_never_cleared(network: FaceNet) -> None:
    given = replace(material(network), encoder=ConstantEncoder())
    for lacking in (given, replace(material(network), pictures=None)):
        lacks = unattacked(lacking, "membership")
        assert [n.attack for n in lacks] == ["likelihood ratio with shadow networks"]
        assert lacks[0].weakens
        assert shadow_tasks(lacking, 0, MEMBER) == []


def test_people_of_the_training_set_need_photos_outside_it(network: FaceNet) -> None:
    given = material(network)
    whole = replace(given, member=np.asarray(given.person) < TRAINED)
    lack = shadow_lacks(whole)
    assert lack is not None
    assert "left out" in lack.why
    assert lack.weakens


def test_two_people_behind_one_output_cannot_be_asked_about(network: FaceNet) -> None:
    given = material(network)
    everybody = member_of() | (np.arange(PEOPLE * PHOTOS) % 2 == 0)  # more people than outputs
    lack = shadow_lacks(replace(given, member=everybody))
    assert lack is not None
    assert "alike" in lack.why
