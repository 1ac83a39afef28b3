"""``Part``: what one analysis adds to the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privkit.result import Measure, Table

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """Findings, warnings, numbers and tables of one analysis.

    Attributes:
        findings: what was found, in sentences, the most important first.
        warnings: what limits the findings, in sentences.
        measures: the numbers.
        tables: the numbers arranged for reading, one plain sentence beside each.
    """

    findings: Sequence[str] = ()
    warnings: Sequence[str] = ()
    measures: Sequence[Measure] = ()
    tables: Sequence[Table] = ()
