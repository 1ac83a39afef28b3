"""Defenses that learn from the training photos: product quantization and signs of projections."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from privkit.errors import InputError
from privkit.models.defenses import ProductQuantization, SignProjection, fitted


def features(n: int, width: int, seed: int = 0) -> np.ndarray:
    return np.tanh(np.random.default_rng(seed).standard_normal((n, width))).astype(np.float32)


def test_a_feature_becomes_the_nearest_of_all_products_of_codewords() -> None:
    defense = ProductQuantization(2, 3).fit(features(60, 4))
    words = [
        np.concatenate([a, b]) for a, b in itertools.product(*defense.codebooks)
    ]  # all 9, by brute force
    photos = features(40, 4, seed=1)
    distance = ((photos[:, None] - np.array(words)) ** 2).sum(2)
    assert np.array_equal(defense.apply(photos), np.array(words)[distance.argmin(1)])
    codes = defense.codes(photos)
    assert np.array_equal(codes[:, 0] * 3 + codes[:, 1], distance.argmin(1))


def test_as_many_codewords_as_different_photos_lose_nothing() -> None:
    photos = features(5, 8)
    defense = ProductQuantization(4, 5).fit(photos)
    assert np.abs(defense.apply(photos) - photos).max() < 1e-6


def test_more_codewords_lose_less_and_all_states_its_bits() -> None:
    photos = features(300, 40)
    errors = []
    for parts, words, bits in ((2, 16, 8), (8, 16, 32), (20, 16, 80)):
        defense = ProductQuantization(parts, words).fit(photos)
        assert defense.nominal_bits == bits
        assert len(np.unique(defense.codes(photos))) <= words
        errors.append(((defense.apply(photos) - photos) ** 2).mean())
    assert errors == sorted(errors, reverse=True)
    assert defense.name == ProductQuantization(20, 16).name == "product quantization, 20 × 4 bits"


def test_codebooks_depend_on_the_seed_alone() -> None:
    photos = features(100, 8)
    one, same, other = (ProductQuantization(2, 8, seed).fit(photos) for seed in (0, 0, 1))
    assert np.array_equal(one.codebooks, same.codebooks)
    assert not np.array_equal(one.codebooks, other.codebooks)


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(InputError, match="at least as many as codewords, 16; found: 15"):
        ProductQuantization(2, 16).fit(features(15, 40))
    with pytest.raises(InputError, match="divides the width; found: 40 floats, 3 parts"):
        ProductQuantization(3, 4).fit(features(15, 40))
    with pytest.raises(InputError, match="at least 2; found: 1"):
        SignProjection(4).fit(features(1, 40))
    for settings in ((0, 4), (2, 1), (2.0, 4)):
        with pytest.raises(InputError, match="ProductQuantization"):
            ProductQuantization(*settings)
    with pytest.raises(InputError, match="SignProjection"):
        SignProjection(0)


@pytest.mark.parametrize("angle", [0.3, 1.0, np.pi / 2, 2.5])
def test_signs_agree_as_angles_say(angle: float) -> None:
    """Two features agree in a bit with probability 1 - angle / π (Charikar 2002, section 3)."""
    bits, width = 20_000, 6
    rest = np.zeros((2, width), dtype=np.float32)
    rest[0, 0] = rest[1, 0] = 1
    defense = SignProjection(bits).fit(np.concatenate([rest, -rest]))  # their mean is 0
    pair = np.zeros((2, width), dtype=np.float32)
    pair[0, :2], pair[1, :2] = (1, 0), (np.cos(angle), np.sin(angle))
    a, b = defense.apply(pair)
    wanted = 1 - angle / np.pi
    deviation = np.sqrt(wanted * (1 - wanted) / bits)
    assert abs((a == b).mean() - wanted) < 4 * deviation


def test_signs_are_taken_around_the_mean_and_decoded_better_than_by_it() -> None:
    photos = features(400, 20) + np.float32(3)  # all positive: around 0 the signs would agree
    defense = fitted(SignProjection(64), photos)
    new = features(200, 20, seed=1) + np.float32(3)
    signs = defense.apply(new)
    assert set(np.unique(signs)) == {-1, 1}
    assert np.abs(signs.mean(0)).max() < 0.5
    error = ((defense.decode(signs) - new) ** 2).mean()
    assert error < 0.4 * new.var(0).mean()
    assert defense.nominal_bits == 64


@pytest.mark.parametrize("photos", [10, 60])
def test_the_decoder_is_ridge_regression(photos: int) -> None:
    """With fewer photos than bits and with more, against scikit-learn's."""
    from sklearn.linear_model import Ridge

    seen = features(photos, 8)
    defense = SignProjection(30).fit(seen)
    wanted = Ridge(alpha=1.0, fit_intercept=False).fit(
        defense.apply(seen).astype(np.float64), seen.astype(np.float64) - seen.mean(0)
    )
    assert np.abs(defense.decoder - wanted.coef_.T).max() < 1e-5


def test_relaxed_signs_are_the_signs_and_have_a_gradient() -> None:
    photos = features(50, 20)
    defense = SignProjection(16).fit(photos)
    given = torch.from_numpy(photos).requires_grad_()
    assert np.array_equal(
        defense.relaxed(given, "straight-through").detach().numpy(), defense.apply(photos)
    )
    soft = defense.relaxed(given, "tanh")
    assert np.array_equal(np.sign(soft.detach().numpy()), defense.apply(photos))
    for through in ("tanh", "straight-through"):
        (gradient,) = torch.autograd.grad(defense.relaxed(given, through).sum(), given)
        assert gradient.abs().max() > 0.1
