"""The audit as JUnit XML, for continuous integration: a suite 'privkit audit', a case a risk.

What systems make of it decides the form. A failed case and an erroneous one make a build red, a
skipped one does not. So

- 'leaks' is a **failure**: the test ran, and the store did not pass it;
- 'attack invalid' and 'inconclusive' are **errors**: the test itself could not tell, and a build
  that stays green on it would read as 'no leak';
- 'not run' is an **error** for a risk that the policy requires and **skipped** for others;
- 'no leak found' passes, with its power in the case's output.

Hence the suite is green exactly where the audit's exit code is 0. The form is that of the schema
of Jenkins' xUnit plugin (junit-10.xsd), which GitLab, Azure and GitHub's actions read as well. It
has no times: the same audit gives the same bytes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # only written, never read
from collections.abc import Iterator
from typing import Any

from privkit.audit.findings import Audit, RiskFinding
from privkit.audit.risks import RISKS
from privkit.evaluation.rates import Rate
from privkit.report.audit_words import headline_words, rate_words, sample_words, verdict_words
from privkit.report.visible import shortened, visible

__all__ = ["junit_xml"]

_LONGEST = 2000
_NUMBERS = ("value", "low", "high", "baseline", "control", "residual", "bound", "people", "trials")


def junit_xml(audit: Audit) -> str:
    """The audit as a JUnit file, UTF-8 with a declaration."""
    outcomes = [_outcome(finding, audit) for finding in audit.risks]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
    }
    suites = ET.Element("testsuites", {"name": "privkit", **counts})
    suite = ET.SubElement(
        suites,
        "testsuite",
        {"name": "privkit audit", **counts, "skipped": str(outcomes.count("skipped"))},
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(audit):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    for finding, outcome in zip(audit.risks, outcomes, strict=True):
        _add_case(suite, finding, outcome, audit)
    ET.indent(suites)
    body = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _outcome(finding: RiskFinding, audit: Audit) -> str:
    """The element that says how a case ended; ``""`` for one that passed."""
    if finding.verdict == "not run":
        return "error" if finding.risk in audit.policy.get("required", ()) else "skipped"
    return {
        "leaks": "failure",
        "attack invalid": "error",
        "inconclusive": "error",
        "no leak found": "",
    }[finding.verdict]


def _add_case(suite: ET.Element, finding: RiskFinding, outcome: str, audit: Audit) -> None:
    case = ET.SubElement(
        suite, "testcase", name=RISKS[finding.risk].title, classname="privkit.audit"
    )
    words = _text(finding.sentence)
    if outcome:
        element = ET.SubElement(case, outcome, type=finding.verdict, message=words)
        element.text = words
    lines = [verdict_words(finding), finding.sentence, _sample(finding, audit)]
    lines += [f"{rate.name}: {rate_words(rate)}" for rate in finding.rates]
    lines += [f"not run: {n.attack}: {n.why}; supply: {n.supply}" for n in finding.not_run]
    ET.SubElement(case, "system-out").text = "\n".join(_text(line) for line in lines if line)


def _sample(finding: RiskFinding, audit: Audit) -> str:
    return sample_words(finding, audit.policy.get("large_leak"))


def _properties(audit: Audit) -> Iterator[tuple[str, str]]:
    """Name and value of every number that a dashboard may want."""
    yield "verdict", headline_words(audit)
    yield "headline", audit.headline
    yield "store", audit.store
    yield "command", audit.command
    yield "exit_code", str(audit.exit_code)
    for data in audit.data:
        yield f"input.{_text(data.role)}.sha256", data.sha256
    for finding in audit.risks:
        yield f"{finding.risk}.verdict", finding.verdict
        yield f"{finding.risk}.limit", _number(finding.limit)
        for name in ("power", "detectable", "people_needed"):
            value = getattr(finding, name)
            if value is not None:
                yield f"{finding.risk}.{name}", _number(value)
        if finding.strongest is not None:
            yield from _of_rate(finding.risk, finding.strongest)


def _of_rate(risk: str, rate: Rate) -> Iterator[tuple[str, str]]:
    yield f"{risk}.strongest", rate.name
    for name in _NUMBERS:
        yield f"{risk}.{name}", _number(getattr(rate, name))


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _text(text: str) -> str:
    """Text that XML can hold: what it forbids is spelt out."""
    return shortened(visible(text), _LONGEST)
