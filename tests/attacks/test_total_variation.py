"""Inversion with total variation: the prior, and what it recovers."""

from __future__ import annotations

import numpy as np
import torch
from encoders import PIXELS, adversary_of, linear, smooth_photos

from attacks.total_variation import TotalVariation, total_variation
from privkit.models.defenses import Rounding


def test_total_variation_by_hand() -> None:
    images = torch.tensor([[[0.0, 3.0], [4.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]]])
    assert total_variation(images, 2).tolist() == [25.0, 0.0]
    np.testing.assert_allclose(total_variation(images, 1).numpy(), [5.0, 0.0], atol=1e-3)


def test_a_flat_picture_has_a_gradient_at_every_beta() -> None:
    images = torch.zeros(1, 4, 4, requires_grad=True)
    for beta in (1.0, 1.5, 2.0):
        (gradient,) = torch.autograd.grad(total_variation(images, beta).sum(), images)
        assert torch.isfinite(gradient).all()


def _error(attack: TotalVariation, width: int, defense: Rounding | None = None) -> np.ndarray:
    adversary = adversary_of(linear(width), defense)
    targets = smooth_photos(6, 1, seed=4).pixels
    made = attack.run(adversary.store(targets), adversary, np.random.default_rng(0))
    return ((made - targets) ** 2).mean(1)


def _mean_face_error() -> np.ndarray:
    mean = adversary_of(None).auxiliary.pixels.mean(0)
    return ((mean - smooth_photos(6, 1, seed=4).pixels) ** 2).mean(1)


def test_an_invertible_encoder_is_inverted() -> None:
    attack = TotalVariation(variation=0.01, norm=0.0, iterations=400)
    assert (_error(attack, PIXELS) < 0.1 * _mean_face_error()).all()
    assert (_error(attack, PIXELS, Rounding(0.1)) < 0.3 * _mean_face_error()).all()


def test_the_prior_helps_where_the_feature_leaves_much_open() -> None:
    """Smooth pictures, and fewer numbers than pixels."""
    without = TotalVariation(variation=0.0, norm=0.0, iterations=300)
    smooth = TotalVariation(variation=1.0, norm=0.0, iterations=300)
    assert _error(smooth, 16).mean() < 0.8 * _error(without, 16).mean()
    assert _error(smooth, 16).mean() < 0.8 * _mean_face_error().mean()
