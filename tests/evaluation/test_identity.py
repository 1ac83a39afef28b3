from pathlib import Path

import numpy as np
import pytest

from attacks.split import split_faces
from privkit.data.faces import open_faces
from privkit.data.generated_faces import generate_faces
from privkit.errors import InputError
from privkit.evaluation.identity import IdentityEvaluator
from privkit.evaluation.people import place_among_own


def test_generated_faces_are_recognised_but_not_all() -> None:
    """A serious stand-in: unseen pictures are recognised between 85% and 99%."""
    faces = open_faces("generated", seed=3)
    split = split_faces(faces, 3)
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    unseen = evaluator.recognises(split.new.pixels, split.new.person)
    assert 0.85 <= unseen.mean() <= 0.99
    mean = np.repeat(split.known.pixels.mean(0, keepdims=True), len(split.new), axis=0)
    assert evaluator.recognises(mean, split.new.person).mean() <= 1 / 40


@pytest.mark.real_faces
def test_real_faces_are_recognised(real_data: Path) -> None:
    split = split_faces(open_faces("att"), 0)
    evaluator = IdentityEvaluator(split.known.pixels, split.known.person)
    assert evaluator.recognises(split.new.pixels, split.new.person).mean() > 0.85


def test_labels_need_not_be_a_range() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat([3, 11, 12], 4)
    pixels = (rng.normal(size=(13, 50))[person] + 0.1 * rng.normal(size=(12, 50))).astype(
        np.float32
    )
    assert IdentityEvaluator(pixels, person).recognises(pixels, person).all()


def test_of_two_photos_of_each_it_learns_too() -> None:
    """A lottery by the covariance of each person's two photos: 0 to 80% in as many draws."""
    faces = generate_faces(people=40, photos=6)
    pixels = faces.pixels()
    for seed in range(4):
        known = place_among_own(faces.person, np.random.default_rng(seed)) < 2
        evaluator = IdentityEvaluator(pixels[known], faces.person[known])
        assert evaluator.recognises(pixels[~known], faces.person[~known]).mean() > 0.8


@pytest.mark.parametrize("person", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_too_few_photos(person: list[int]) -> None:
    pixels = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)
    with pytest.raises(InputError, match="at least 2 people and 2 photos"):
        IdentityEvaluator(pixels, np.array(person))
