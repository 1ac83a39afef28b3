"""DP-SGD: the epsilon that is promised, the noise that it takes, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from privkit.errors import InputError
from privkit.models.defenses import PrivateTraining
from privkit.models.private_training import train_private_face_net

PEOPLE, PHOTOS, PIXELS = 4, 10, 30


@pytest.fixture(scope="module")
def photos() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    looks = rng.uniform(-1, 1, (PEOPLE, PIXELS))
    pixels = np.clip(looks[person] + 0.1 * rng.standard_normal((len(person), PIXELS)), -1, 1)
    return pixels.astype(np.float32), person


def train(photos, epsilon: float, seed: int = 0, delta: float = 1e-4):
    pytest.importorskip("opacus")
    privacy = PrivateTraining(epsilon, delta)
    return train_private_face_net(*photos, people=PEOPLE, privacy=privacy, seed=seed)


@pytest.mark.slow
def test_the_noise_is_solved_for_the_epsilon(photos) -> None:
    multipliers = []
    for epsilon in (1.0, 8.0, 30.0):
        made = train(photos, epsilon)
        assert 0.9 * epsilon < made.epsilon <= epsilon
        assert made.delta == 1e-4
        multipliers.append(made.noise_multiplier)
    assert multipliers == sorted(multipliers, reverse=True)


@pytest.mark.slow
def test_the_seed_decides_and_the_network_is_a_plain_one(photos) -> None:
    state = torch.random.get_rng_state()
    one, same, other = (train(photos, 8.0, seed).network for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(one.store(photos[0]), same.store(photos[0]))
    assert not np.array_equal(one.store(photos[0]), other.store(photos[0]))
    assert not one.training
    assert not any(p.requires_grad for p in one.parameters())
    x = torch.from_numpy(photos[0]).requires_grad_()
    (gradient,) = torch.autograd.grad(one.relaxed(x).sum(), x)  # no hook of opacus is left
    assert gradient.abs().max() > 0


@pytest.mark.slow
def test_less_privacy_learns_more(photos) -> None:
    def right(epsilon: float) -> float:
        network = train(photos, epsilon).network
        with torch.no_grad():
            named = network(torch.from_numpy(photos[0])).argmax(1)
        return float((named.numpy() == photos[1]).mean())

    assert right(100) > right(0.1)
    assert right(100) > 0.6


def test_steps_without_a_photo_are_taken_too(photos) -> None:
    """Of four photos each is drawn with a chance of a quarter: about a third of the steps."""
    few = (photos[0][::PHOTOS], photos[1][::PHOTOS])
    made = train(few, 8.0)
    assert made.steps == 10 * 4
    assert np.isfinite(made.network.store(few[0])).all()


def test_what_is_refused(photos, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"below one over the number of training photos, 0\.025"):
        train(photos, 8.0, delta=0.03)
    for epsilon, delta in ((0, 1e-4), (101, 1e-4), (float("nan"), 1e-4), (1, 0), (1, 1)):
        with pytest.raises(InputError, match="PrivateTraining"):
            PrivateTraining(epsilon, delta)
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(InputError, match=r"remedy: pip install 'privkit\[dp\]'"):
        train_private_face_net(*photos, people=PEOPLE, privacy=PrivateTraining(8.0), seed=0)
