"""The whole audit of a store of features, from top to bottom.

::

    material ──► tasks: attacks on the store, and the same attacks on three controls
                   │  into the budget, kept as they finish
                   ▼
               trials of each risk ──► rates over people ──► a verdict a risk ──► the headline
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.controls import check, titled
from privkit.audit.evidence import Evidence
from privkit.audit.findings import (
    Audit,
    Control,
    Group,
    NotRun,
    RiskFinding,
    Unchecked,
    worst,
)
from privkit.audit.material import Material
from privkit.audit.plan import Plan, plan
from privkit.audit.policy import Policy
from privkit.audit.pooling import pooled
from privkit.audit.rebuilding import ORIGINAL
from privkit.audit.risks import RISK_NAMES, RISKS, RiskName, Verdict
from privkit.audit.sharing import code_sharing
from privkit.audit.tasks import Missed, Task, Tick, Tried, run_tasks
from privkit.audit.verdicts import judge
from privkit.evaluation.rates import rate_of
from privkit.evaluation.trials import Trials
from privkit.result import DataUsed, versions

__all__ = ["Audited", "run_audit"]


@dataclass(frozen=True, eq=False)
class Audited:
    """An audit with what it was made of.

    Attributes:
        audit: the findings.
        trials: by risk, every attack's trials.
        evidence: reconstructions to look at, where there are any.
    """

    audit: Audit
    trials: Mapping[RiskName, Sequence[Trials]]
    evidence: Evidence | None


def run_audit(
    material: Material,
    policy: Policy,
    *,
    command: str,
    store: str,
    data: Sequence[DataUsed],
    warnings: Sequence[str] = (),
    cache: Path | None,
    tick: Tick = lambda _step, _done, _total: None,
) -> Audited:
    """Audit a store.

    Args:
        material: what is given.
        policy: what is allowed.
        command: for the record.
        store: what is audited, in words.
        data: the inputs.
        warnings: what was noticed when they were opened.
        cache: folder in which finished attacks are kept, so that a killed audit goes on.
        tick: told of progress.
    """
    planned = plan(material, policy)
    done, missed = run_tasks(
        planned.tasks,
        key={"data": [(d.role, d.sha256) for d in data], "policy": _deciding(policy),
             "material": material.digest(), "versions": versions()},
        folder=cache,
        budget=60 * policy.budget_minutes,
        tick=tick,
    )  # fmt: skip
    attacks = {t.name: done[t.name] for t in planned.tasks if not t.control and t.name in done}
    trials = {risk: pooled([tried.trials.get(risk, ()) for tried in attacks.values()])
              for risk in RISK_NAMES}  # fmt: skip
    family = max(1, sum(len(several) for several in trials.values()))
    sharing = code_sharing(material, policy)
    findings = [
        _with_words(
            judge(
                risk,
                trials[risk],
                policy,
                controls=_controls(risk, planned.tasks, done),
                not_run=[*sharing.not_run(risk), *_not_run(risk, planned, attacks, missed)],
                family=family,
                demand=sharing.demand if risk == "singling_out" else "",
                unchecked=_unchecked(risk, planned.tasks, done, missed),
            ),
            list(attacks.values()),
            sharing.notes if risk == "singling_out" else (),
        )
        for risk in RISK_NAMES
    ]
    findings = [replace(f, groups=_groups(f, trials[f.risk], material)) for f in findings]
    verdict, headline = _headline(findings, policy)
    audit = Audit(
        command=command,
        store=store,
        data=data,
        policy=policy.to_dict(),
        headline=headline,
        verdict=verdict,
        risks=findings,
        premises=_premises(material, policy, family),
        warnings=[*warnings, *planned.warnings],
    )
    return Audited(audit, trials, _evidence(attacks.values(), material))


def _evidence(attacks: Iterable[Tried], material: Material) -> Evidence | None:
    """The reconstructions to look at, those of the first seed."""
    made: dict[str, NDArray[np.float32]] = {}
    recognised: dict[str, NDArray[np.bool_]] = {}
    for tried in attacks:
        for name, pictures in tried.pictures.items():
            if name not in made:
                made[name], recognised[name] = pictures, tried.recognised[name]
    if ORIGINAL not in made or material.pictures is None:
        return None
    originals = made.pop(ORIGINAL)
    recognised.pop(ORIGINAL)
    return Evidence(originals, made, recognised, material.pictures.shape)


def _deciding(policy: Policy) -> dict[str, Any]:
    """What of a policy decides the outcome of an attack: limits and budget do not."""
    return {"targets": policy.targets}


def _controls(risk: RiskName, tasks: Sequence[Task], done: Mapping[str, Tried]) -> list[Control]:
    """Each control task judged by itself: what works for one attribute hides nothing of another."""
    own = [task for task in tasks if task.control and risk in task.risks and task.name in done]
    return [
        check(task.control, done[task.name].trials[risk], of=task.of)
        for task in own
        if done[task.name].trials.get(risk)
    ]


def _unchecked(
    risk: RiskName, tasks: Sequence[Task], done: Mapping[str, Tried], missed: Sequence[Missed]
) -> list[Unchecked]:
    """Controls that brought nothing, of attacks that did, and why."""
    attacked = {
        task.of
        for task in tasks
        if not task.control and task.name in done and done[task.name].trials.get(risk)
    }
    why = {m.task.name: m.why for m in missed}
    out = []
    for task in tasks:
        if not task.control or risk not in task.risks or (task.of and task.of not in attacked):
            continue
        tried = done.get(task.name, Tried())
        if not tried.trials.get(risk):
            said = "; ".join(tried.notes.get(risk, ())) or "it brought nothing"
            out.append(Unchecked(titled(task.control, task.of), why.get(task.name, said), task.of))
    return out


def _not_run(
    risk: RiskName, planned: Plan, attacks: Mapping[str, Tried], missed: Sequence[Missed]
) -> list[NotRun]:
    """What the material did not allow, what was missing in the end, and what brought nothing."""
    found = [lack for tried in attacks.values() for lack in tried.lacks.get(risk, ())]
    failed = [
        NotRun(m.task.name, m.why, m.supply, weakens=True)
        for m in missed
        if risk in m.task.risks and not m.task.control
    ]
    return list(dict.fromkeys([*planned.lacks.get(risk, ()), *found, *failed]))


def _groups(finding: RiskFinding, trials: Sequence[Trials], material: Material) -> list[Group]:
    """Members of the training set and others apart, where it is known who is which."""
    strongest = finding.strongest
    if material.member is None or finding.risk == "membership" or strongest is None:
        return []
    own_trials = next(t for t in trials if t.name == strongest.name)
    people, code = np.unique(material.owners, return_inverse=True)
    share = np.bincount(code, material.member) / np.bincount(code)
    groups = []
    for name, own in (
        ("people with records in the training set", people[share > 0]),
        ("people not in the training set", people[share == 0]),
    ):
        rows = np.isin(own_trials.person, own)
        if rows.any():
            rate = rate_of(own_trials.take(rows), confidence=strongest.confidence)
            groups.append(Group(name, rate))
    return groups


def _with_words(finding: RiskFinding, tried: Sequence[Tried], more: Sequence[str]) -> RiskFinding:
    """The finding with the notes, tables and curves of the attacks."""
    risk = finding.risk
    notes = [*more, *(note for t in tried for note in t.notes.get(risk, ()))]
    return replace(
        finding,
        notes=list(dict.fromkeys(notes)),
        tables=[table for t in tried for table in t.tables.get(risk, ())],
        curves=[curve for t in tried for curve in t.curves.get(risk, ())],
    )


def _headline(findings: Sequence[RiskFinding], policy: Policy) -> tuple[Verdict, str]:
    """The worst verdict; without a required risk it is at best inconclusive."""
    by_name = {f.risk: f for f in findings}
    missing = [r for r in policy.required if by_name[r].verdict == "not run"]
    ran = [f for f in findings if f.verdict != "not run"]
    verdict = worst([f.verdict for f in ran] + (["inconclusive"] if missing else []))
    own = [RISKS[f.risk].title.lower() for f in ran if f.verdict == verdict]
    unseen = [f.title.lower() for f in findings if f.verdict == "not run"]
    not_examined = f" Not examined: {', '.join(unseen)}." if unseen else ""
    if verdict == "leaks":
        said = f"Not de-identified: it leaks ({', '.join(own)})."
    elif verdict == "attack invalid":
        said = f"No verdict: the controls of the attacks failed ({', '.join(own)})."
    elif verdict == "no leak found":
        said = f"No leak found in {len(own)} of {len(findings)} risks ({', '.join(own)})."
    else:
        titles = own or [RISKS[r].title.lower() for r in missing]
        said = f"Inconclusive: {', '.join(titles)} cannot be decided with what was given."
    return ("inconclusive" if verdict == "not run" else verdict), said + not_examined


def _premises(material: Material, policy: Policy, family: int) -> list[str]:
    """What the audit takes for granted."""
    said = [
        "A failed attack proves nothing about a stronger one: 'no leak found' speaks of the "
        "attacks that were run, with the power that is said, and of people like these.",
        f"Intervals cover {policy.confidence:.0%} and count people, not records, as independent; "
        f"the bound that a 'leaks' rests on is corrected for all {family} attacks and measures.",
        "The adversary holds the store"
        + (", the encoder" if material.encoder is not None else "")
        + (", records of other people" if material.public is not None else "")
        + " and, for linking, one more observation of a person.",
    ]
    if material.public is None:
        said.append(
            "Without --public, what an attack learns it learns from other people of the same store."
        )
    if material.person is None:
        said.append("Each record is taken for a person of its own, since nobody said whose it is.")
    if material.member is None:
        said.append(
            "It is not known whether the people were in the network's training set; if they were, "
            "others may leak less (give --members)."
        )
    return said
