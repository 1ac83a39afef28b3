"""People and photos are kept apart, or a scene cannot be made at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.adversary import Adversary, Part, Photos, Scene
from attacks.base import Attack
from attacks.split import Split, split_faces
from privkit.data.face_set import Faces
from privkit.errors import InputError


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_photos_are_in_one_set_only(faces: Faces, seed: int) -> None:
    split = split_faces(faces, seed)
    rows = np.concatenate([split.train.photo, split.known.photo, split.new.photo])
    assert np.array_equal(np.sort(rows), np.arange(faces.n))
    for photos in (split.train, split.known, split.new):
        assert np.array_equal(photos.person, faces.person[photos.photo])
        assert set(photos.person) == set(range(10))
    assert sorted(np.bincount(split.half)) == [5, 5]


def test_the_split_follows_the_seed(faces: Faces) -> None:
    a, b, other = split_faces(faces, 1), split_faces(faces, 1), split_faces(faces, 2)
    assert np.array_equal(a.new.photo, b.new.photo)
    assert not np.array_equal(a.new.photo, other.new.photo)


def test_four_photos_a_person_are_enough_and_three_are_not(faces: Faces) -> None:
    nth = np.concatenate([np.arange(8)] * 10)
    split = split_faces(faces.subset(nth < 4), 0)
    assert (len(split.train), len(split.known), len(split.new)) == (10, 20, 10)
    with pytest.raises(InputError, match="too few photos of"):
        split_faces(faces.subset(nth < 3), 0)


def _with(scene: Scene, **changes: Photos) -> Scene:
    parts = [Part(p.rows, replace(p.adversary, **changes)) for p in scene.parts]
    return replace(scene, parts=parts)


def test_a_decoder_may_not_learn_from_its_targets(scene: Scene, split: Split) -> None:
    with pytest.raises(InputError, match="learn from photos of its own targets"):
        _with(scene, auxiliary=split.known)


def test_a_target_may_not_be_in_the_gallery(scene: Scene, split: Split) -> None:
    with pytest.raises(InputError, match="target photo is in the gallery"):
        _with(scene, gallery=split.new)


def test_parts_must_cover_the_targets(scene: Scene) -> None:
    with pytest.raises(InputError, match="do not cover"):
        replace(scene, parts=scene.parts[:1])


class _Bad(Attack):
    makes = "pictures"

    def __init__(self, returned: np.ndarray) -> None:
        self.returned = returned

    def run(self, stored: np.ndarray, adversary: Adversary, rng: np.random.Generator) -> np.ndarray:
        return self.returned


@pytest.mark.parametrize(
    ("value", "shape", "words"),
    [
        (0.0, (3, 5), "an array of shape"),
        (np.nan, None, "not finite"),
        (1.5, None, r"pixels in \[-1, 1\]"),
    ],
)
def test_a_wrong_outcome_is_told(
    scene: Scene, value: float, shape: tuple[int, int] | None, words: str
) -> None:
    own = shape or (len(scene.parts[0].rows), 56 * 46)
    with pytest.raises(InputError, match=words):
        _Bad(np.full(own, value, dtype=np.float32))(scene, seed=0)


class _LookUp(Attack):
    makes = "pictures"

    def run(self, stored: np.ndarray, adversary: Adversary, rng: np.random.Generator) -> np.ndarray:
        others = np.isin(adversary.gallery.person, adversary.auxiliary.person)
        return np.repeat(adversary.gallery.pixels[~others][:1], len(stored), axis=0)


def test_a_known_photo_of_a_target_person_is_no_reconstruction(scene: Scene) -> None:
    """The evaluator is fitted on it, and would recognise it whatever was stored."""
    with pytest.raises(InputError, match="known photo of a target person"):
        _LookUp()(scene, seed=0)


def test_the_same_picture_twice_is_refused(faces: Faces) -> None:
    images = faces.images.copy()
    images[13] = images[2]
    with pytest.raises(InputError, match="the same picture is there twice"):
        split_faces(replace(faces, images=images), 0)
