"""What changed between two audits: verdicts, and the success of each attack that both ran.

Two audits are alike only if their policies and inputs are; what differs there is said first. A
verdict that got 'better' because a limit was raised is no better store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from privkit.audit.findings import EXIT_CODES
from privkit.audit.paired_people import PairedPeople, paired_people
from privkit.audit.risks import RISKS, RiskName, Verdict
from privkit.audit.stored import AUDIT, read_audit
from privkit.audit.trials_file import TRIALS, Key, StoredTrials, read_trials
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval
from privkit.evaluation.multiplicity import holm
from privkit.evaluation.trials import Trials
from privkit.manifest import Manifest

__all__ = ["SIGNIFICANT", "Change", "Comparison", "Run", "compare_runs", "read_run", "severity"]

#: Level of the tests, after Holm's correction for all attacks.
SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Run:
    """An audit as it lies in its run folder.

    Attributes:
        name: of the folder.
        audit: its ``audit.json``.
        trials: its ``trials.csv``.
        differences: what is not as its manifest says.
        sha256: of its ``audit.json``.
    """

    name: str
    audit: Mapping[str, Any]
    trials: StoredTrials
    differences: Sequence[str]
    sha256: str

    def rate(self, key: Key) -> Mapping[str, Any] | None:
        """The rate of an attack in ``audit.json``."""
        risk, *names = key
        rates = self._finding(risk).get("rates", ())
        return next((r for r in rates if [r["attack"], r["measure"]] == names), None)

    def verdict(self, risk: RiskName) -> Verdict:
        """The verdict of a risk; ``"not run"`` where the audit does not know it."""
        return cast("Verdict", self._finding(risk).get("verdict", "not run"))

    def _finding(self, risk: str) -> Mapping[str, Any]:
        return next((f for f in self.audit["risks"] if f["risk"] == risk), {})


@dataclass(frozen=True)
class Change:
    """How the success of an attack changed.

    Attributes:
        key: risk, attack and measure.
        first: its rate in the first audit, as in ``audit.json``.
        second: its rate in the second.
        paired: the test on the people of both; ``None`` where there are none.
        p: adjusted by Holm for all attacks that were tested; ``None`` where it was not.
        alone: people that are in one of the audits only.
        unpaired: interval of the difference of the two rates as those of different people.
    """

    key: Key
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    paired: PairedPeople | None
    p: float | None
    alone: int
    unpaired: Interval

    @property
    def significant(self) -> bool:
        """Whether the test shows a change."""
        return self.p is not None and self.p < SIGNIFICANT

    @property
    def rose(self) -> bool:
        """Whether the attack succeeds more often in the second audit, and that is not chance."""
        return self.significant and self.paired is not None and self.paired.difference.value > 0


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two audits beside each other.

    Attributes:
        first: the earlier one.
        second: the later one.
        changes: of each attack that both ran, by risk.
        only_first: attacks that the first alone ran.
        only_second: attacks that the second alone ran.
        policy: settings that differ: name, first, second.
        inputs: inputs that differ: role, first, second.
    """

    first: Run
    second: Run
    changes: Sequence[Change]
    only_first: Sequence[Key]
    only_second: Sequence[Key]
    policy: Sequence[tuple[str, str, str]]
    inputs: Sequence[tuple[str, str, str]]

    @property
    def worse(self) -> list[RiskName]:
        """Risks whose verdict got worse."""
        runs = self.first, self.second
        severities = {risk: [severity(run.verdict(risk)) for run in runs] for risk in RISKS}
        return [risk for risk, (before, after) in severities.items() if after > before]


def severity(verdict: Verdict) -> int:
    """0 within the policy, 1 where the audit cannot say, 2 for a leak.

    'Not run', 'inconclusive' and 'attack invalid' are one degree: of a risk that is not examined
    any more nothing is known, which is worse than no leak found.
    """
    return {0: 0, 3: 1, 1: 2}[EXIT_CODES[verdict]]


