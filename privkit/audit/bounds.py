"""What no adversary can beat, set beside what the attacks reached, so that the gap is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.material import Material
from privkit.capacity.leakage import Estimate, Leakage, leakage_of, leakage_of_people
from privkit.errors import InputError
from privkit.evaluation.trials import Trials
from privkit.result import Table

__all__ = ["bounds_table", "identity_table"]

_COLUMNS: Sequence[str] = ["quantity", "value (from low to high)", "how"]
_GAP = (
    "Between the strongest attack's error and the least possible one lies what a better attack "
    "could still win."
)


def bounds_table(
    material: Material, name: str, values: NDArray[Any], trials: Sequence[Trials], seed: int
) -> Table | None:
    """The leakage of one secret in bits, and the least error of any adversary.

    Args:
        material: the store.
        name: of the secret.
        values: ``(n,)``.
        trials: what the attacks on it did.
        seed: of all draws.

    Returns:
        ``None`` where the secret has too few values to estimate anything.
    """
    try:
        leak = leakage_of(material.features, material.owners, values, bits=material.bits, seed=seed)
    except InputError:
        return None
    plain = [t for t in trials if t.measure.startswith("accuracy")]
    best = max(plain, key=lambda t: t.mean())
    rows = _rows(leak, best, best.attack, permuted="labels permuted among people", value="value")
    note = _GAP
    if not leak.counted:
        note += " Codes hardly repeat between people: the values rest on models, which may miss."
    return Table(f"What leaks of {name}, and what no adversary can beat",
                 _COLUMNS, rows, note=note)  # fmt: skip


def identity_table(material: Material, trials: Sequence[Trials], seed: int) -> Table:
    """The same of who it is, among people of the store who are all known.

    Args:
        material: the store, with people.
        trials: what linking did.
        seed: of all draws.
    """
    title = "What leaks of who it is, and what no adversary can beat"
    try:
        leak = leakage_of_people(material.features, material.owners, bits=material.bits, seed=seed)
    except InputError as error:
        why = f"needs {error.rule}; there are {error.found}"
        return Table(title, _COLUMNS, [["mutual information", "not estimated", why]])
    best = max((t for t in trials if t.measure == "rank-1"), key=lambda t: t.mean())
    rows = _rows(
        leak, best, f"{best.attack}, rank-1", permuted="people permuted among records",
        value="person",
    )  # fmt: skip
    note = f"{' '.join(leak.notes)} {_GAP}"
    if len(np.unique(material.owners)) > leak.people:
        note += (
            " The attack is asked about all people; among more, more bits may leak, and on average "
            "no adversary errs less."
        )
    if not leak.counted:
        note += (
            " People seldom have a stored value twice, so that counting cannot tell a leak from "
            "chance: the values rest on models, which may miss."
        )
    return Table(title, _COLUMNS, rows, note=note)


def _rows(
    leak: Leakage, best: Trials, attack: str, *, permuted: str, value: str
) -> list[list[str]]:
    """The figures of one secret beside the error of the strongest attack on it."""
    rows = [
        ["entropy of the secret", f"{leak.entropy:.2f} bits", "as counted"],
        ["mutual information", _bits(leak.mutual_information), leak.mutual_information.method],
        ["nothing leaks: p value", f"{leak.p_value:.3g}", permuted],
        ["min-entropy leakage", _bits(leak.min_entropy), leak.min_entropy.method],
        ["error of a guess without the feature", f"{1 - leak.prior:.1%}", f"most frequent {value}"],
        ["error of the strongest attack here", f"{1 - best.mean():.1%}", attack],
        ["error of the best adversary (Bayes)", _share(leak.bayes_error), leak.bayes_error.method],
    ]
    if leak.nearest_error is not None:
        method = leak.nearest_error.method
        rows.append(["… by nearest neighbours", _share(leak.nearest_error), method])
    rows.append(
        ["least error of any, from the information (Fano)", f"{leak.fano_error:.1%}", "Fano"]
    )
    if leak.bits is not None:
        rows.append(
            [f"least error of any, from {leak.bits} bits", f"{leak.capacity_error:.1%}",
             "capacity of the code"]
        )  # fmt: skip
    return rows


def _bits(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} bits ({estimate.low:.2f} to {estimate.high:.2f})"


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
