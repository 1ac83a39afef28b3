"""The stores that the controls make: what is kept, and what is destroyed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from audit.stores import store, with_attribute

from privkit.audit.controls import (
    constant,
    identity,
    identity_of_people,
    reduced,
    reduced_by_class,
    shuffled_people,
    shuffled_secrets,
)
from privkit.audit.material import Known, Material


def test_the_identity_encoder_stores_the_secret_and_little_else() -> None:
    material = store(0.0)
    planted = identity(material, material.owners, 0)
    centre = np.stack([planted.features[material.owners == p].mean(0) for p in range(40)])
    spread = np.abs(planted.features - centre[material.owners]).mean()
    assert spread < 0.2 * np.abs(centre[:, None] - centre[None]).mean()
    assert planted.bits is None


def test_in_a_gallery_a_person_is_stored_as_in_the_store() -> None:
    material = store(0.0)
    gallery = Known(material.features, material.owners)
    planted = identity_of_people(replace(material, gallery=gallery), 0)
    assert planted.gallery is not None
    near = ((planted.features[:, None] - planted.gallery.features[None]) ** 2).sum(2).argmin(1)
    assert (material.owners[near] == material.owners).mean() > 0.99


def test_a_constant_says_nothing() -> None:
    material = store(1.0)
    material = replace(material, gallery=Known(material.features, material.owners))
    flat = constant(material)
    assert not flat.features.any()
    assert flat.gallery is not None
    assert not flat.gallery.features.any()


def test_shuffled_people_keep_how_many_records_each_has() -> None:
    material = store(1.0)
    other = shuffled_people(material, 0)
    assert np.array_equal(np.bincount(other.owners), np.bincount(material.owners))
    assert (other.owners == material.owners).mean() < 0.2
    assert other.features is material.features


def test_shuffled_secrets_stay_with_a_person() -> None:
    """Dealt record by record they would no longer be an attribute of a person."""
    material = with_attribute(store(0.0), 1.0)
    other = shuffled_secrets(material, 0)
    labels = other.sensitive["glasses"]
    for person in range(40):
        assert len(set(labels[material.owners == person])) == 1
    assert sorted(labels) == sorted(material.sensitive["glasses"])
    assert (labels != material.sensitive["glasses"]).any()
    assert np.array_equal(other.owners, material.owners)


def test_what_differs_within_a_person_is_dealt_to_records() -> None:
    material = store(0.0)
    member = np.arange(len(material)) % 2 == 0
    other = shuffled_secrets(replace(material, member=member), 0)
    assert other.member is not None
    assert other.member.sum() == member.sum()
    assert (other.member != member).any()


def test_a_large_store_is_reduced_to_a_few_hundred_people() -> None:
    small = reduced(store(0.0, people=500, records=3), 0)
    assert len(np.unique(small.owners)) == 200
    assert len(small) == 600


def test_somebody_with_very_many_records_leaves_the_others_theirs() -> None:
    person = np.concatenate([np.zeros(50_000, np.int64), np.repeat(np.arange(1, 60), 2)])
    small = reduced(Material(np.zeros((len(person), 1), np.float32), None, person), 0)
    assert np.bincount(small.owners).tolist() == [20] + [2] * 59


def test_of_a_rare_value_as_many_people_are_kept_as_of_others() -> None:
    """Of 3,000 people one in a hundred has it; drawn at random two or so would be left."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(3000), 2)
    label = np.where(person < 30, 2, rng.integers(0, 2, len(person)))
    label[(person >= 30) & (person < 40)] = -1
    material = Material(np.zeros((6000, 1), np.float32), None, person, gallery=Known(
        np.zeros((2, 1), np.float32), np.arange(2)))  # fmt: skip
    small = reduced_by_class(material, label, 0)
    assert small.gallery is None
    assert len(np.unique(small.owners)) == 200
    kept = [len(np.unique(small.owners[small.owners < 30])), 200]
    assert kept[0] == 30
    assert not ((small.owners >= 30) & (small.owners < 40)).any()
    assert np.array_equal(np.sort(small.owners), np.sort(np.repeat(np.unique(small.owners), 2)))


def test_identity_of_people_who_are_not_all_in_the_gallery() -> None:
    person = np.repeat(np.arange(300, 340), 2)
    rows = np.zeros((80, 4), np.float32)
    gallery = Known(np.zeros((20, 4), np.float32), np.arange(300, 320))
    made = identity_of_people(Material(rows, None, person, gallery=gallery), 0)
    assert made.gallery is not None
    near = ((made.features[:, None] - made.gallery.features[None]) ** 2).sum(2).argmin(1)
    known = person < 320
    assert (gallery.person[near[known]] == person[known]).all()
