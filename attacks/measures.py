"""The measures of an inversion study: every share and mean with its interval over people."""

from __future__ import annotations

import pandas as pd

from attacks.inversion import Study
from privkit.evaluation.intervals import (
    CONFIDENCE,
    Interval,
    mean_over_people,
    share_over_people,
)
from privkit.models.defenses import FLOAT_BITS
from privkit.models.face_net import FEATURES
from privkit.result import Better, Measure

__all__ = [
    "FULL_BITS",
    "Key",
    "ceiling_measure",
    "store_measures",
    "study_intervals",
    "study_measures",
]

#: Bits of the undefended feature, the reference of every compression.
FULL_BITS = FEATURES * FLOAT_BITS

_SHARES = ("identity", "rank-1", "rank-5")
_MEANS = {"mse": "squared pixel, pixels in [-1, 1]", "psnr": "dB", "ssim": "index up to 1"}
_PROTECTS_IF_HIGH = {"mse"}

#: Level, attack, group and measure.
Key = tuple[str, str, str, str]


def study_intervals(study: Study) -> dict[Key, Interval]:
    """Every measure of every level, attack and group."""
    out: dict[Key, Interval] = {}
    keys = ["level", "attack", "group"]
    columns = [c for c in study.records.columns if c not in {*keys, "seed", "person", "photo"}]
    for key, own in study.records.groupby(keys, sort=False):
        level, attack, group = map(str, key)
        for column in columns:
            if own[column].notna().all():
                estimate = (
                    share_over_people
                    if column.removesuffix(" (shuffled)") in _SHARES
                    else mean_over_people
                )
                values = pd.to_numeric(own[column].astype(float))
                out[level, attack, group, column] = estimate(values, own["person"])
    return out


def study_measures(intervals: dict[Key, Interval]) -> list[Measure]:
    """Every interval as a measure of the result."""
    measures = []
    for (level, attack, group, column), interval in intervals.items():
        plain = column.removesuffix(" (shuffled)")
        unit = _MEANS.get(plain, "share")
        better: Better = "higher protects" if plain in _PROTECTS_IF_HIGH else "lower protects"
        where = {"level": level, "attack": attack, "group": group}
        measures.append(_measure(column, interval, unit, better, where))
    return measures


def ceiling_measure(ceiling: Interval) -> Measure:
    """What the evaluator reaches on real photos that it was not fitted on."""
    where = {"evaluator": "PCA and LDA on pixels"}
    return _measure("identity of real unseen photos", ceiling, "share", "neither", where)


def _measure(
    name: str, interval: Interval, unit: str, better: Better, where: dict[str, str]
) -> Measure:
    """An interval under its name."""
    return Measure(
        name,
        interval.value,
        unit,
        better,
        n=interval.n,
        successes=interval.successes,
        low=interval.low,
        high=interval.high,
        confidence=CONFIDENCE,
        method=interval.method,
        where=where,
    )


def store_measures(study: Study) -> list[Measure]:
    """Bits, compression and training accuracy of each level."""
    measures = []
    for defense in study.defenses:
        stored = study.measured[defense.name]
        where = {"level": defense.name}
        for name, value, unit in (
            ("nominal bits", float(defense.nominal_bits), "bits"),
            ("distinct stored features", float(stored.distinct), "values"),
            ("entropy of stored features", stored.entropy_bits, "bits"),
            ("compression", FULL_BITS / defense.nominal_bits, "times"),
        ):
            measures.append(Measure(name, value, unit, "neither", n=stored.rows, where=where))
    for row in study.networks.to_dict("records"):
        measures.append(
            Measure(
                "training accuracy",
                float(row["training accuracy"]),
                "share",
                "higher is useful",
                n=int(row["photos"]),
                where={
                    "level": str(row["level"]),
                    "people": str(row["people"]),
                    "seed": str(row["seed"]),
                },
            )
        )
    return measures
