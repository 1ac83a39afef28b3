"""The generated faces: deterministic, independent of how many, and a serious stand-in."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from privkit.data.face_parameters import BEARDS, EXPRESSIONS, HAIR_STYLES
from privkit.data.face_set import Faces
from privkit.data.generated_faces import NOTICE, generate_faces
from privkit.errors import InputError


def test_shape_names_and_attributes(generated: Faces) -> None:
    assert generated.images.shape == (400, 112, 92)
    assert generated.images.dtype == np.uint8
    assert generated.photos[:2] == ("g1/1.png", "g1/2.png")
    assert generated.people[-1] == "g40"
    assert generated.person.tolist() == sorted(list(range(40)) * 10)
    assert generated.generated
    assert generated.notice == NOTICE
    assert "privkit data fetch att" in NOTICE
    assert "not photographs of people" in NOTICE
    attributes = generated.attributes
    assert all(len(values) == 400 for values in attributes.values())
    assert attributes["glasses"].dtype == bool
    assert set(attributes["hair"]) <= set(HAIR_STYLES)
    assert set(attributes["beard"]) <= set(BEARDS)
    assert set(attributes["expression"]) == set(EXPRESSIONS)


def test_attributes_vary_as_they_should(generated: Faces) -> None:
    attributes = generated.attributes
    by_person = attributes["glasses"].reshape(40, 10).mean(axis=1)
    assert ((by_person > 0) & (by_person < 1)).sum() >= 5, "glasses vary for some people"
    assert (by_person == 0).sum() >= 10
    assert 0.15 < attributes["glasses"].mean() < 0.5
    hair = attributes["hair"].reshape(40, 10)
    assert (hair == hair[:, :1]).all(), "hair stays with the person"
    assert len(set(hair[:, 0])) >= 6


def test_the_same_seed_gives_the_same_bytes(generated: Faces) -> None:
    again = generate_faces(3, 10)
    np.testing.assert_array_equal(again.images, generated.images[:30])
    assert generate_faces(3, 2).sha256 == generate_faces(3, 2).sha256
    assert generate_faces(3, 2, seed=1).sha256 != generate_faces(3, 2).sha256


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**40))
def test_larger_sets_contain_the_smaller(people: int, photos: int, seed: int) -> None:
    small = generate_faces(people, photos, seed)
    large = generate_faces(people + 1, photos + 2, seed)
    part = large.images.reshape(people + 1, photos + 2, 112, 92)[:people, :photos]
    np.testing.assert_array_equal(part.reshape(small.images.shape), small.images)
    assert small.images.std(axis=(1, 2)).min() > 15, "no picture is blank"


def test_size_changes_resolution_not_content() -> None:
    normal, double = generate_faces(2, 2), generate_faces(2, 2, size=(224, 184))
    halved = double.images.reshape(4, 112, 2, 92, 2).mean(axis=(2, 4))
    assert np.abs(halved - normal.images).mean() < 6


def test_is_fast() -> None:
    start = time.process_time()
    generate_faces(10, 10)
    assert time.process_time() - start < 3, "400 pictures take under 3 s on an idle core"


def test_recognised_as_well_as_photographs_are(generated: Faces) -> None:
    """PCA + LDA on pixels: well above chance, below perfection, and nearest pixels err."""
    pixels, photo = generated.pixels(), np.arange(400) % 10
    accuracy = {}
    for shown in (4, 7):
        fit, test = photo < shown, photo >= shown
        pca = PCA(100, svd_solver="full").fit(pixels[fit])
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        lda.fit(pca.transform(pixels[fit]), generated.person[fit])
        accuracy[shown] = lda.score(pca.transform(pixels[test]), generated.person[test])
    assert 0.85 <= accuracy[4] <= 0.99
    assert accuracy[4] - 0.02 <= accuracy[7] <= 0.99
    fit = photo < 4
    a, b = pixels[fit], pixels[~fit]
    nearest = ((a**2).sum(1) - 2 * b @ a.T).argmin(1)
    hits = (generated.person[fit][nearest] == generated.person[~fit]).mean()
    assert 0.7 < hits < 0.97, "neighbours in pixel space are not all the same person"


@pytest.mark.parametrize(
    "bad",
    [{"people": 0}, {"photos": 0}, {"seed": -1}, {"size": (4, 92)}, {"size": (112, 9999)}],
)
def test_refuses_numbers_out_of_range(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match="whole number from"):
        generate_faces(**bad)
