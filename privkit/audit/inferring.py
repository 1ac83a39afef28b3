"""Inference: can a sensitive attribute be told from the stored feature of an unseen person?

Membership of the network's training set is asked in the same way: an attribute of a record that
nobody was meant to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.attribute_inference import infer_trials
from privkit.audit.bounds import bounds_table
from privkit.audit.findings import NotRun
from privkit.audit.material import Material
from privkit.audit.risks import RiskName
from privkit.audit.shadowing import shadow_lacks, shadow_tasks
from privkit.audit.tasks import Task, Tried
from privkit.evaluation.attribute_values import attribute_of
from privkit.result import Table

__all__ = [
    "MEMBER",
    "classes_of",
    "inference_lacks",
    "inference_tasks",
    "membership_lacks",
    "membership_tasks",
    "secrets_of",
    "try_inference",
    "unattacked",
]

#: Of all models, fitted on the most records that they take, a number of a record.
_SECONDS_A_NUMBER = 0.02
MEMBER = "membership of the training set"


def inference_lacks(material: Material) -> NotRun | None:
    """What the material lacks for inference."""
    if not material.sensitive:
        return NotRun(
            "attribute inference",
            "no sensitive attribute is given",
            "a label of each record with --sensitive",
        )
    return None


def membership_lacks(material: Material) -> NotRun | None:
    """What the material lacks for membership inference."""
    if material.member is None:
        return NotRun(
            "membership inference",
            "it is not known which records the network was trained on",
            "true or false for each record with --members",
        )
    if material.member.all() or not material.member.any():
        return NotRun(
            "membership inference",
            "all records or none are of the training set",
            "records of both kinds",
        )
    return None


def secrets_of(material: Material, risk: RiskName) -> Mapping[str, NDArray[Any]]:
    """The labels that an adversary would like to know, for this risk."""
    if risk == "membership":
        return {} if material.member is None else {MEMBER: np.where(material.member, "yes", "no")}
    return material.sensitive


def classes_of(material: Material, risk: RiskName, name: str) -> NDArray[np.int64]:
    """The classes that an attribute is attacked as, ``(n,)``; -1 for what is left out."""
    values = secrets_of(material, risk)[name]
    return attribute_of(values, material.owners, name).labels(values)


def unattacked(material: Material, risk: RiskName) -> list[NotRun]:
    """Attributes that were named and cannot be attacked, and attacks that need more."""
    out = []
    for name, values in secrets_of(material, risk).items():
        attribute = attribute_of(values, material.owners, name)
        if len(attribute.names) < 2:
            why = "; ".join(attribute.notes) or "it has fewer than two values"
            supply = f"values of {name} that at least three people share, two of them"
            out.append(NotRun(f"inference of {name}", why, supply, weakens=True))
    return [*out, *(shadow_lacks(material) if risk == "membership" else ())]


def inference_tasks(material: Material, seed: int) -> list[Task]:
    """A task for each attribute."""
    return _tasks(material, "inference", seed)


def membership_tasks(material: Material, seed: int, *, stored: Material) -> list[Task]:
    """The tasks of telling members from others.

    Args:
        material: what is learned from.
        seed: of folds, models and shadow networks.
        stored: the same as it is stored, which is what a network gives.
    """
    return [*_tasks(material, "membership", seed), *shadow_tasks(stored, seed, MEMBER)]


def _tasks(material: Material, risk: RiskName, seed: int) -> list[Task]:
    seconds = 15.0 + _SECONDS_A_NUMBER * material.features.shape[1]
    return [
        Task(
            f"{risk}: {name}, seed {seed}",
            (risk,),
            seconds * (1 if material.public is None else 2),
            partial(try_inference, material, risk, name, seed),
            of=name,
        )
        for name in secrets_of(material, risk)
    ]


def try_inference(
    material: Material, risk: RiskName, name: str, seed: int, *, bounds: bool = True
) -> Tried:
    """Infer one attribute of every record from models that never saw its person.

    Args:
        material: with the attribute.
        risk: inference or membership.
        name: the attribute.
        seed: of folds and models.
        bounds: whether the bounds on any adversary are computed beside.
    """
    values = secrets_of(material, risk)[name]
    public = None
    if material.public is not None and name in material.public.sensitive:
        public = (material.public.features, material.public.sensitive[name])
    outcome = infer_trials(
        material.features, material.owners, values, name=name, seed=seed, public=public
    )
    tables: list[Table] = []
    if bounds and outcome.trials:
        table = bounds_table(material, name, values, outcome.trials, seed)
        tables += [] if table is None else [table]
    return Tried({risk: outcome.trials}, {risk: outcome.notes}, {risk: tables})
