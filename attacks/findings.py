"""An inversion study as a result: measures, tables, and what was found in words.

The words never call a store safe because attacks failed: a failed attack proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import pandas as pd

from attacks.inversion import BASELINES, GROUPS, NEW, Study
from privkit.data.faces import Faces
from privkit.evaluation.intervals import (
    CONFIDENCE,
    Interval,
    mean_over_people,
    share_over_people,
)
from privkit.models.defenses import FLOAT_BITS
from privkit.models.face_net import FEATURES
from privkit.result import DataUsed, Measure, Result, Table

__all__ = ["study_result"]

_SHARES = ("identity", "rank-1", "rank-5")
_MEANS = {"mse": "squared pixel, pixels in [-1, 1]", "psnr": "dB", "ssim": "index up to 1"}
_PROTECTS_IF_HIGH = {"mse"}


def study_result(
    study: Study, faces: Faces, *, command: str, seeds: Sequence[int], device: str
) -> Result:
    """The result of an inversion study.

    Args:
        study: what the attacks did.
        faces: the data set that it was run on.
        command: the command line, for the record.
        seeds: the seeds that were pooled.
        device: where it ran.
    """
    intervals = _intervals(study)
    ceiling = share_over_people(study.ceiling["identity"], study.ceiling["person"])
    return Result(
        command=command,
        configuration={
            "faces": faces.source,
            "levels": [d.name for d in study.defenses],
            "attacks": {
                name: {"class": type(a).__name__, **_settings(a)}
                for name, a in study.attacks.items()
            },
            "seeds": list(seeds),
            "device": device,
        },
        seed=seeds[0],
        data=[DataUsed(faces.source, "faces", faces.sha256, faces.n, faces.notice)],
        findings=_findings(study, intervals, ceiling),
        warnings=_warnings(study, faces),
        measures=[*_measures(intervals), *_store_measures(study), _ceiling_measure(ceiling)],
        tables=[
            *(_group_table(study, intervals, group, ceiling) for group in (NEW, *_others())),
            _store_table(study),
        ],
    )


def _others() -> list[str]:
    return [group for group in GROUPS if group != NEW]


def _settings(attack: object) -> dict[str, Any]:
    if is_dataclass(attack) and not isinstance(attack, type):
        return asdict(attack)
    return {}


Key = tuple[str, str, str, str]  # level, attack, group, measure


def _intervals(study: Study) -> dict[Key, Interval]:
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


def _measures(intervals: dict[Key, Interval]) -> list[Measure]:
    measures = []
    for (level, attack, group, column), interval in intervals.items():
        plain = column.removesuffix(" (shuffled)")
        measures.append(
            Measure(
                column,
                interval.value,
                _MEANS.get(plain, "share"),
                "higher protects" if plain in _PROTECTS_IF_HIGH else "lower protects",
                n=interval.n,
                successes=interval.successes,
                low=interval.low,
                high=interval.high,
                confidence=CONFIDENCE,
                method=interval.method,
                where={"level": level, "attack": attack, "group": group},
            )
        )
    return measures


def _ceiling_measure(ceiling: Interval) -> Measure:
    return Measure(
        "identity of real unseen photos",
        ceiling.value,
        "share",
        "neither",
        n=ceiling.n,
        successes=ceiling.successes,
        low=ceiling.low,
        high=ceiling.high,
        confidence=CONFIDENCE,
        method=ceiling.method,
        where={"evaluator": "PCA and LDA on pixels"},
    )


def _store_measures(study: Study) -> list[Measure]:
    measures = []
    for defense in study.defenses:
        stored = study.measured[defense.name]
        where = {"level": defense.name}
        for name, value, unit in (
            ("nominal bits", float(defense.nominal_bits), "bits"),
            ("distinct stored features", float(stored.distinct), "values"),
            ("entropy of stored features", stored.entropy_bits, "bits"),
            ("compression", _full_bits() / defense.nominal_bits, "times"),
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


def _full_bits() -> int:
    return FEATURES * FLOAT_BITS


def _findings(study: Study, intervals: dict[Key, Interval], ceiling: Interval) -> list[str]:
    """Sentences, linkage first, the fewest bits first."""
    levels = sorted(study.defenses, key=lambda d: d.nominal_bits)
    chance = 1 / study.people
    findings: list[str] = []
    broken: list[str] = []
    open_levels: list[str] = []
    for defense in levels:
        names = _strongest(study, intervals, defense.name, "rank-1")
        if names is not None:
            attack, found = names
            findings.append(
                f"{defense.name}: {attack} names the right one of {study.people} people for "
                f"{found.percent()} of new photos; a random guess names {chance:.1%}."
            )
    for defense in levels:
        pictures = _strongest(study, intervals, defense.name, "identity")
        if pictures is not None:
            attack, found = pictures
            mean = intervals[defense.name, "mean_face", NEW, "identity"]
            other = intervals[defense.name, attack, NEW, "identity (shuffled)"]
            findings.append(
                f"{defense.name}: of the inversion attacks {attack} is strongest; an independent "
                f"evaluator recognises the person on {found.percent()} of its reconstructions of "
                f"new photos, {mean.value:.0%} on the mean face, {other.value:.0%} on another "
                f"person's reconstruction and {ceiling.value:.0%} on real photos."
            )
    for defense in levels:
        (broken if _identifies(study, intervals, defense.name) else open_levels).append(
            defense.name
        )
    if broken:
        findings.append(
            f"Not de-identified: {', '.join(broken)}. At least one attack names or shows people "
            "beyond its baselines."
        )
    if open_levels:
        findings.append(
            f"No attack tried here did better than its baselines against: {', '.join(open_levels)}."
            " That does not show that it is safe: other attacks may do better."
        )
    return findings


def _strongest(
    study: Study, intervals: dict[Key, Interval], level: str, measure: str
) -> tuple[str, Interval] | None:
    """The attack with the highest share on new photos; the first among equals."""
    found = [
        (name, intervals[level, name, NEW, measure])
        for name in study.attacks
        if (level, name, NEW, measure) in intervals
    ]
    return max(found, key=lambda pair: pair[1].value) if found else None


def _identifies(study: Study, intervals: dict[Key, Interval], level: str) -> bool:
    """Whether some attack on some group beats chance, the baselines and its own control."""
    for name in study.attacks:
        for group in GROUPS:
            for measure, baseline in (("rank-1", "random_guess"), ("identity", "mean_face")):
                own = intervals.get((level, name, group, measure))
                if own is None:
                    continue
                control = intervals[level, name, group, f"{measure} (shuffled)"]
                floor = intervals[level, baseline, group, measure]
                if own.low > max(1 / study.people, control.value, floor.value):
                    return True
    return False


def _warnings(study: Study, faces: Faces) -> list[str]:
    warnings = [f"Passed over: {name}" for name in faces.skipped]
    names = {a.makes for a in study.attacks.values()}
    if "names" not in names:
        warnings.append(
            "No linkage attack was run. Reconstructions alone cannot show whether a stored feature "
            "names a person: add --attack linkage."
        )
    return warnings


def _group_table(
    study: Study, intervals: dict[Key, Interval], group: str, ceiling: Interval
) -> Table:
    def cell(key: Key, form: str) -> str:
        interval = intervals.get(key)
        return "" if interval is None else format(interval.value, form)

    rows = []
    for defense in study.defenses:
        for attack in (*study.attacks, *BASELINES):
            key = (defense.name, attack, group)
            right = intervals.get((*key, "identity")) or intervals[(*key, "rank-1")]
            control = (
                intervals.get((*key, "identity (shuffled)"))
                or intervals[(*key, "rank-1 (shuffled)")]
            )
            rows.append(
                [
                    defense.name,
                    attack + (" (baseline)" if attack in BASELINES else ""),
                    right.percent(),
                    f"{control.value:.0%}",
                    cell((*key, "rank-5"), ".0%"),
                    cell((*key, "mse"), ".3f"),
                    cell((*key, "psnr"), ".1f"),
                    cell((*key, "ssim"), ".2f"),
                    str(right.n),
                ]
            )
    return Table(
        f"{group[0].upper()}{group[1:]}",
        [
            "stored",
            "attack",
            "person right (95%)",
            "another's code",
            "among 5",
            "pixel MSE",
            "PSNR dB",
            "SSIM",
            "targets",
        ],
        rows,
        note=(
            "Person right: for linkage and random_guess the share of targets whose person is named "
            f"first of {study.people}; for reconstructions the share that an evaluator which "
            "shares nothing with the network, fitted on other photos, recognises. It recognises "
            f"{ceiling.percent()} of real unseen photos. 'Another's code' is the control: the "
            "outcome for another person's stored feature, scored against this target. MSE: pixels "
            "in [-1, 1]. Intervals allow for several photos of one person."
        ),
    )


def _store_table(study: Study) -> Table:
    rows = []
    for defense in study.defenses:
        stored = study.measured[defense.name]
        accuracy = study.networks.loc[
            study.networks["level"] == defense.name, "training accuracy"
        ].min()
        rows.append(
            [
                defense.name,
                f"{defense.nominal_bits:,}",
                f"{_full_bits() / defense.nominal_bits:,.0f}×",
                f"{stored.distinct} of {stored.rows}",
                f"{stored.entropy_bits:.1f}" + (" (ceiling)" if stored.at_ceiling else ""),
                f"{accuracy:.1%}",
            ]
        )
    return Table(
        "What is stored",
        [
            "stored",
            "nominal bits",
            "smaller than floats",
            "distinct features",
            "entropy, bits",
            "training accuracy",
        ],
        rows,
        note=(
            "Entropy is the plug-in estimate over all photos; n photos cannot show more than "
            "log2 n bits, marked as ceiling. Training accuracy is the lowest of the networks of "
            "that level; each must reach 97.5%."
        ),
    )
