"""An inversion study as a result: measures, tables, and what was found in words.

The words never call a store safe because attacks failed: a failed attack proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from attacks.inversion import Study
from attacks.measures import (
    Key,
    ceiling_measure,
    store_measures,
    study_intervals,
    study_measures,
)
from attacks.scenes import GROUPS, NEW
from attacks.tables import group_table, store_table
from privkit.data.faces import Faces
from privkit.evaluation.intervals import Interval, share_over_people
from privkit.result import DataUsed, Result

__all__ = ["study_result"]

_BASELINE_OF = {"rank-1": "random_guess", "rank-5": "random_guess", "identity": "mean_face"}
_SKIPPED_SHOWN = 5


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
    intervals = study_intervals(study)
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
        measures=[*study_measures(intervals), *store_measures(study), ceiling_measure(ceiling)],
        tables=[
            *(group_table(study, intervals, group, ceiling) for group in (NEW, *_others())),
            store_table(study),
        ],
    )


def _others() -> list[str]:
    return [group for group in GROUPS if group != NEW]


def _settings(attack: object) -> dict[str, Any]:
    if is_dataclass(attack) and not isinstance(attack, type):
        return asdict(attack)
    return {}


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
            linkage = intervals.get((defense.name, "linkage", NEW, "rank-1"))
            others = ""
            if linkage is not None and attack != "linkage":
                others = f" ({attack}, the strongest naming attack: {found.percent()})"
                attack, found = "linkage", linkage
            findings.append(
                f"{defense.name}: {attack} names the right one of {study.people} people for "
                f"{found.percent()} of new photos{others}; a random guess names {chance:.1%}."
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
            f"Against {', '.join(open_levels)} no attack tried here was shown to do better than "
            "its baselines: the lower end of every 95% interval lies at or below them, with "
            f"{study.people} people. That does not show that it is safe: more people or other "
            "attacks may show more."
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
    guess = {"identity": 1, "rank-1": 1, "rank-5": min(5, study.people)}
    for name in study.attacks:
        for group in GROUPS:
            for measure, baseline in _BASELINE_OF.items():
                own = intervals.get((level, name, group, measure))
                if own is None:
                    continue
                control = intervals[level, name, group, f"{measure} (shuffled)"]
                floor = intervals[level, baseline, group, measure]
                chance = guess[measure] / study.people
                if own.low > max(chance, control.value, floor.value):
                    return True
    return False


def _warnings(study: Study, faces: Faces) -> list[str]:
    warnings = [f"Passed over: {name}" for name in faces.skipped[:_SKIPPED_SHOWN]]
    if len(faces.skipped) > _SKIPPED_SHOWN:
        warnings.append(f"Passed over: {len(faces.skipped) - _SKIPPED_SHOWN} more files.")
    for name in study.attacks:
        lacking = [study.passed_over.get((d.name, name)) for d in study.defenses]
        if all(lacking):
            warnings.append(f"{name} was not run at any level: it needs {lacking[0]}.")
    names = {a.makes for a in study.attacks.values()}
    if "names" not in names:
        warnings.append(
            "No linkage attack was run. Reconstructions alone cannot show whether a stored feature "
            "names a person: add --attack linkage."
        )
    return warnings
