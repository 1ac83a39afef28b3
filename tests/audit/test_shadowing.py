"""Membership by shadow networks in an audit: where it can be run, on whom, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.stores import policy

from attacks.membership import MembershipOutcome
from privkit.audit.findings import NotRun
from privkit.audit.inferring import MEMBER, membership_tasks, unattacked
from privkit.audit.material import Material, Pictures
from privkit.audit.rebuilding import ConstantEncoder
from privkit.audit.risks import RISKS
from privkit.audit.shadowing import _unlike, shadow_lacks, shadow_tasks
from privkit.audit.tasks import run_tasks
from privkit.audit.verdicts import judge
from privkit.models.defenses import Rounding
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net

TRAINED, PEOPLE, PHOTOS = 12, 15, 8


@pytest.fixture(scope="module")
def network() -> FaceNet:
    pixels, person = faces()
    own = np.flatnonzero((person < TRAINED) & member_of())
    # The network's outputs are not numbered as the store numbers its people.
    return trained(pixels[own], TRAINED - 1 - person[own])


def trained(pixels: np.ndarray, label: np.ndarray) -> FaceNet:
    return train_face_net(
        pixels, label, people=TRAINED, bits=None, seed=3, data_sha256="", cache=None
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


def reasons(lacks: Sequence[NotRun]) -> list[str]:
    """Why; all of them keep membership from being cleared."""
    assert all(lack.weakens for lack in lacks)
    return [lack.why for lack in lacks]


def test_what_was_learned_by_heart_is_found_on_the_people_of_the_training_set(
    network: FaceNet,
) -> None:
    given = material(network)
    assert unattacked(given, "membership") == []
    task = shadow_tasks(given, 0, MEMBER)[0]
    assert task.name in {t.name for t in membership_tasks(given, 0, stored=given)}
    tried = task.run()
    trials = {t.name: t for t in tried.trials["membership"]}
    online = trials["membership_lira_online, balanced accuracy"]
    assert online.mean() > 0.85
    assert abs(online.mean("control") - 0.5) < 0.15
    # Trials go by the store's numbers of people; strangers to the network are not asked about.
    assert np.array_equal(online.person, np.repeat(np.arange(TRAINED), PHOTOS))
    assert tried.lacks["membership"] == []
    assert "96 photos" in tried.notes["membership"][0]


def test_people_keep_their_numbers_where_some_are_missing(network: FaceNet) -> None:
    given = material(network)
    person = 7 + 3 * np.asarray(given.person)
    tried = shadow_tasks(replace(given, person=person), 0, MEMBER)[0].run()
    found = {p for t in tried.trials["membership"] for p in t.person.tolist()}
    assert found == set((7 + 3 * np.arange(TRAINED)).tolist())


def test_a_defense_is_what_the_shadow_networks_store_too(network: FaceNet) -> None:
    given = material(network)
    rounding = Rounding(1.0, width=40)
    coarse = replace(given, features=rounding.apply(given.features), defense=rounding)
    plain, rounded = (
        {t.name: t.hit.tolist() for t in shadow_tasks(m, 0, MEMBER)[0].run().trials["membership"]}
        for m in (replace(coarse, defense=None), coarse)
    )
    assert plain != rounded


def test_without_the_recipe_membership_is_never_cleared(network: FaceNet) -> None:
    given = replace(material(network), encoder=ConstantEncoder())
    for lacking in (given, replace(material(network), pictures=None)):
        assert reasons(unattacked(lacking, "membership")) == [
            "it needs to know how the network was trained"
        ]
        assert shadow_tasks(lacking, 0, MEMBER) == []


def test_an_encoder_that_gives_only_nearly_what_is_stored_clears_nothing(network: FaceNet) -> None:
    given = replace(material(network), approximate=True)
    assert reasons(shadow_lacks(given)) == ["the encoder gives only nearly what is stored"]
    assert shadow_tasks(given, 0, MEMBER)  # it may still find a leak


def test_an_attack_that_finds_nothing_on_its_own_networks_clears_nothing() -> None:
    blind = MembershipOutcome((), {"membership_loss": 0.51})
    assert "not shown to work" in reasons(_unlike(blind))[0]


def test_people_of_the_training_set_need_photos_outside_it(network: FaceNet) -> None:
    given = material(network)
    whole = replace(given, member=np.asarray(given.person) < TRAINED)
    assert "left out" in reasons(shadow_lacks(whole))[0]
    assert "whose" in reasons(shadow_lacks(replace(given, person=None)))[0]


def test_two_people_behind_one_output_cannot_be_asked_about(network: FaceNet) -> None:
    given = material(network)
    everybody = member_of() | (np.arange(PEOPLE * PHOTOS) % 2 == 0)  # more people than outputs
    assert "alike" in reasons(shadow_lacks(replace(given, member=everybody)))[0]


def test_a_network_that_does_not_name_the_members_was_not_trained_on_them(
    network: FaceNet,
) -> None:
    given = material(network)
    assert given.pictures is not None
    rng = np.random.default_rng(0)
    strangers = rng.uniform(-1, 1, given.pictures.pixels.shape).astype(np.float32)
    # Of each person half of the photos in the training set are others than the network saw.
    place = np.tile(np.arange(PHOTOS), PEOPLE)
    own = (np.asarray(given.member) & (place < PHOTOS // 2))[:, None]
    pixels = np.where(own, strangers, given.pictures.pixels)
    changed = replace(given, pictures=Pictures(pixels, (6, 10)))
    assert shadow_lacks(changed) == []  # it may still find a leak
    lacks = shadow_tasks(changed, 0, MEMBER)[0].run().lacks["membership"]
    assert "of the photos of --members rightly" in reasons(lacks)[0]


def test_a_network_that_is_told_far_worse_than_its_shadows_is_not_cleared(
    tmp_path: Path,
) -> None:
    """This one saw all photos, not the half that is said; said again from what was kept."""
    pixels, person = faces()
    own = person < TRAINED
    given = material(trained(pixels[own], person[own]))
    tasks = shadow_tasks(given, 0, MEMBER)
    for _ in range(2):
        done, missed = run_tasks(
            tasks, key={}, folder=tmp_path, budget=1e9, tick=lambda _step, _done, _total: None
        )
        assert not missed
        (tried,) = done.values()
        assert "was not trained as they were" in reasons(tried.lacks["membership"])[0]
        assert {t.attack for t in tried.trials["membership"]} >= {"membership_lira_online"}
    finding = judge(
        "membership", tried.trials["membership"], policy(limits=dict.fromkeys(RISKS, 0.99)),
        not_run=tried.lacks["membership"], family=1,
    )  # fmt: skip
    assert finding.verdict == "inconclusive"
