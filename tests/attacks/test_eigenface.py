"""Search in the space of faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encoders import PIXELS, Linear, adversary_of, linear, smooth_photos

from attacks.eigenface import Eigenface, OwnDirections, map_estimate, regression
from attacks.face_space import FaceSpace, eigenfaces, with_own_directions
from attacks.held_out import hold_out
from privkit.models.defenses import Defense, Rounding


def test_eigenfaces_are_the_principal_components() -> None:
    pixels = smooth_photos(12, 8, seed=1).pixels
    space = eigenfaces(pixels, 5)
    gram = space.basis @ space.basis.T
    variance = np.linalg.eigvalsh(np.cov(pixels.T))[::-1][:5]
    np.testing.assert_allclose(np.diag(gram), variance, rtol=1e-3)
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-5)


def test_own_directions_span_what_the_encoder_looks_at() -> None:
    network = linear(7)
    adversary = adversary_of(network)
    pixels = adversary.auxiliary.pixels
    space = with_own_directions(adversary, pixels, 5, 10.0, np.random.default_rng(0))
    assert len(space.basis) == 5 + 7
    unit = space.basis / np.linalg.norm(space.basis, axis=1, keepdims=True)
    np.testing.assert_allclose(unit @ unit.T, np.eye(12), atol=1e-4)
    seen = network.matrix.T
    np.testing.assert_allclose((seen @ unit.T) @ unit, seen, atol=1e-4)


@pytest.mark.parametrize("differentiable", [True, False])
@pytest.mark.parametrize("defense", [None, Rounding(0.05)])
def test_an_invertible_encoder_is_inverted(differentiable: bool, defense: Defense | None) -> None:
    adversary = adversary_of(linear(PIXELS, differentiable=differentiable), defense)
    targets = smooth_photos(6, 1, seed=4).pixels
    attack = Eigenface(samples=1000, gains=(1.0,))
    made = attack.run(adversary.store(targets), adversary, np.random.default_rng(0))
    error = ((made - targets) ** 2).mean(1)
    mean_face = ((adversary.auxiliary.pixels.mean(0) - targets) ** 2).mean(1)
    assert (error < 0.1 * mean_face).all()


def _gaussian(network: Linear) -> tuple[FaceSpace, np.ndarray, np.ndarray, np.ndarray]:
    """A space, what is stored of 40 of its pictures, their coordinates, and the encoder in it."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.standard_normal((PIXELS, 6)))[0].T
    space = FaceSpace(np.zeros(PIXELS, np.float32), (0.1 * axes).astype(np.float32))
    z = rng.standard_normal((40, 6)).astype(np.float32)
    return space, network.store(space.pictures(z)), z, space.basis @ network.matrix


def test_the_regression_is_the_conditional_mean_of_a_gaussian() -> None:
    """Fewer numbers than coordinates: by the formula of conditional Gaussians."""
    network = linear(3)
    space, stored, _, encode = _gaussian(network)
    rng = np.random.default_rng(0)
    found = regression(stored, adversary_of(network), space, 40_000, rng)
    expected = stored @ np.linalg.solve(encode.T @ encode, encode.T)
    np.testing.assert_allclose(found, expected, atol=0.06)


def test_the_posterior_is_climbed_to_its_top() -> None:
    network = linear(3)
    space, stored, _, encode = _gaussian(network)
    weight = 0.01
    start = np.zeros((len(stored), 6), dtype=np.float32)
    found = map_estimate(stored, adversary_of(network), space, start, weight)

    def objective(z: np.ndarray) -> np.ndarray:
        return ((z @ encode - stored) ** 2).sum(1) + weight * (z**2).sum(1)

    top = stored @ np.linalg.solve(encode.T @ encode + weight * np.eye(3), encode.T)
    gap = (objective(found) - objective(top)) / (objective(start) - objective(top))
    assert (gap < 0.02).all()


def test_the_regression_adapts_to_codes() -> None:
    """Signs alone still tell where a picture lies."""
    network = linear(40, signs=True)
    space, stored, z, _ = _gaussian(network)
    rng = np.random.default_rng(0)
    found = regression(stored, adversary_of(network), space, 5000, rng)
    assert ((found - z) ** 2).mean() < 0.5  # the prior mean's is 1


def test_settings_are_chosen_on_other_people() -> None:
    photos = smooth_photos(12, 8, seed=1)
    held_out = hold_out(photos, np.random.default_rng(0))
    assert held_out is not None
    assert not set(held_out.learn.person) & set(held_out.probe.person)
    assert len(set(held_out.probe.person)) == 6
    # The photos themselves are recognised, the mean face is not.
    flat = np.tile(photos.pixels.mean(0), (len(held_out.probe), 1))
    made = {"flat": flat, "true": held_out.probe.pixels}
    assert held_out.best(["flat", "true"], lambda c: made[c]) == "true"
    assert held_out.best(["flat", "flat again"], lambda _: flat) == "flat"


def test_with_few_people_there_is_nothing_to_choose_by() -> None:
    few = smooth_photos(3, 8, seed=1)
    assert hold_out(few, np.random.default_rng(0)) is None
    adversary = adversary_of(linear(10), auxiliary=few)
    stored = adversary.store(smooth_photos(4, 1, seed=4).pixels)
    made = Eigenface(samples=100).run(stored, adversary, np.random.default_rng(0))
    assert np.isfinite(made).all()


def test_own_directions_show_what_others_photos_do_not_span() -> None:
    """Targets differ along a direction that no auxiliary photo has, and the encoder looks at it."""
    rng = np.random.default_rng(0)
    targets = smooth_photos(8, 1, seed=4)
    own = rng.standard_normal(PIXELS).astype(np.float32)
    own /= np.linalg.norm(own)
    side = rng.choice([-0.5, 0.5], 8).astype(np.float32)
    network = linear(12)
    network = replace(network, matrix=np.column_stack([network.matrix, own]).astype(np.float32))
    adversary = adversary_of(network)
    plain = targets.pixels - np.outer(targets.pixels @ own, own)
    stored = adversary.store(plain + np.outer(side, own))

    def along(attack: Eigenface) -> np.ndarray:
        made = attack.run(stored, adversary, np.random.default_rng(0))
        return (made - adversary.auxiliary.pixels.mean(0)) @ own / side

    seen = along(OwnDirections(components=5, samples=2000, gains=(1.0,), spread=30.0))
    unseen = along(Eigenface(components=5, samples=2000, weights=(), gains=(1.0,)))
    assert seen.min() > 0.5  # of what is there
    assert seen.mean() > 3 * np.abs(unseen).mean()
