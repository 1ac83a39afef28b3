"""Membership is found where a network has learned by heart, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from attacks.membership import (
    Suspects,
    _best_threshold,
    lira_offline,
    lira_online,
    membership_trials,
)
from attacks.shadow_networks import (
    STATISTICS,
    like,
    margin,
    saturation,
    top_margin,
    train_shadows,
)
from privkit.errors import InputError
from privkit.evaluation.intervals import share_over_people
from privkit.evaluation.trials import Trials
from privkit.models.face_net import FaceNet
from privkit.models.train_faces import train_face_net

Photos = tuple[NDArray[np.float32], NDArray[np.int64]]

PEOPLE, PHOTOS = 25, 12
ALL = {f"membership_{name}" for name in (*STATISTICS, "lira_offline", "lira_online")}


def as_it_is(stored: NDArray[np.float32]) -> NDArray[np.float32]:
    return stored


@pytest.fixture(scope="module")
def photos() -> Photos:
    """So noisy that a network tells its training photos only by heart."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(PEOPLE), PHOTOS)
    own = 0.5 * rng.normal(size=(PEOPLE, 60))[label]
    return np.tanh(own + rng.normal(size=(len(label), 60))).astype(np.float32), label


def trained(pixels: NDArray[np.float32], label: NDArray[np.int64], bits: int | None) -> FaceNet:
    return train_face_net(
        pixels, label, people=PEOPLE, bits=bits, seed=3, data_sha256="", cache=None
    )[0]


def attacked(photos: Photos, bits: int | None, *, leaks: bool) -> dict[str, Trials]:
    """Half of the photos called members; the network was trained on these, or on neither half."""
    pixels, label = photos
    place = np.tile(np.arange(PHOTOS), PEOPLE)
    inside = place % 2 == 0 if leaks else place >= 8
    network = trained(pixels[inside], label[inside], bits)
    asked = np.ones(len(label), dtype=bool) if leaks else ~inside
    suspects = Suspects(
        pixels[asked], label[asked], network.store(pixels[asked]), (place % 2 == 0)[asked]
    )
    found = membership_trials(network, suspects, as_it_is, seed=0, shadows=8)
    assert set(found.on_shadows) == ALL
    if leaks:  # told as the shadow networks are
        best = max(t.mean() for t in found.trials if t.measure == "balanced accuracy")
        assert max(found.on_shadows.values()) == pytest.approx(best, abs=0.1)
    return {t.name: t for t in found.trials}


@pytest.mark.slow
@pytest.mark.parametrize("bits", [None, 16])
def test_what_was_learned_by_heart_is_found(photos: Photos, bits: int | None) -> None:
    trials = attacked(photos, bits, leaks=True)
    assert {t.attack for t in trials.values()} == ALL
    for name in ("loss", "confidence", "lira_offline", "lira_online"):
        assert trials[f"membership_{name}, balanced accuracy"].mean() > 0.9
    lira = trials["membership_lira_online, TPR at FPR 1%"].mean()
    assert lira > 0.5
    # What the likelihood ratio is for: few false positives (Carlini et al. 2022, Figure 1).
    assert lira > trials["membership_loss, TPR at FPR 1%"].mean() + 0.1
    for t in trials.values():
        assert abs(t.mean("control") - t.mean("baseline")) < 0.12


@pytest.mark.slow
def test_where_both_halves_are_alike_nothing_is_found(photos: Photos) -> None:
    trials = attacked(photos, 16, leaks=False)
    for t in trials.values():
        if t.measure == "balanced accuracy":
            interval = share_over_people(t.hit, t.person, confidence=0.999)
            assert interval.low <= 0.5 <= interval.high, t.name
        else:
            assert t.mean() < 0.15, t.name  # the threshold is that of the first of 100 others
    # Codes are never more or less saturated.
    for measure, chance in (("balanced accuracy", 0.5), ("TPR at FPR 1%", 0.01)):
        assert trials[f"membership_saturation, {measure}"].mean() == pytest.approx(chance)


def test_a_defense_that_hides_the_feature_from_the_last_layer(
    photos: Photos,
) -> None:
    pixels, label = photos
    network = trained(pixels[::2], label[::2], None)
    member = np.arange(len(label)) % 2 == 0

    def first_five(stored: NDArray[np.float32]) -> NDArray[np.float32]:
        return stored[:, :5]

    suspects = Suspects(pixels, label, first_five(network.store(pixels)), member)
    found = membership_trials(network, suspects, first_five, seed=0, shadows=4)
    assert {t.attack for t in found.trials} == {"membership_saturation"}
    assert set(found.on_shadows) == {"membership_saturation"}


