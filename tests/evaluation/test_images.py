import numpy as np
import pytest

from privkit.errors import InputError
from privkit.evaluation.images import similarity

SHAPE = (16, 20)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, size=(4, 320)).astype(np.float32)


def test_against_the_formulas(pictures: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, pictures.shape)
    made = np.clip(pictures + noise, -1, 1).astype(np.float32)
    like = similarity(made, pictures, SHAPE)
    mse = ((made.astype(float) - pictures) ** 2).mean(1)
    np.testing.assert_allclose(like.mse, mse)
    np.testing.assert_allclose(like.psnr, 10 * np.log10(2.0**2 / mse), rtol=1e-5)
    assert like.ssim.shape == (4,)
    assert ((like.ssim > 0) & (like.ssim < 1)).all()


def test_equal_pictures(pictures: np.ndarray) -> None:
    like = similarity(pictures, pictures, SHAPE)
    assert (like.mse == 0).all()
    np.testing.assert_allclose(like.ssim, 1, atol=1e-6)


def test_each_picture_is_compared_with_its_own(pictures: np.ndarray) -> None:
    made = pictures.copy()
    made[2] = -made[2]
    like = similarity(made, pictures, SHAPE)
    assert (like.mse > 0).tolist() == [False, False, True, False]
    assert like.ssim.argmin() == 2


def test_one_picture(pictures: np.ndarray) -> None:
    assert similarity(pictures[:1], pictures[1:2], SHAPE).ssim.shape == (1,)


def test_shapes_that_differ(pictures: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\(3, 320\) and \(4, 320\)"):
        similarity(pictures[:3], pictures, SHAPE)
