"""What an attack did, trial by trial, beside what ignores the feature: the raw material of a rate.

Every measure of the audit is a weighted mean of trials in [0, 1]: rank-1 of a linked record,
whether an attribute was inferred, whether a reconstruction is recognised. What stands beside each
is the naive baseline on the very same trial, and the control: the same attack given a feature that
cannot help it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["Trials"]


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of one attack by one measure.

    Attributes:
        attack: its name, e.g. ``"linkage_mean"``.
        measure: what a hit is, e.g. ``"rank-1"``, ``"balanced accuracy of sex"``.
        person: ``(n,)``, whose record each trial attacks; trials of one person go together.
        hit: ``(n,)`` in [0, 1]. Ties count by their expectation: first of three equals is 1/3.
        baseline: ``(n,)`` in [0, 1], what the best guess that ignores the feature gets.
        control: ``(n,)`` in [0, 1], what the same attack gets from another person's feature.
        weight: ``(n,)`` above 0, of each trial in the mean; by default all equal.
        folds: K where a person's trials rest on models that learned from the people of the other
            K - 1 folds, as in attribute inference, which widens intervals; 1 elsewhere. Matchers
            that learn to compare *other* pairs of people count as 1: their intervals keep their
            nominal rate without (``reports/audit_calibration``).

    Raises:
        InputError: no trials, different lengths, values out of range, or no folds.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("person", "hit", "baseline", "control", "weight")
    """The names of those that hold something of each trial."""

    attack: str
    measure: str
    person: NDArray[np.int64]
    hit: NDArray[np.float64]
    baseline: NDArray[np.float64]
    control: NDArray[np.float64]
    weight: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    folds: int = 1

    def __post_init__(self) -> None:
        n = len(self.person)
        if not len(self.weight):
            object.__setattr__(self, "weight", np.ones(n))
        for name in self.ARRAYS[1:]:
            values = np.asarray(getattr(self, name), dtype=np.float64)
            top = np.inf if name == "weight" else 1.0 + 1e-9
            bad = values.shape != (n,) or not n or not ((values >= 0) & (values <= top)).all()
            if bad or (name == "weight" and not (np.isfinite(values) & (values > 0)).all()):
                raise InputError(
                    f"the trials of {self.attack} have a wrong {name}",
                    where=self.measure,
                    rule="one number a trial, in [0, 1]; weights finite and above 0",
                    found=f"shape {values.shape} of {n} trials",
                )
            object.__setattr__(self, name, values)
        if not isinstance(self.folds, int) or self.folds < 1:
            raise InputError(
                f"the trials of {self.attack} have no folds",
                where=self.measure,
                rule="a whole number, at least 1",
                found=self.folds,
            )

    def __len__(self) -> int:
        return len(self.person)

    @property
    def name(self) -> str:
        """Attack and measure, e.g. ``"linkage_mean, rank-1"``."""
        return f"{self.attack}, {self.measure}"

    def mean(self, of: str = "hit") -> float:
        """The weighted mean of ``"hit"``, ``"baseline"`` or ``"control"``."""
        return float(np.average(getattr(self, of), weights=self.weight))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Trials:
        """Some of these trials."""
        parts = {name: getattr(self, name)[rows] for name in self.ARRAYS}
        return replace(self, **parts)