def test_the_same_seed_gives_the_same_trials(photos: Photos) -> None:
    pixels, label = (array[: 3 * PHOTOS] for array in photos)
    network = trained(pixels[::2], label[::2], None)
    member = np.arange(len(label)) % 2 == 0
    suspects = Suspects(pixels, label, network.store(pixels), member)
    first, again = (
        membership_trials(network, suspects, as_it_is, seed=1, shadows=4) for _ in range(2)
    )
    assert first.on_shadows == again.on_shadows
    for a, b in zip(first.trials, again.trials, strict=True):
        assert np.array_equal(a.hit, b.hit)
        assert np.array_equal(a.control, b.control)


# The parts


def test_the_margin_is_the_log_odds_of_the_person(
    photos: Photos,
) -> None:
    pixels, label = photos
    network = trained(pixels[::3], label[::3], None)
    stored = network.store(pixels[:30])
    odds = np.exp(margin(network, stored, label[:30]))
    weight, bias = network.last.weight.numpy(), network.last.bias.numpy()
    power = np.exp(stored.astype(float) @ weight.T + bias)
    probability = power / power.sum(1, keepdims=True)
    np.testing.assert_allclose(odds / (1 + odds), probability[np.arange(30), label[:30]], rtol=1e-3)
    np.testing.assert_allclose(
        top_margin(network, stored, label[:30]), margin(network, stored, probability.argmax(1))
    )
    assert saturation(network, -stored, label[:30]) == pytest.approx(np.abs(stored).mean(1))


def test_likelihood_ratios_of_known_gaussians() -> None:
    """With many shadow networks it is the ratio of the true densities."""
    rng = np.random.default_rng(1)
    inside = rng.random((4000, 3)) < 0.5
    shadow = np.where(inside, [1.0, 2.0, 3.0], [0.0, 0.0, -1.0]) + rng.normal(size=inside.shape)
    value = np.array([0.5, 2.0, -1.5])
    expected = norm.logpdf(value, [1, 2, 3]) - norm.logpdf(value, [0, 0, -1])
    np.testing.assert_allclose(lira_online(value, shadow, inside), expected, atol=0.2)
    np.testing.assert_allclose(lira_offline(value, shadow, inside), value - [0, 0, -1], atol=0.1)


@pytest.mark.parametrize(
    ("scores", "inside", "expected"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 2.5),
        ([3, 3, 3], [1, 0, 1], 3.0),  # all equal: nobody is above
        ([1, 2], [1, 0], 2.0),  # the wrong way round: nobody is above
        ([1, 1, 5], [0, 1, 1], 3.0),
    ],
)
def test_the_best_threshold(scores: list[float], inside: list[int], expected: float) -> None:
    found = _best_threshold(np.array(scores, float), np.array(inside, bool))
    assert found == expected


def test_every_photo_is_in_one_of_each_pair_of_shadow_networks(
    photos: Photos,
) -> None:
    pixels, label = (array[: 5 * PHOTOS] for array in photos)
    network = trained(pixels, label, None)
    shadows = train_shadows(pixels, label, as_it_is, like(network), count=4, seed=0)
    assert np.array_equal(shadows.inside[::2], ~shadows.inside[1::2])
    for person in range(5):
        assert (shadows.inside[:, label == person].sum(1) == PHOTOS // 2).all()
    assert not np.array_equal(shadows.inside[0], shadows.inside[2])
    assert shadows.stored.shape == (4, len(label), 40)


@pytest.mark.parametrize("count", [2, 5])
def test_shadow_networks_come_in_pairs(count: int) -> None:
    with pytest.raises(InputError, match="come in pairs"):
        train_shadows(
            np.zeros((4, 3), np.float32), np.zeros(4, int), as_it_is, None, count=count, seed=0
        )


def test_only_members_are_refused(
    photos: Photos,
) -> None:
    pixels, label = photos
    suspects = Suspects(pixels, label, pixels, label % 2 == 0)
    with pytest.raises(InputError, match="membership cannot be told"):
        replace(suspects, member=np.ones(len(label), dtype=bool))
