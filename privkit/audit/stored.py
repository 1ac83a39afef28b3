"""Reading an audit back from its run: the form that it must have, and what must hold within it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from privkit.audit.findings import EXIT_CODES
from privkit.audit.risks import RISK_NAMES, WORST_FIRST, Verdict
from privkit.audit.trials_file import TRIALS, StoredTrials
from privkit.errors import InputError
from privkit.evaluation.rates import rate_of
from privkit.json_files import read_json

__all__ = ["AUDIT", "audit_schema", "contradictions", "read_audit", "unlike_trials"]

#: The audit in a run's folder.
AUDIT = "audit.json"
#: Sums of the same numbers differ by less than this.
_ROUNDING = 1e-6


def audit_schema() -> dict[str, Any]:
    """The JSON schema of :meth:`privkit.audit.findings.Audit.to_dict`."""
    text = files("privkit.audit").joinpath("audit.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def read_audit(folder: Path) -> dict[str, Any]:
    """Read the audit of a run, as plain JSON types.

    Args:
        folder: of the run.

    Raises:
        InputError: there is no such file, or it does not fit the schema.
    """
    return read_json(folder / AUDIT, audit_schema(), what="the audit")


def contradictions(audit: Mapping[str, Any]) -> list[str]:
    """What in an audit cannot be true together, a sentence each.

    A verdict is not judged anew: for that the audit has to be run again. But no audit of privkit
    says 'no leak found' beside a failed control, an interval that reaches over the limit, or less
    power than its policy asks for.

    Args:
        audit: as :func:`read_audit` gives it.
    """
    out = []
    names = [finding["risk"] for finding in audit["risks"]]
    if names != [name for name in RISK_NAMES if name in names]:
        out.append(f"{AUDIT}: a risk is there twice, or the risks are not in order")
    if audit["exit_code"] != EXIT_CODES[audit["verdict"]]:
        out.append(
            f"{AUDIT}: the exit code is {audit['exit_code']}, and that of "
            f"'{audit['verdict']}' is {EXIT_CODES[audit['verdict']]}"
        )
    verdict = _headline(audit)
    if audit["verdict"] != verdict:
        out.append(
            f"{AUDIT}: the verdict is '{audit['verdict']}', and that of its risks is '{verdict}'"
        )
    for finding in audit["risks"]:
        out += [f"{AUDIT}: {finding['risk']}: {what}" for what in _within(finding, audit["policy"])]
    return out


def unlike_trials(audit: Mapping[str, Any], stored: StoredTrials) -> list[str]:
    """Rates of an audit that its trials do not give, a sentence each.

    Args:
        audit: as :func:`read_audit` gives it.
        stored: the trials of the same run.
    """
    out = []
    for finding in audit["risks"]:
        for rate in finding["rates"]:
            trials = stored.trials.get((finding["risk"], rate["attack"], rate["measure"]))
            name = f"{AUDIT}: {finding['risk']}: {rate['attack']}, {rate['measure']}"
            if trials is None:
                out.append(f"{name}: has no trials in {TRIALS}")
                continue
            try:
                again = rate_of(trials, confidence=rate["confidence"], family=rate["family"])
            except InputError as error:
                out.append(f"{name}: {error.what}")
                continue
            out += [
                f"{name}: {of} is {rate[of]:.6g}, and {TRIALS} gives {found:.6g}"
                for of, found in asdict(again).items()
                if isinstance(found, int | float)
                and (rate[of] is None or abs(rate[of] - found) > _ROUNDING)
            ]
    return out


def _headline(audit: Mapping[str, Any]) -> Verdict:
    """The verdict that follows from those of the risks."""
    found: dict[str, Verdict] = {f["risk"]: f["verdict"] for f in audit["risks"]}
    verdicts = [verdict for verdict in found.values() if verdict != "not run"]
    required = audit["policy"].get("required", [])
    if not verdicts or any(found.get(risk, "not run") == "not run" for risk in required):
        verdicts.append("inconclusive")
    return min(verdicts, key=WORST_FIRST.index)


def _within(finding: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    rates, limit = finding["rates"], finding["limit"]
    out = []
    if rates and finding["strongest"] != rates[0]:
        out.append("the strongest attack is not the first of its attacks")
    if policy.get("limits", {}).get(finding["risk"], limit) != limit:
        out.append("the limit is not the policy's")
    if finding["verdict"] == "no leak found":
        checks = {
            "no attack was run": bool(rates),
            "an interval reaches over the limit": all(
                rate["residual_high"] is not None and rate["residual_high"] < limit
                for rate in rates
            ),
            "a control failed": all(control["passed"] for control in finding["controls"]),
            "an attack that it rests on was not run": not any(
                left["weakens"] for left in finding["not_run"]
            ),
            "the power is below the policy's": finding["power"] >= policy.get("power", 0.0),
        }
        failed = [why for why, fine in checks.items() if not fine]
        out += [f"'no leak found' is said although {why}" for why in failed]
    return out
