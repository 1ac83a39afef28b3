"""Everything that an audit leaves in its run folder.

::

    report.html      the page, self-contained
    audit.json       the findings (privkit/audit/audit.schema.json)
    junit.xml        for continuous integration
    card.md          the audit card
    trials.csv       every trial
    *.png            the figures
    times.json       wall-clock seconds; apart, since nothing else changes with the clock
    manifest.json    size and hash of each of these, and of every input; written last
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from privkit.audit.evidence import Evidence
from privkit.audit.findings import Audit
from privkit.audit.risks import RiskName
from privkit.audit.stored import AUDIT
from privkit.audit.trials_file import TRIALS, write_trials
from privkit.evaluation.trials import Trials
from privkit.manifest import write_manifest
from privkit.report.audit import draw_audit, write_audit_page
from privkit.report.card import card_markdown
from privkit.report.junit import junit_xml
from privkit.runs import write_times

__all__ = ["write_audit"]


def write_audit(
    folder: Path,
    audit: Audit,
    evidence: Evidence | None,
    trials: Mapping[RiskName, Sequence[Trials]],
    seconds: Mapping[str, float],
    *,
    people: Sequence[str] = (),
) -> None:
    """Write a whole audit into an unfinished run folder.

    Args:
        folder: exists and is empty.
        audit: what was found.
        evidence: pictures to show; ``None`` where the store is not of pictures.
        trials: by risk, what the rates were computed from.
        seconds: wall-clock time by step.
        people: labels of the people, ``people[trials.person]``; without them the numbers stand.
    """
    started = time.perf_counter()
    (folder / AUDIT).write_text(audit.to_json(), encoding="utf-8")
    write_trials(folder / TRIALS, trials, people)
    write_audit_page(folder / "report.html", audit, draw_audit(folder, audit, evidence))
    (folder / "junit.xml").write_text(junit_xml(audit), encoding="utf-8")
    (folder / "card.md").write_text(card_markdown(audit), encoding="utf-8")
    write_times(folder, {**seconds, "figures and report": time.perf_counter() - started})
    write_manifest(folder, command=audit.command, data=audit.data, versions=audit.versions)
