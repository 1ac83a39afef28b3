"""How many people share a stored code: what is reported beside every audit of codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.audit.findings import NotRun
from privkit.audit.material import Material
from privkit.audit.policy import Policy
from privkit.audit.risks import RiskName
from privkit.evaluation.equal_rows import equal_rows

__all__ = ["Sharing", "code_sharing"]


@dataclass(frozen=True)
class Sharing:
    """How stored values are shared.

    Attributes:
        demand: what the policy asks for and the store does not give; ``""`` if nothing.
        notes: in sentences.
        undecided: why it cannot be told whether the demand is met; ``""`` if it can.
    """

    demand: str
    notes: tuple[str, ...]
    undecided: str = ""

    def not_run(self, risk: RiskName) -> list[NotRun]:
        """That the demand cannot be decided, where it cannot."""
        if risk != "singling_out" or not self.undecided:
            return []
        return [NotRun("k-anonymity", self.undecided, "the whole store, with --person", True)]


def code_sharing(material: Material, policy: Policy) -> Sharing:
    """Count the people of each stored value (k-anonymity, Sweeney 2002)."""
    features = material.features
    code = equal_rows(features)
    _, owner = np.unique(material.owners, return_inverse=True)
    pairs = np.unique(code * (owner.max() + 1) + owner)
    people = np.bincount(pairs // (owner.max() + 1))
    k, alone = int(people.min()), int((people[code] == 1).sum())
    unit = "people" if material.person is not None else "records"
    notes = [
        f"{len(people):,} different stored values; the rarest is shared by k = {k} {unit}; "
        f"{alone:,} of {len(material):,} records have a value that nobody else has. A value may be "
        "unique and say nothing of the person, as a random number does: what counts is whether "
        "another observation finds it. privkit kanon counts everything about this."
    ]
    if policy.population:
        notes.append(_in_population(policy.population, code, owner, people))
    demand = undecided = ""
    if policy.k > 1 and material.person is None:
        undecided = "k counts people, and it is not known whose the records are"
    elif policy.k > 1 and material.sampled_from is not None:
        undecided = "k of some of the records says nothing of k in the whole store"
    elif k < policy.k:
        demand = f"k = {k} {unit} share the rarest stored value, the policy asks for {policy.k}"
    return Sharing(demand, tuple(notes), undecided)


def _in_population(
    population: int, code: NDArray[np.int64], owner: NDArray[np.int64], people: NDArray[np.int64]
) -> str:
    """How many people of a population are expected to have one stored value.

    The value is that of one record, drawn at random, of one person, drawn at random: each person
    weighs the same, however many records or different values they have. The share of the *other*
    people of the sample who have it, on average over its records so weighted, is an unbiased
    estimate of the probability that one more person has it (a U-statistic of pairs of people,
    Hoeffding 1948). The sum of squared shares counts a person as sharing with themselves.

    Args:
        population: people.
        code: ``(n,)``, the number of each record's value.
        owner: ``(n,)``, whose it is, from 0.
        people: for each value, how many people have it.
    """
    records = np.bincount(owner)
    of = len(records)
    others = people[code] - 1
    sharing = len(np.unique(owner[others > 0]))
    if not sharing:
        return (
            f"No two of these {of:,} people share a stored value: of so few it cannot be told how "
            f"many of a population of {population:,} share one."
        )
    share = float((others / records[owner]).sum()) / (of * (of - 1))
    return (
        f"Of a population of {population:,} people, about {1 + (population - 1) * share:,.1f} are "
        "expected to have the value of a record drawn at random of a person drawn at random, if "
        f"these people are like all: {sharing:,} of {of:,} share a value with somebody here."
    )
