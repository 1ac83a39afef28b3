"""Noise that is drawn when a feature is stored: its size, its promise, and whose it is."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from privkit.errors import InputError
from privkit.models.defenses import FewBits, GaussianNoise, NoDefense, RandomizedResponse

NOISY = [GaussianNoise(0.5), RandomizedResponse(40, 1.0)]


def signs(n: int, bits: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (n, bits)).astype(np.float32)


def noise(defense, stored: np.ndarray) -> np.ndarray:
    """What was added, or which bits were flipped."""
    kept = defense.apply(stored)
    return kept - stored if isinstance(defense, GaussianNoise) else kept * stored


@pytest.mark.parametrize("defense", NOISY, ids=lambda d: type(d).__name__)
def test_photos_with_equal_features_get_noise_of_their_own(defense) -> None:
    stored = np.repeat(signs(1, 40), 200, axis=0)
    assert len(np.unique(defense.apply(stored), axis=0)) == 200


@pytest.mark.parametrize("defense", NOISY, ids=lambda d: type(d).__name__)
def test_the_same_act_of_storing_draws_the_same_noise(defense) -> None:
    stored = signs(5, 40)
    assert defense.apply(stored).tobytes() == defense.apply(stored.copy()).tobytes()
    other = replace(defense, seed=1)
    assert not np.array_equal(other.apply(stored), defense.apply(stored))


@pytest.mark.parametrize("defense", NOISY, ids=lambda d: type(d).__name__)
def test_an_adversary_with_the_same_defense_meets_fresh_noise(defense) -> None:
    """Neither by storing his own photos in the same places, nor one of the targets alone."""
    targets = signs(100, 40)
    true = noise(defense, targets)
    for tried in (
        signs(100, 40, seed=1),
        np.zeros((100, 40), np.float32) + 1,
        targets[:99],
        np.concatenate([targets, targets[:1]]),
        -targets,
    ):
        drawn = noise(defense, tried)[: len(true)]
        correlation = np.corrcoef(true[: len(drawn)].ravel(), drawn.ravel())[0, 1]
        assert abs(correlation) < 4 / math.sqrt(drawn.size)
    one = noise(defense, targets[:1])
    assert not np.array_equal(one, true[:1])


@pytest.mark.parametrize("sigma", [0.0, 0.1, 2.0])
def test_gaussian_noise_has_its_size(sigma: float) -> None:
    stored = np.zeros((500, 40), dtype=np.float32)
    drawn = GaussianNoise(sigma).apply(stored)
    assert abs(drawn.mean()) <= 4 * sigma / math.sqrt(drawn.size)
    assert drawn.std() == pytest.approx(sigma, rel=0.03)
    assert drawn.dtype == np.float32


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 50.0])
def test_a_bit_is_kept_as_often_as_warner_says(epsilon: float) -> None:
    defense = RandomizedResponse(16, epsilon)
    stored = signs(2000, 16)
    kept = (defense.apply(stored) == stored).mean()
    wanted = math.exp(epsilon) / (1 + math.exp(epsilon))
    assert defense.kept == pytest.approx(wanted)
    assert abs(kept - wanted) <= 4 * math.sqrt(wanted * (1 - wanted) / stored.size)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_a_code_is_as_private_as_its_epsilon_says_and_no_more(epsilon: float) -> None:
    """Over all codes of 3 bits: the largest ratio of two probabilities of one output."""
    defense = RandomizedResponse(3, epsilon)
    codes = list(itertools.product((-1, 1), repeat=3))

    def chance(code: tuple[int, ...], stored: tuple[int, ...]) -> float:
        same = sum(a == b for a, b in zip(code, stored, strict=True))
        return defense.kept**same * (1 - defense.kept) ** (3 - same)

    for code in codes:
        assert sum(chance(code, stored) for stored in codes) == pytest.approx(1)
    worst = max(
        math.log(chance(a, stored) / chance(b, stored))
        for a, b, stored in itertools.product(codes, repeat=3)
    )
    assert worst == pytest.approx(defense.epsilon_of_code) == pytest.approx(3 * epsilon)


def test_what_lies_below_the_noise() -> None:
    assert GaussianNoise(0.5).without_noise == NoDefense()
    assert RandomizedResponse(16, 1.0).without_noise == FewBits(16)
    assert RandomizedResponse(16, 1.0).bottleneck_bits == 16
    assert RandomizedResponse(16, 0.5).name == "16 bits, ε 0.5 a bit, 8 a code"
    assert GaussianNoise(0.5).nominal_bits == 1280


def test_settings_out_of_range() -> None:
    for sigma in (-0.1, math.nan, math.inf, 1e9):
        with pytest.raises(InputError, match="GaussianNoise"):
            GaussianNoise(sigma)
    for epsilon in (-1, math.nan, 51):
        with pytest.raises(InputError, match="epsilon a bit"):
            RandomizedResponse(8, epsilon)
    with pytest.raises(InputError, match="RandomizedResponse"):
        RandomizedResponse(0, 1.0)
