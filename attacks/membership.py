"""Membership inference: was a photo in the network's training set? From what is stored of it.

Two kinds of attack. A *global threshold* (Yeom et al., CSF 2018) takes one number off a feature and
calls it a member above a threshold for all photos. The *likelihood-ratio attack* (LiRA; Carlini et
al., S&P 2022, Algorithm 1) asks for each photo what this number is with networks that were trained
on it and with networks that were not, and needs the photo itself for that. Both learn on shadow
networks alone; which photos the attacked network was trained on serves to score them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.shadow_networks import (
    STATISTICS,
    Shadows,
    Statistic,
    Train,
    like,
    margin,
    saturation,
    train_shadows,
)
from attacks.verification import threshold_at
from privkit.errors import InputError
from privkit.evaluation.people import derangement
from privkit.evaluation.trials import Trials
from privkit.models.face_net import FaceNet

__all__ = [
    "FALSE_POSITIVES",
    "MembershipOutcome",
    "Suspects",
    "global_threshold",
    "lira_offline",
    "lira_online",
    "membership_trials",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: Scores photos ``(n,)`` by the attacked network's statistic ``(n,)``, the shadows' ``(S, n)`` and
#: which were trained on which ``(S, n)``; the larger the likelier a member.
Judge = Callable[[Floats, Floats, Bools], Floats]

FALSE_POSITIVES = 0.01
#: A spread below this is rounding: photos on which all shadows agree would decide everything.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class Suspects:
    """Photos of which it is asked whether the network was trained on them.

    Attributes:
        pixels: ``(n, h·w)`` in [-1, 1].
        label: ``(n,)``, the output of the network that is the photo's person.
        stored: ``(n, width)``, what the store holds of each.
        member: ``(n,)``, the truth, for scoring alone.

    Raises:
        InputError: no members, or nothing but members.
    """

    pixels: NDArray[np.float32]
    label: Ints
    stored: NDArray[np.float32]
    member: Bools

    def __post_init__(self) -> None:
        members = int(self.member.sum())
        if members < 2 or len(self.member) - members < 2:
            raise InputError(
                "membership cannot be told from nothing",
                where="photos of known membership",
                rule="at least 2 that the network was trained on, and 2 that it was not",
                found=f"{members} and {len(self.member) - members}",
            )


@dataclass(frozen=True)
class MembershipOutcome:
    """What membership inference did.

    Attributes:
        trials: by attack and measure.
        on_shadows: by attack, the balanced accuracy on the shadow networks, each attacked with what
            the others say, at the threshold that is best there. A network that was trained as they
            were is told about as well.
    """

    trials: tuple[Trials, ...]
    on_shadows: dict[str, float]


def membership_trials(
    network: FaceNet,
    photos: Suspects,
    store: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    seed: int,
    shadows: int = 16,
    train: Train | None = None,
) -> MembershipOutcome:
    """Run every membership attack on every photo.

    Attacks: ``membership_loss``, ``…_confidence``, ``…_saturation`` with one threshold for all (see
    :data:`attacks.shadow_networks.STATISTICS`), ``membership_lira_online`` and ``…_offline``. Those
    that read the network's last layer are left out where a defense stores what it cannot read.

    Measures: "balanced accuracy", at the threshold that is best on the shadow networks (baseline a
    half; members and others weigh the same); and "TPR at FPR 1%", over the members (baseline 1%),
    where a hundred others are there to tell it from. The control is the same attack on features
    that were exchanged among the photos.

    Args:
        network: the attacked one, with its weights.
        photos: members and others, of people whom the network was trained on.
        store: what is done to a network's feature before it is stored (a defense's ``apply``).
        seed: of all draws.
        shadows: how many shadow networks to train.
        train: trains one; by default as the attacked network was trained.

    Raises:
        InputError: as :func:`attacks.shadow_networks.train_shadows`.
    """
    own = train_shadows(
        photos.pixels, photos.label, store, train or like(network), count=shadows, seed=seed
    )
    swapped = derangement(len(photos.label), np.random.default_rng([seed, 1]))
    readable = photos.stored.shape[1] == network.stored_width
    trials: list[Trials] = []
    on_shadows: dict[str, float] = {}
    for name, (statistic, judge) in _ATTACKS.items():
        if readable or statistic is saturation:
            attack = f"membership_{name}"
            threshold, on_shadows[attack] = _threshold(own, statistic, judge)
            one = _Attack(network, photos, own, statistic, judge)
            trials += _tried(attack, one, threshold, swapped)
    return MembershipOutcome(tuple(trials), on_shadows)


def global_threshold(value: Floats, shadow: Floats, inside: Bools) -> Floats:  # noqa: ARG001
    """The statistic as it is: one threshold for all photos."""
    return value


def lira_offline(value: Floats, shadow: Floats, inside: Bools) -> Floats:
    """How far above the networks that were not trained on the photo, in standard deviations.

    As all networks but few are needed for a mean, the standard deviation is one for all photos
    (Carlini et al. 2022, section VI-C).
    """
    mean, spread = _gaussian(shadow, ~inside)
    return (value - mean) / spread


def lira_online(value: Floats, shadow: Floats, inside: Bools) -> Floats:
    """The log-density among networks trained on the photo, less that among the others."""
    within, spread_within = _gaussian(shadow, inside)
    without, spread_without = _gaussian(shadow, ~inside)
    z_within, z_without = (value - within) / spread_within, (value - without) / spread_without
    ratio: Floats = 0.5 * (z_without**2 - z_within**2) + np.log(spread_without / spread_within)
    return ratio


_ATTACKS: dict[str, tuple[Statistic, Judge]] = {
    **{name: (statistic, global_threshold) for name, statistic in STATISTICS.items()},
    "lira_offline": (margin, lira_offline),
    "lira_online": (margin, lira_online),
}


def _gaussian(shadow: Floats, chosen: Bools) -> tuple[Floats, float]:
    """Mean of each photo over the chosen networks, and the deviation pooled over photos."""
    count = chosen.sum(0)
    mean: Floats = np.where(chosen, shadow, 0.0).sum(0) / count
    squares = np.where(chosen, (shadow - mean) ** 2, 0.0).sum()
    freedom = max(1, int((count - 1).sum()))
    return mean, max(_LEAST_SPREAD, float(np.sqrt(squares / freedom)))


@dataclass(frozen=True, eq=False)
class _Attack:
    """One attack on the photos of one network."""

    network: FaceNet
    photos: Suspects
    shadows: Shadows
    statistic: Statistic
    judge: Judge

    def scores(self, rows: Ints) -> Floats:
        """The score of each photo where its stored feature is that of the photo in ``rows``."""
        value = self.statistic(self.network, self.photos.stored[rows], self.photos.label)
        return self.judge(value, self.shadows.statistic(self.statistic), self.shadows.inside)


def _threshold(shadows: Shadows, statistic: Statistic, judge: Judge) -> tuple[float, float]:
    """The best on the shadow networks, each attacked with what the others say.

    Returns:
        The threshold and the balanced accuracy there.
    """
    seen, inside = shadows.statistic(statistic), shadows.inside
    scores = []
    for n, value in enumerate(seen):
        # Its twin was trained on all that it was not: without both, halves stay halves.
        others = np.arange(len(seen)) // 2 != n // 2
        scores.append(judge(value, seen[others], inside[others]))
    every, truth = np.concatenate(scores), inside.ravel()
    threshold = _best_threshold(every, truth)
    called = every > threshold
    return threshold, float((called[truth].mean() + (~called)[~truth].mean()) / 2)


def _tried(attack: str, own: _Attack, threshold: float, swapped: Ints) -> Iterator[Trials]:
    """Both measures of an attack."""
    photos, n = own.photos, len(own.photos.label)
    scores, control = own.scores(np.arange(n)), own.scores(swapped)
    share = np.where(photos.member, photos.member.mean(), 1.0 - photos.member.mean())
    yield Trials(
        attack,
        "balanced accuracy",
        photos.label,
        ((scores > threshold) == photos.member).astype(np.float64),
        np.full(n, 0.5),
        ((control > threshold) == photos.member).astype(np.float64),
        0.5 / share,
    )
    members, others = photos.member, ~photos.member
    if others.sum() * FALSE_POSITIVES >= 1:
        yield Trials(
            attack,
            f"TPR at FPR {FALSE_POSITIVES:.0%}",
            photos.label[members],
            threshold_at(scores[others], FALSE_POSITIVES).accepts(scores[members]),
            np.full(int(members.sum()), FALSE_POSITIVES),
            threshold_at(control[others], FALSE_POSITIVES).accepts(control[members]),
        )


def _best_threshold(scores: Floats, inside: Bools) -> float:
    """Above which calling a photo a member is right most often, members and others weighed alike.

    Half-way between two scores; where all scores are equal, above them.
    """
    value, code = np.unique(scores, return_inverse=True)
    weight = np.where(inside, 1.0 / inside.sum(), -1.0 / (~inside).sum())
    # gain[k]: TPR - FPR of accepting the k-th score and all above it.
    gain = np.bincount(code, weight)[::-1].cumsum()[::-1]
    best = int(gain.argmax())
    if gain[best] <= 1e-12:
        return float(value[-1])
    return float(value[0] - 1.0 if best == 0 else (value[best - 1] + value[best]) / 2)
