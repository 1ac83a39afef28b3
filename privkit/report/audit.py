"""The page of an audit: two minutes for a privacy officer, and everything for an engineer.

One self-contained file, from ``templates/audit.html.j2``: no script, no request, all escaped. A
verdict is told by word, colour and shape, and the colour of 'no leak found' is not the green of
'safe', which no audit can say.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privkit.audit.evidence import Evidence
from privkit.audit.findings import Audit, RiskFinding
from privkit.audit.percent import percent
from privkit.audit.risks import RISKS, Risk, Verdict
from privkit.report.audit_figures import allowed_rate, draw_curves, draw_evidence, draw_rates
from privkit.report.audit_words import (
    controls_table,
    groups_table,
    headline_words,
    rate_words,
    rates_table,
    sample_words,
    verdict_words,
)
from privkit.report.html import Picture, text_columns, write_page
from privkit.report.visible import shortened, visible
from privkit.result import Table

__all__ = ["MEANINGS", "draw_audit", "not_run_table", "policy_toml", "write_audit_page"]

#: Every verdict in words, the worst first.
MEANINGS: Mapping[Verdict, str] = {
    "leaks": "An attack succeeds more often than the policy allows, and that is not chance: the "
    "lower bound, corrected for all attacks tried, lies above the limit.",
    "attack invalid": "A check of the attacks themselves failed: neither their success nor their "
    "failure means anything.",
    "inconclusive": "The sample is too small, or an attack is missing, to tell a leak from none.",
    "no leak found": "None of the attacks tried exceeds the limit, the checks passed, and the "
    "sample is large enough: a large leak that one of these attacks reads would have been found "
    "with the stated power. What none of them reads may leak all the same.",
    "not run": "What was supplied does not allow any attack on this risk.",
}


@dataclass(frozen=True)
class _Section:
    """A risk with what is shown of it."""

    finding: RiskFinding
    risk: Risk
    verdict: str
    sample: str
    pictures: Sequence[Picture]
    tables: Sequence[tuple[Any, bool]]

    @property
    def rate(self) -> str:
        return rate_words(self.finding.strongest) if self.finding.strongest else ""

    @property
    def guess(self) -> str:
        return percent(self.finding.strongest.baseline) if self.finding.strongest else ""

    @property
    def allowed(self) -> float:
        """The success that the policy allows to the strongest attack."""
        strongest = self.finding.strongest
        return allowed_rate(strongest, self.finding.limit) if strongest else 0.0

    @property
    def bar_words(self) -> str:
        """What the bar shows, in words."""
        strongest = self.finding.strongest
        name = shortened(visible(strongest.name)) if strongest else ""
        return (
            f"Strongest attack, {name}: {self.rate}. Best guess without the store: {self.guess}. "
            f"The policy allows {percent(self.allowed)}."
        )


def draw_audit(folder: Path, audit: Audit, evidence: Evidence | None) -> dict[str, list[Picture]]:
    """Draw all figures of an audit into its run folder.

    Args:
        folder: the run folder.
        audit: what was found.
        evidence: pictures to show; ``None`` where the store is not of pictures.

    Returns:
        By risk, the figures in reading order.
    """
    pictures: dict[str, list[Picture]] = {}
    for finding in audit.risks:
        own = pictures.setdefault(finding.risk, [])
        if finding.rates:
            own.append(draw_rates(folder, finding, audit.notices))
        if finding.risk == "reconstruction" and evidence is not None:
            own.append(draw_evidence(folder, evidence, audit.notices))
        if finding.curves:
            own.append(draw_curves(folder, finding, audit.notices))
    return pictures


def write_audit_page(
    path: Path, audit: Audit, pictures: Mapping[str, Sequence[Picture]] | None = None
) -> None:
    """Write the page.

    Args:
        path: the HTML file.
        audit: what was found.
        pictures: of :func:`draw_audit`.
    """
    drawn = pictures or {}
    left = not_run_table(audit)
    write_page(
        path,
        "audit.html.j2",
        audit=audit,
        verdict=headline_words(audit),
        sections=[_section(f, drawn.get(f.risk, ()), audit.policy) for f in audit.risks],
        meanings=list(MEANINGS.items()),
        not_run=_shown(left) if left.rows else None,
        inputs=_shown(_inputs(audit)),
        verify=_verify_command(audit),
        policy=policy_toml(audit.policy).splitlines(),
        versions=_shown(Table("Versions", ("of", "version"), sorted(audit.versions.items()))),
        sha256=hashlib.sha256(audit.to_json().encode()).hexdigest(),
    )


def not_run_table(audit: Audit) -> Table:
    """What could not be run, why, and what to supply."""
    rows = [
        (
            f"{finding.title}: {left.attack}",
            left.why,
            left.supply,
            "may be said without it"
            if finding.rates and not left.weakens
            else "cannot be said without it",
        )
        for finding in audit.risks
        for left in finding.not_run
    ]
    columns = ("not run", "why", "what to supply", "'no leak found'")
    return Table("What was not run, and what to supply", columns, rows)


def policy_toml(policy: Mapping[str, Any]) -> str:
    """The policy as TOML, so that it can be kept as a file and given again."""
    plain = {key: value for key, value in policy.items() if not isinstance(value, Mapping)}
    parts = ["\n".join(f"{_key(key)} = {_value(value)}" for key, value in plain.items())]
    for key, table in policy.items():
        if isinstance(table, Mapping):
            lines = [f"{_key(name)} = {_value(value)}" for name, value in table.items()]
            parts.append("\n".join([f"[{_key(key)}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _section(
    finding: RiskFinding, pictures: Sequence[Picture], policy: Mapping[str, Any]
) -> _Section:
    tables: list[tuple[Any, bool]] = []
    if finding.rates:
        title = f"All attacks in numbers ({len(finding.rates)})"
        tables.append((_shown(rates_table(finding.rates, title, finding.limit)), False))
    if finding.controls:
        failed = sum(not control.passed for control in finding.controls)
        said = f"{failed} of {len(finding.controls)} FAILED" if failed else "all passed"
        title = f"Controls, whether the attacks and their scoring work: {said}"
        tables.append((_shown(controls_table(finding.controls, title)), bool(failed)))
    if finding.groups:
        tables.append((_shown(groups_table(finding)), True))
    tables += [(_shown(table), False) for table in finding.tables]
    return _Section(
        finding,
        RISKS[finding.risk],
        verdict_words(finding),
        sample_words(finding, policy.get("large_leak")),
        pictures,
        tables,
    )


def _shown(table: Table) -> tuple[Table, list[bool]]:
    """A table, and which of its columns hold words."""
    return table, text_columns(table)


def _inputs(audit: Audit) -> Table:
    rows = [(d.role, d.name, f"{d.rows:,}", d.sha256) for d in audit.data]
    return Table("Inputs", ("role", "name", "rows", "sha256"), rows)


def _verify_command(audit: Audit) -> str:
    """How this run and its inputs are checked."""
    given = [f"--input {shlex.quote(f'{d.role}={shortened(d.name)}')}" for d in audit.data]
    return " ".join(["privkit verify RUN", *given])


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _value(key)


def _value(value: Any) -> str:
    """A TOML value: of numbers, texts and lists of them it is written as in JSON."""
    return json.dumps(value, ensure_ascii=False)
