"""What probes read from the codes of a sweep, pooled over seeds and held against guessing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from privkit.evaluation.intervals import CONFIDENCE, Interval, wilson
from privkit.videoqa.paired import SIGNIFICANT
from privkit.videoqa.seeds import with_seeds
from privkit.videoqa.sweep import Outcome
from privkit.videoqa.sweep_cells import Cells, labels_of

__all__ = [
    "CHANCE",
    "PooledRead",
    "Reads",
    "SecretRead",
    "pooled_reads",
    "secret_names",
    "secret_reads",
    "strongest",
]

#: The probe that ignores the feature.
CHANCE = "chance"


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
        hits: ``(videos,)``, whether it is; ``None`` where only the share is known.
        converged: whether the probe's training came to its end.
    """

    task: str
    variant: str
    bits: int | None
    seed: int
    secret: str
    probe: str
    share: Interval
    hits: NDArray[np.bool_] | None = None
    converged: bool = True


class PooledRead(NamedTuple):
    """What the probes read of one secret from one store, seeds pooled.

    Attributes:
        shares: by probe.
        beyond_chance: whether some probe is shown to read more than the guess in a training.
        converged: whether every probe's training came to its end.
    """

    shares: Mapping[str, Interval]
    beyond_chance: bool
    converged: bool


#: Task, variant and secret to what is read.
Reads = Mapping[tuple[str, str, str], PooledRead]


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
            read.share,
            read.hits,
            read.converged,
        )
        for outcome in outcomes
        for (secret, way), read in outcome.secrets.items()
    ]


def pooled_reads(privacy: Sequence[SecretRead], cells: Cells) -> Reads:
    """Pooled over seeds: the videos are the same and count once; the seeds' spread is added."""
    gathered: dict[tuple[str, str, str], dict[str, list[SecretRead]]] = {}
    order = labels_of(cells)
    known = [r for r in privacy if r.variant in order]
    for read in sorted(known, key=lambda r: order.index(r.variant)):
        by_probe = gathered.setdefault((read.task, read.variant, read.secret), {})
        by_probe.setdefault(read.probe, []).append(read)
    return {
        key: PooledRead(
            {probe: _pooled([read.share for read in found]) for probe, found in by_probe.items()},
            _beyond_chance(by_probe),
            all(read.converged for found in by_probe.values() for read in found),
        )
        for key, by_probe in gathered.items()
    }


def _pooled(found: Sequence[Interval]) -> Interval:
    if len(found) == 1:
        return found[0]
    n = sum(f.n for f in found)
    successes = sum(f.successes or 0 for f in found)
    effective = float(np.mean([f.effective for f in found]))
    low, high = wilson(successes / n * effective, effective)
    method = f"Wilson {CONFIDENCE:.0%}; a video counts once"
    over_videos = Interval(successes / n, low, high, n, successes, effective, method)
    return with_seeds(over_videos, [f.value for f in found])


def strongest(found: PooledRead) -> tuple[str, Interval]:
    """The probe that reads most, and its share; guessing is none."""
    probes = {name: share for name, share in found.shares.items() if name != CHANCE}
    return max(probes.items(), key=lambda pair: pair[1].value)


def _beyond_chance(by_probe: Mapping[str, Sequence[SecretRead]]) -> bool:
    """Whether some probe is shown to read more than the guess, which is measured as well.

    A training that gives a secret away does so whatever other seeds do, so each is tested alone,
    by Bonferroni over the seeds. On the same videos the two are compared by pairs: McNemar's exact
    test (1947). Where only shares are known, the lower end of their difference by Newcombe (1998,
    method 10) is above 0. Neither is adjusted for the number of probes and stores: false comfort
    costs more than an alarm.
    """
    guesses = {read.seed: read for read in by_probe.get(CHANCE, ())}
    for name, found in by_probe.items():
        if name == CHANCE:
            continue
        tests = [p for read in found if (p := _paired_p(read, guesses.get(read.seed))) is not None]
        if len(tests) == len(found):
            if min(1.0, len(tests) * min(tests)) < SIGNIFICANT:
                return True
        elif any(_differs(read, guesses.get(read.seed), len(found)) for read in found):
            return True
    return False


def _paired_p(read: SecretRead, guess: SecretRead | None) -> float | None:
    """Two-sided p; 1 where the probe reads less, ``None`` where the videos are not known."""
    if guess is None or read.hits is None or guess.hits is None:
        return None
    more = int((read.hits & ~guess.hits).sum())
    less = int((guess.hits & ~read.hits).sum())
    return float(stats.binomtest(more, more + less).pvalue) if more > less else 1.0


def _differs(read: SecretRead, guess: SecretRead | None, seeds: int) -> bool:
    confidence = 1 - (1 - CONFIDENCE) / seeds
    share, low, _ = _ends(read, confidence)
    if guess is None:
        return low > 0
    guessed, _, high = _ends(guess, confidence)
    return share - guessed > math.hypot(share - low, high - guessed)


def _ends(read: SecretRead, confidence: float) -> tuple[float, float, float]:
    """The share with its interval at another confidence."""
    share, trials = read.share.value, read.share.effective
    return share, *wilson(share * trials, trials, confidence)


def secret_names(reads: Reads) -> list[str]:
    """The secrets that were probed, each once."""
    return list(dict.fromkeys(secret for *_, secret in reads))
