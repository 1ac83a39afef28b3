"""A comparison of two audits as a result: findings, measures, tables, and the gate."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.audit.compare import SIGNIFICANT, Change, Comparison, Run
from privkit.audit.paired_people import EXACT_UP_TO, RESAMPLINGS
from privkit.audit.risks import RISKS
from privkit.evaluation.intervals import Interval
from privkit.result import DataUsed, Gate, Measure, Result, Table

__all__ = ["comparison_result"]

#: A guess that differs by more makes the raw rates of two audits incomparable.
_SAME_GUESS = 0.005


def comparison_result(found: Comparison, *, command: str, seed: int, fail_if_worse: bool) -> Result:
    """What changed, the most important first: other rules and inputs, then verdicts, then rates.

    Args:
        found: the comparison.
        command: for the record.
        seed: of the random flips.
        fail_if_worse: whether a worse verdict or a shown rise fails the gate.
    """
    return Result(
        command=command,
        configuration={
            "first": found.first.name,
            "second": found.second.name,
            "fail_if_worse": fail_if_worse,
            "level": SIGNIFICANT,
            "flips": f"all for up to {EXACT_UP_TO} people with a difference, else {RESAMPLINGS:,}",
        },
        seed=seed,
        data=[_data(found.first, "first run"), _data(found.second, "second run")],
        findings=[*_alike(found), *_verdicts(found), *_rates(found)],
        warnings=list(_warnings(found)),
        measures=[_measure(change) for change in found.changes],
        tables=[*_setting_tables(found), _verdict_table(found), _change_table(found)],
        gates=_gates(found) if fail_if_worse else [],
    )


def _alike(found: Comparison) -> list[str]:
    """Whether the two can be compared at all."""
    said = []
    if found.policy:
        names = ", ".join(name for name, _, _ in found.policy)
        said.append(f"The policies differ ({names}): a verdict may have changed by that alone.")
    if found.inputs:
        roles = ", ".join(role for role, _, _ in found.inputs)
        said.append(f"The inputs differ: {roles}.")
    before = f"Before: {found.first.name}; after: {found.second.name}."
    return [*(said or ["Policy and inputs are the same in both."]), before]


def _verdicts(found: Comparison) -> list[str]:
    changed = [
        f"{RISKS[risk].title}: {found.first.verdict(risk)} before, {found.second.verdict(risk)} "
        f"now{' (worse)' if risk in found.worse else ''}."
        for risk in RISKS
        if found.first.verdict(risk) != found.second.verdict(risk)
    ]
    return changed or ["The verdict of every risk is the same."]


def _rates(found: Comparison) -> list[str]:
    tested = [change for change in found.changes if change.paired is not None]
    shown = [change for change in tested if change.significant]
    said = [
        f"{_name(change)}: the success {'rose' if change.rose else 'fell'} by "
        f"{_points(change.paired.difference)} on {change.paired.people} people of both "
        f"(p = {_p(change.p)} after Holm)."
        for change in shown
        if change.paired is not None
    ]
    if tested and not shown:
        said.append(
            f"No attack of the {len(tested)} tested is shown to succeed more or less often; what "
            "changes the intervals still allow is in the table."
        )
    if not tested:
        said.append(
            "No paired test can be run: no attack was run on the same people in both. The "
            "intervals of the two are compared as those of different people."
            if found.changes
            else "No attack was run in both, so no rates can be compared."
        )
    return said


def _warnings(found: Comparison) -> Sequence[str]:
    said = []
    for run in (found.first, found.second):
        if run.differences:
            said.append(
                f"{run.name} is not as it was written ({len(run.differences)} differences, first: "
                f"{run.differences[0]}); privkit verify lists them."
            )
    if any(change.alone for change in found.changes):
        most = max(change.alone for change in found.changes)
        said.append(
            f"Up to {most:,} people are in one of the audits only and left out of the tests. "
            "People are matched by their labels."
        )
    moved = [
        c for c in found.changes if abs(c.first["baseline"] - c.second["baseline"]) > _SAME_GUESS
    ]
    if moved:
        said.append(
            f"Of {len(moved)} attacks the guess without the store differs between the audits "
            f"(first: {_name(moved[0])}); compare their residual risk, not their success."
        )
    for keys, which in ((found.only_first, "first"), (found.only_second, "second")):
        if keys:
            names = ", ".join(f"{attack}, {measure}" for _, attack, measure in keys[:3])
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            said.append(f"Only the {which} audit ran {names}{more}.")
    return said


def _setting_tables(found: Comparison) -> list[Table]:
    columns = ("what", "before", "after")
    tables = [
        Table("Policies that differ", columns, found.policy),
        Table("Inputs that differ", columns, found.inputs),
    ]
    return [table for table in tables if table.rows]


def _verdict_table(found: Comparison) -> Table:
    rows = []
    for risk in RISKS:
        before, after = found.first.verdict(risk), found.second.verdict(risk)
        change = "same" if before == after else "worse" if risk in found.worse else "changed"
        rows.append(
            (
                RISKS[risk].title,
                _with_power(found.first, risk),
                _with_power(found.second, risk),
                change,
            )
        )
    return Table("Verdicts", ("risk", "before", "after", "change"), rows)


def _with_power(run: Run, risk: str) -> str:
    """The verdict; 'no leak found' with its power."""
    finding = next((f for f in run.audit["risks"] if f["risk"] == risk), None)
    if finding is None or finding["verdict"] != "no leak found":
        return str(finding["verdict"]) if finding is not None else "not run"
    power = finding["power"]
    return f"no leak found, power {'over 99%' if power > 0.99 else f'{power:.0%}'}"


def _change_table(found: Comparison) -> Table:
    return Table(
        "Success of the attacks that both audits ran",
        (
            "attack",
            "before",
            "after",
            "residual risk",
            "change (points)",
            "people in both",
            "p after Holm",
            "shown",
        ),
        [_row(change) for change in found.changes],
        "Change: mean over the people of both, each person counting the same, with its 95% "
        "interval over people; where nobody is in both, the difference of the two rates, with an "
        f"interval as of different people. Shown: p below {SIGNIFICANT} in a sign-flip test over "
        "people, corrected for all attacks. People are matched by their labels; where none were "
        "given, by the place of their record.",
    )


def _row(change: Change) -> tuple[str, ...]:
    first, second, paired = change.first, change.second, change.paired
    return (
        _name(change),
        f"{first['value']:.1%}",
        f"{second['value']:.1%}",
        " → ".join(
            "–" if r["residual"] is None else f"{r['residual']:.1%}" for r in (first, second)
        ),
        _points(_difference(change)),
        f"{paired.people:,}" if paired is not None else "0",
        "not paired" if change.p is None else _p(change.p),
        ("rose" if change.rose else "fell") if change.significant else "no",
    )


def _measure(change: Change) -> Measure:
    found = _difference(change)
    risk, attack, measure = change.key
    return Measure(
        "change of success",
        found.value,
        "share",
        "lower protects",
        n=found.n,
        low=found.low,
        high=found.high,
        confidence=0.95 if change.paired is not None else change.first["confidence"],
        method=found.method
        + (
            f"; sign-flip test over people, p = {change.p:.6g} after Holm"
            if change.p is not None
            else ""
        ),
        where={"risk": risk, "attack": attack, "measure": measure},
    )


def _gates(found: Comparison) -> list[Gate]:
    rose = [change for change in found.changes if change.rose]
    return [
        Gate(
            "no verdict got worse",
            "0 risks go from no leak found to cannot say, or from either to leaks",
            len(found.worse),
            not found.worse,
        ),
        Gate(
            "no attack succeeds more often",
            f"0 attacks with a rise at p < {SIGNIFICANT} after Holm",
            len(rose),
            not rose,
        ),
    ]


def _data(run: Run, role: str) -> DataUsed:
    rows = sum(len(trials) for trials in run.trials.trials.values())
    return DataUsed(run.name, role, run.sha256, rows, " ".join(run.audit["notices"]))


def _difference(change: Change) -> Interval:
    return change.paired.difference if change.paired is not None else change.unpaired


def _name(change: Change) -> str:
    risk, attack, measure = change.key
    return f"{RISKS[risk].title}: {attack}, {measure}"


def _points(found: Interval) -> str:
    value, low, high = (f"{100 * v:+.1f}" for v in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _p(p: float | None) -> str:
    return "–" if p is None else "below 0.001" if p < 0.001 else f"{p:.3f}"
