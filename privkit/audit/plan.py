"""Which attacks an audit runs, in which order, and what it cannot run for want of material.

Cheap attacks that most stores fail come first, so that a small budget is spent where a leak is
likely; the controls of a risk stand directly behind its attacks, because without them the attacks
are worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from privkit.audit.controls import (
    constant,
    identity,
    identity_of_people,
    reduced,
    reduced_by_class,
    shuffled_people,
    shuffled_secrets,
)
from privkit.audit.far_out import within_reach
from privkit.audit.findings import NotRun
from privkit.audit.inferring import (
    classes_of,
    inference_lacks,
    inference_tasks,
    membership_lacks,
    membership_tasks,
    secrets_of,
    try_inference,
    unattacked,
)
from privkit.audit.linking import is_searched, linking_lacks, linking_tasks, try_linking
from privkit.audit.material import Material
from privkit.audit.policy import Policy
from privkit.audit.rebuilding import (
    rebuilding_controls,
    rebuilding_lacks,
    rebuilding_tasks,
)
from privkit.audit.risks import RiskName
from privkit.audit.tasks import Task, Tried

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be run, and what cannot be.

    Attributes:
        tasks: in order.
        lacks: by risk, what could not be run and what to supply.
        warnings: what was noticed of the store.
    """

    tasks: Sequence[Task]
    lacks: Mapping[RiskName, Sequence[NotRun]]
    warnings: Sequence[str] = ()


_Learned = tuple[RiskName, NotRun | None, Callable[[Material, int], list[Task]]]


def plan(material: Material, policy: Policy) -> Plan:
    """Plan the attacks that the material allows."""
    tasks: list[Task] = []
    lacks: dict[RiskName, Sequence[NotRun]] = {}
    first = policy.seeds[0]
    compared, warnings = within_reach(material)

    linking = linking_lacks(material)
    if linking is None:
        for seed in policy.seeds:
            tasks += linking_tasks(compared, seed, policy.targets)
        search = is_searched(material, policy.targets)
        small = reduced(compared, first)
        tasks += _linking_controls(small, first, policy.targets, search=search)
    else:
        lacks["singling_out"] = lacks["linkability"] = [linking]

    learned: Sequence[_Learned] = (
        ("inference", inference_lacks(material), inference_tasks),
        (
            "membership",
            membership_lacks(material),
            partial(membership_tasks, stored=material),
        ),
    )
    for risk, lack, make in learned:
        if lack is None:
            for seed in policy.seeds:
                tasks += make(compared, seed)
            tasks += _inference_controls(compared, risk, first)
            lacks[risk] = unattacked(material, risk)
        else:
            lacks[risk] = [lack]

    rebuilding = rebuilding_lacks(material)
    if rebuilding is None:
        for seed in policy.seeds:
            made, left = rebuilding_tasks(material, seed)
            tasks += made
            lacks["reconstruction"] = [*lacks.get("reconstruction", ()), *left]
        tasks += rebuilding_controls(reduced(material, first), first)
    else:
        lacks["reconstruction"] = [rebuilding]
    for risk in {risk for task in tasks for risk in task.risks}:
        lacks[risk] = [*lacks.get(risk, ()), *material.unexamined]
    return Plan(tasks, lacks, warnings)


def _linking_controls(small: Material, seed: int, targets: int, *, search: bool) -> list[Task]:
    variants: dict[str, Callable[[], Material]] = {
        "identity encoder": lambda: identity_of_people(small, seed),
        "constant encoder": lambda: constant(small),
        "shuffled labels": lambda: shuffled_people(small, seed),
    }
    seconds = linking_tasks(small, seed, targets)[0].seconds

    def run(make: Callable[[], Material]) -> Tried:
        return try_linking(make(), seed, targets, details=False, search=search)

    return [
        Task(
            f"linkage, {name}, seed {seed}",
            ("singling_out", "linkability"),
            seconds,
            partial(run, make),
            name,
        )
        for name, make in variants.items()
    ]


def _inference_controls(material: Material, risk: RiskName, seed: int) -> list[Task]:
    @cache
    def small(name: str) -> Material:
        return reduced_by_class(material, classes_of(material, risk, name), seed)

    def run(name: str, make: Callable[[str], Material]) -> Tried:
        return try_inference(make(name), risk, name, seed, bounds=False)

    def planted(name: str) -> Material:
        return identity(small(name), classes_of(small(name), risk, name), seed)

    variants: dict[str, Callable[[str], Material]] = {
        "identity encoder": planted,
        "constant encoder": lambda name: constant(small(name)),
        "shuffled labels": lambda name: shuffled_secrets(small(name), seed),
    }
    return [
        Task(
            f"{risk}: {name}, {control}, seed {seed}",
            (risk,),
            15.0,
            partial(run, name, make),
            control,
            name,
        )
        for name in secrets_of(material, risk)
        for control, make in variants.items()
    ]
