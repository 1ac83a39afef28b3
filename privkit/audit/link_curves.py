"""What to draw and to tabulate of linking: ranks, error rates, an open gallery."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attacks.link_trials import open_trials
from attacks.matched_scores import Matched, OneByOne, matched
from attacks.matching import MATCHERS
from attacks.verification import (
    cmc,
    equal_error_rate,
    genuine_scores,
    impostor_scores,
    rank_hits,
    threshold_at,
)
from privkit.audit.findings import Curve
from privkit.errors import InputError
from privkit.evaluation.people import sample_of_people
from privkit.evaluation.rates import rate_of
from privkit.result import Table

__all__ = ["link_details"]

Features = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Matchers that need nothing but the store.
_DRAWN = ("nearest", "mean", "cosine")
#: Pairs of a probe and a known row that each scores: a curve of more is not smoother to the eye.
_PAIRS = 100_000_000
_RANKS = 20
_RATES = (0.1, 0.01, 0.001)


def link_details(
    probes: Features, person: Ints, gallery: Features, gallery_person: Ints, seed: int
) -> tuple[list[Curve], Table]:
    """Draw and tabulate how the matchers that learn nothing link.

    Args:
        probes: ``(n, d)``.
        person: ``(n,)``.
        gallery: ``(g, d)``, known records.
        gallery_person: ``(g,)``.
        seed: of all draws.
    """
    rng = np.random.default_rng([seed, 13])
    inside = np.flatnonzero(np.isin(person, gallery_person))
    drawn = inside[sample_of_people(person[inside], max(2, _PAIRS // len(gallery)), rng)]
    scored = _scored(probes[drawn], person[drawn], gallery, gallery_person, seed)
    named = _named(probes[drawn], person[drawn], gallery, gallery_person, seed)
    return _curves(scored), _table(scored, named, seed)


def _curves(scored: Mapping[str, Matched]) -> list[Curve]:
    """How often the right person is among the first k, and true against false positives."""
    curves = []
    for name, scores in scored.items():
        most = int(min(_RANKS, scores.candidates.min()))
        ranks = np.arange(1, most + 1)
        curves.append(
            Curve(
                "rank",
                f"linkage_{name}",
                ranks.tolist(),
                cmc(scores, most).tolist(),
                (ranks / scores.candidates.mean()).tolist(),
                "rank k",
                "right person among the first k, share of records",
            )
        )
        wrong = impostor_scores(scores)
        rates = [r for r in np.logspace(-4, 0, 25).tolist() if r * len(wrong) >= 1]
        if rates:
            own = genuine_scores(scores)
            curves.append(
                Curve(
                    "verification",
                    f"linkage_{name}",
                    rates,
                    [float(threshold_at(wrong, r).accepts(own).mean()) for r in rates],
                    rates,
                    "false positives, share of wrong pairs",
                    "true positives, share of right pairs",
                )
            )
    return curves


def _table(scored: Mapping[str, Matched], named: Mapping[str, str], seed: int) -> Table:
    """Rank-1, rank-5, equal error rate and true positives at low false positives."""
    rows = []
    for name, scores in scored.items():
        own, wrong = genuine_scores(scores), impostor_scores(scores)
        cells = [f"{rank_hits(scores, k).mean():.1%}" for k in (1, 5)]
        cells.append(f"{equal_error_rate(own, wrong):.1%}" if len(wrong) else "–")
        for rate in _RATES[1:]:
            enough = len(wrong) * rate >= 1
            cells.append(f"{threshold_at(wrong, rate).accepts(own).mean():.1%}" if enough else "–")
        rows.append([f"linkage_{name}", *cells, named[name]])
    return Table(
        "Identification and verification",
        ["attack", "rank-1", "rank-5", "equal error rate", "TPR at FPR 1%", "TPR at FPR 0.1%",
         "open gallery: named rightly at 10% false alarms"],
        rows,
        note=f"Of {len(scores.person):,} records of the first round of seed {seed}; a dash where "
        "there are too few wrong pairs to tell the rate. In the open gallery half of the people "
        "are not enrolled.",
    )  # fmt: skip


def _named(
    probes: Features, person: Ints, gallery: Features, gallery_person: Ints, seed: int
) -> dict[str, str]:
    """How often each matcher names an enrolled person rightly in an open gallery."""
    matchers = {name: MATCHERS[name] for name in _DRAWN}
    try:
        several = open_trials(
            probes, person, gallery, gallery_person, seed=seed, rate=_RATES[0], matchers=matchers
        )
    except InputError:  # too few people for such a rate
        return dict.fromkeys(matchers, "–")
    return {
        name: f"{rate_of(trials).value:.1%}" for name, trials in zip(matchers, several, strict=True)
    }


def _scored(
    probes: Features, person: Ints, gallery: Features, gallery_person: Ints, seed: int
) -> dict[str, Matched]:
    rng = np.random.default_rng([seed, 12])
    return {
        name: matched(
            OneByOne(MATCHERS[name].fit(None, None, rng), probes, person),
            gallery, gallery_person, rng,
        )
        for name in _DRAWN
    }  # fmt: skip
