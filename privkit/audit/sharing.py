"""How many people share a stored code: what is reported beside every audit of codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        share = (np.bincount(code) / len(material)) ** 2
        expected = 1 + (policy.population - 1) * float(share.sum())
        notes.append(
            f"Of a population of {policy.population:,} people, about {expected:,.1f} are expected "
            "to share the value of one drawn at random, if this sample shows how values are spread."
        )
    demand = undecided = ""
    if policy.k > 1 and material.person is None:
        undecided = "k counts people, and it is not known whose the records are"
    elif policy.k > 1 and material.sampled_from is not None:
        undecided = "k of some of the records says nothing of k in the whole store"
    elif k < policy.k:
        demand = f"k = {k} {unit} share the rarest stored value, the policy asks for {policy.k}"
    return Sharing(demand, tuple(notes), undecided)
