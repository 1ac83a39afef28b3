"""What probes read from the codes of a sweep, pooled over seeds and held against guessing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from privkit.evaluation.intervals import CONFIDENCE, Interval, wilson
from privkit.videoqa.sweep import Outcome
from privkit.videoqa.sweep_cells import Cells, labels_of

__all__ = [
    "CHANCE",
    "Reads",
    "SecretRead",
    "pooled_reads",
    "read_beyond_chance",
    "secret_names",
    "secret_reads",
    "strongest",
]

#: The probe that ignores the feature.
CHANCE = "chance"
#: Task, variant and secret to probe to share.
Reads = Mapping[tuple[str, str, str], Mapping[str, Interval]]


class SecretRead(NamedTuple):
    """How often one probe reads one secret from what one training stores of unseen videos.

    Attributes:
        task: that was trained.
        variant: label of what is stored.
        bits: N; ``None`` for floats.
        seed: of the training.
        secret: e.g. ``"identity"``.
        probe: a key of :data:`privkit.videoqa.privacy.PROBES`.
        share: the share of videos whose secret is read.
    """

    task: str
    variant: str
    bits: int | None
    seed: int
    secret: str
    probe: str
    share: Interval


def secret_reads(outcomes: Iterable[Outcome]) -> list[SecretRead]:
    """What the probes read in every training of a sweep."""
    return [
        SecretRead(
            outcome.job.source.task or "",
            outcome.job.variant.label,
            outcome.job.variant.bits,
            outcome.job.seed,
            secret,
            way,
            share,
        )
        for outcome in outcomes
        for (secret, way), share in outcome.secrets.items()
    ]


def pooled_reads(privacy: Sequence[SecretRead], cells: Cells) -> Reads:
    """Pooled over seeds: the videos are the same, so they count once."""
    shares: dict[tuple[str, str, str], dict[str, list[Interval]]] = {}
    order = labels_of(cells)
    known = [r for r in privacy if r.variant in order]
    for read in sorted(known, key=lambda r: order.index(r.variant)):
        by_probe = shares.setdefault((read.task, read.variant, read.secret), {})
        by_probe.setdefault(read.probe, []).append(read.share)
    return {
        key: {probe: _pooled(found) for probe, found in by_probe.items()}
        for key, by_probe in shares.items()
    }


def _pooled(found: Sequence[Interval]) -> Interval:
    if len(found) == 1:
        return found[0]
    n = sum(f.n for f in found)
    successes = sum(f.successes or 0 for f in found)
    effective = float(np.mean([f.effective for f in found]))
    low, high = wilson(successes / n * effective, effective)
    method = f"Wilson {CONFIDENCE:.0%}, {len(found)} seeds; a video counts once"
    return Interval(successes / n, low, high, n, successes, effective, method)


def strongest(found: Mapping[str, Interval]) -> tuple[str, Interval]:
    """The probe that reads most, and its share; guessing is none."""
    probes = {name: share for name, share in found.items() if name != CHANCE}
    return max(probes.items(), key=lambda pair: pair[1].value)


def read_beyond_chance(found: Mapping[str, Interval]) -> bool:
    """Whether some probe is shown to read more than the guess, which is measured as well.

    The lower end of the difference is Newcombe's (1998, method 10), of two intervals of shares. It
    is not adjusted for the number of probes and stores: false comfort costs more than an alarm.
    """
    guess = found.get(CHANCE)
    if guess is None:
        return any(share.low > 0 for share in found.values())
    return any(
        share.value - guess.value > math.hypot(share.value - share.low, guess.high - guess.value)
        for name, share in found.items()
        if name != CHANCE
    )


def secret_names(reads: Reads) -> list[str]:
    """The secrets that were probed, each once."""
    return list(dict.fromkeys(secret for *_, secret in reads))
