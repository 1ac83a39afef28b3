"""What no adversary can beat, set beside what the attacks reached, so that the gap is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from privkit.audit.material import Material
from privkit.capacity.leakage import Estimate, leakage_of
from privkit.errors import InputError
from privkit.evaluation.trials import Trials
from privkit.result import Table

__all__ = ["bounds_table"]


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
    rows = [
        ["entropy of the secret", f"{leak.entropy:.2f} bits", "as counted"],
        ["mutual information", _bits(leak.mutual_information), leak.mutual_information.method],
        ["nothing leaks: p value", f"{leak.p_value:.3g}", "labels permuted among people"],
        ["min-entropy leakage", _bits(leak.min_entropy), leak.min_entropy.method],
        ["error of a guess without the feature", f"{1 - leak.prior:.1%}", "most frequent value"],
        ["error of the strongest attack here", f"{1 - best.mean():.1%}", best.attack],
        ["error of the best adversary (Bayes)", _share(leak.bayes_error), leak.bayes_error.method],
        ["… by nearest neighbours", _share(leak.nearest_error), leak.nearest_error.method],
        ["least error of any, from the information (Fano)", f"{leak.fano_error:.1%}", "Fano"],
    ]
    if leak.bits is not None:
        rows.append(
            [f"least error of any, from {leak.bits} bits", f"{leak.capacity_error:.1%}",
             "capacity of the code"]
        )  # fmt: skip
    note = (
        "Between the strongest attack's error and the least possible one lies what a better attack "
        "could still win."
    )
    if not leak.counted:
        note += " Codes hardly repeat between people: the values rest on models, which may miss."
    return Table(f"What leaks of {name}, and what no adversary can beat",
                 ["quantity", "value (from low to high)", "how"], rows, note=note)  # fmt: skip


def _bits(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} bits ({estimate.low:.2f} to {estimate.high:.2f})"


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