def read_run(folder: Path) -> Run:
    """Read an audit from its run folder.

    Raises:
        InputError: it is not the folder of an audit, or a file is not of the form it must have.
    """
    manifest = Manifest.read(folder)
    listed = {entry.name: entry.sha256 for entry in manifest.files}
    if not {AUDIT, TRIALS} <= listed.keys():
        raise InputError(
            "this run is no audit",
            where=folder,
            rule=f"its manifest lists {AUDIT} and {TRIALS}",
            remedy="name the folders of two runs of privkit audit",
        )
    return Run(
        folder.absolute().name,
        read_audit(folder),
        read_trials(folder / TRIALS),
        manifest.differences(folder),
        listed[AUDIT],
    )


def compare_runs(first: Run, second: Run, *, seed: int) -> Comparison:
    """Compare two audits.

    Args:
        first: the earlier one.
        second: the later one.
        seed: of the random flips where there are too many people to count all.
    """
    keys = [key for key in first.trials.trials if first.rate(key)]
    others = [key for key in second.trials.trials if second.rate(key)]
    both = [key for key in keys if key in set(others)]
    rng = np.random.default_rng(seed)
    pairs = [_people_of_both(first.trials, second.trials, key) for key in both]
    folds = [max(run.trials.trials[key].folds for run in (first, second)) for key in both]
    tested = [
        paired_people(a, b, rng, folds=n) if len(a) else None
        for (a, b, _), n in zip(pairs, folds, strict=True)
    ]
    adjusted = iter(holm([t.p for t in tested if t is not None]))
    changes = []
    for key, found, (_, _, alone) in zip(both, tested, pairs, strict=True):
        before, after = first.rate(key) or {}, second.rate(key) or {}
        p = next(adjusted) if found is not None else None
        changes.append(Change(key, before, after, found, p, alone, _unpaired(before, after)))
    order = list(RISKS)
    return Comparison(
        first,
        second,
        sorted(changes, key=lambda change: order.index(change.key[0])),
        [key for key in keys if key not in set(others)],
        [key for key in others if key not in set(keys)],
        _differing(_flat(first.audit["policy"]), _flat(second.audit["policy"])),
        _differing(_inputs(first.audit), _inputs(second.audit)),
    )


def _people_of_both(
    first: StoredTrials, second: StoredTrials, key: Key
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean hits of the people in both, in the same order, and how many are in one only."""
    means = [_by_label(run.trials[key], run.people) for run in (first, second)]
    shared = sorted(means[0].keys() & means[1].keys())
    a, b = (np.array([mean[label] for label in shared], dtype=np.float64) for mean in means)
    return a, b, len(means[0].keys() ^ means[1].keys())


def _by_label(trials: Trials, people: Sequence[str]) -> dict[str, float]:
    """The mean hit of each person, trials by their weight."""
    number, code = np.unique(trials.person, return_inverse=True)
    means = np.bincount(code, trials.weight * trials.hit) / np.bincount(code, trials.weight)
    return {people[n]: float(mean) for n, mean in zip(number.tolist(), means, strict=True)}


def _unpaired(first: Mapping[str, Any], second: Mapping[str, Any]) -> Interval:
    """Of the difference of two rates of different people, by MOVER.

    As in Newcombe (Statistics in Medicine 1998), method 10, from the intervals over people.
    """
    a, b = first["value"], second["value"]
    low = math.hypot(b - second["low"], first["high"] - a)
    high = math.hypot(second["high"] - b, a - first["low"])
    people = first["people"] + second["people"]
    method = f"MOVER {first['confidence']:.0%} of two intervals over people"
    return Interval(
        b - a, max(-1.0, b - a - low), min(1.0, b - a + high), people, None, float(people), method
    )


def _flat(policy: Mapping[str, Any], before: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in policy.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{before}{key}.")
        else:
            out[before + key] = str(value)
    return out


def _inputs(audit: Mapping[str, Any]) -> dict[str, str]:
    """By role, and by name where a role is there several times: the hash."""
    out: dict[str, str] = {}
    for data in audit["data"]:
        role = data["role"] if data["role"] not in out else f"{data['role']} ({data['name']})"
        out[role] = f"{data['name']}, {data['rows']:,} rows, sha256 {data['sha256'][:12]}…"
    return out


def _differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (key, first.get(key, "–"), second.get(key, "–"))
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]
