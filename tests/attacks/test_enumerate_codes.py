"""The table of all short codes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from encoders import adversary_of, linear, smooth_photos

from attacks.enumerate_codes import EnumerateCodes
from attacks.public_pairs import pairs

BITS = 5


def _plain(codes: np.ndarray, pixels: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Row by row: the mean over the photos whose codes differ in the fewest bits."""
    distances = [int((own != code).sum()) for own in codes]
    least = min(distances)
    near = [p for p, d in zip(pixels, distances, strict=True) if d == least]
    return np.mean(near, axis=0)


def test_every_code_gets_the_conditional_mean() -> None:
    network = linear(BITS, signs=True)
    adversary = adversary_of(network)
    every = np.array(list(product((-1, 1), repeat=BITS)), dtype=np.float32)
    made = EnumerateCodes(variants=0).run(every, adversary, np.random.default_rng(0))
    pixels = adversary.auxiliary.pixels
    codes = network.store(pixels)
    seen = [bool((codes == code).all(1).any()) for code in every]
    assert any(seen)
    assert not all(seen)  # both rules are tried
    for code, picture in zip(every, made, strict=True):
        np.testing.assert_allclose(picture, _plain(codes, pixels, code), atol=1e-5)


def test_no_other_answer_by_the_code_has_a_lower_error_on_the_public_photos() -> None:
    network = linear(BITS, signs=True)
    adversary = adversary_of(network)
    public = adversary.auxiliary.pixels
    codes = network.store(public)
    made = EnumerateCodes(variants=0).run(codes, adversary, np.random.default_rng(0))
    least = ((made - public) ** 2).mean()
    _, group = np.unique(codes, axis=0, return_inverse=True)
    rng = np.random.default_rng(1)
    for size in (0.01, 0.1):
        moved = size * rng.standard_normal((group.max() + 1, public.shape[1]))
        assert ((made + moved[group.reshape(-1)] - public) ** 2).mean() > least


def test_variants_are_stored_too_where_there_is_an_encoder() -> None:
    network = linear(BITS, signs=True)
    adversary = adversary_of(network)
    rng = np.random.default_rng(0)
    pixels, codes = pairs(adversary, adversary.auxiliary, 3, rng)
    assert len(pixels) == len(codes) == 4 * len(adversary.auxiliary)
    assert np.array_equal(codes, network.store(pixels))
    known = smooth_photos(2, 2, seed=3)
    known = replace(known, stored=network.store(known.pixels))
    alone = adversary_of(None, auxiliary=known)
    pixels, codes = pairs(alone, alone.auxiliary, 3, rng)
    assert np.array_equal(pixels, known.pixels)
    assert np.array_equal(codes, known.stored)
