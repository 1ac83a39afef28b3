"""The learned decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from encoders import PIXELS, SHAPE, adversary_of, linear, smooth_photos

from attacks.decoder import Decoder, UpConvolutions


def test_it_gives_pictures_of_any_size() -> None:
    for shape in ((112, 92), (33, 17), SHAPE):
        mean = np.zeros(shape[0] * shape[1], dtype=np.float32)
        network = UpConvolutions(5, shape, mean)
        assert network(torch.zeros(3, 5)).shape == (3, len(mean))


def test_it_learns_from_other_people_to_decode_these() -> None:
    adversary = adversary_of(linear(20), auxiliary=smooth_photos(40, 8, seed=1))
    targets = smooth_photos(10, 2, seed=4).pixels
    made = Decoder(steps=400).run(adversary.store(targets), adversary, np.random.default_rng(0))
    mean_face = ((adversary.auxiliary.pixels.mean(0) - targets) ** 2).mean()
    assert ((made - targets) ** 2).mean() < 0.5 * mean_face


def test_it_stops_before_it_learns_noise_by_heart() -> None:
    """Features that say nothing: the answer stays near the mean face."""
    photos = smooth_photos(20, 8, seed=1)
    noise = np.random.default_rng(5).standard_normal((len(photos), 30)).astype(np.float32)
    adversary = adversary_of(None, auxiliary=replace(photos, stored=noise))
    stored = np.random.default_rng(6).standard_normal((30, 30)).astype(np.float32)
    made = Decoder(steps=400).run(stored, adversary, np.random.default_rng(0))
    strayed = ((made - photos.pixels.mean(0)) ** 2).mean()
    assert strayed < 0.5 * photos.pixels.var(0).mean()


def test_a_number_that_never_changes_does_no_harm() -> None:
    photos = smooth_photos(6, 4, seed=1)
    stored = np.ones((len(photos), 3), dtype=np.float32)
    adversary = adversary_of(None, auxiliary=replace(photos, stored=stored))
    made = Decoder(steps=20).run(stored[:2], adversary, np.random.default_rng(0))
    assert made.shape == (2, PIXELS)
    assert np.isfinite(made).all()
