"""The words and numbers of an audit that page, card and JUnit file share."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.audit.findings import Audit, Control, RiskFinding
from privkit.audit.percent import percent
from privkit.evaluation.rates import POWER, Rate
from privkit.result import Table

__all__ = [
    "controls_table",
    "groups_table",
    "headline_words",
    "power_words",
    "rate_words",
    "rates_table",
    "sample_words",
    "verdict_words",
]


#: A greater probability is said to be greater than this.
_SURE = 0.99


def power_words(power: float) -> str:
    """A probability in percent; one that is almost 1 is not rounded to certainty."""
    return f"over {_SURE:.0%}" if power > _SURE else percent(power)


def rate_words(rate: Rate) -> str:
    """E.g. ``"72% (64 to 79%)"``."""
    return _with_ends(rate.value, rate.low, rate.high)


def _with_ends(value: float, low: float, high: float) -> str:
    return f"{percent(value)} ({percent(low).rstrip('%')} to {percent(high)})"


def verdict_words(finding: RiskFinding) -> str:
    """The verdict of a risk; 'no leak found' is never said without its power."""
    if finding.verdict == "no leak found":
        return f"no leak found, power {power_words(finding.power or 0.0)}"
    return finding.verdict


def headline_words(audit: Audit) -> str:
    """The verdict of the whole audit, with the least power of its risks where no leak is found."""
    if audit.verdict != "no leak found":
        return audit.verdict
    powers = [f.power or 0.0 for f in audit.risks if f.verdict == "no leak found"]
    least = min(powers, default=0.0)
    return f"no leak found, power {power_words(least)}" + ("" if least > _SURE else " or more")


def sample_words(finding: RiskFinding, large_leak: float | None) -> str:
    """What this sample could have shown; ``""`` where nothing was run."""
    if not finding.rates:
        return ""
    if finding.detectable is None:
        said = "This sample cannot show any leak, however large."
    else:
        said = (
            f"Smallest leak that this sample shows with a probability of {POWER:.0%}, by an attack "
            f"that reads it: {percent(finding.detectable)} residual risk."
        )
    if finding.power is not None and large_leak is not None:
        said += (
            f" Power: a leak of {percent(large_leak)} is shown with a probability of "
            f"{power_words(finding.power)}."
        )
    if finding.verdict == "inconclusive" and finding.people_needed is not None:
        people = max(rate.people for rate in finding.rates)
        said += (
            f" About {finding.people_needed:,} people would decide it; there are {people:,} here."
        )
    return said


def rates_table(rates: Sequence[Rate], title: str, limit: float) -> Table:
    """All attacks of a risk with their numbers."""
    columns = (
        "attack",
        "measure",
        "success",
        "guess",
        "control",
        "residual risk",
        "corrected bound",
        "over control",
        "people",
        "trials",
    )
    rows = [
        (
            rate.attack,
            rate.measure,
            rate_words(rate),
            percent(rate.baseline),
            percent(rate.control),
            _with_ends(rate.residual, rate.residual_low, rate.residual_high),
            percent(rate.bound),
            percent(rate.over_control),
            f"{rate.people:,}",
            f"{rate.trials:,}",
        )
        for rate in rates
    ]
    first = rates[0]
    note = (
        f"Guess: the best guess without the stored feature. Control: the same attack given another "
        f"person's feature. Residual risk: (success - guess) / (1 - guess); the policy allows "
        f"{percent(limit)}. Corrected bound: lower bound of it that holds for all "
        f"{first.family} attacks and measures of the audit together; above the limit it is a leak. "
        f"In brackets: intervals, {first.confidence:.0%} over people."
    )
    return Table(title, columns, rows, note)


def controls_table(controls: Sequence[Control], title: str) -> Table:
    """The checks of the attacks."""
    return Table(
        title,
        ("control", "outcome", "what has to be found", "what was found"),
        [
            (
                control.name,
                "passed" if control.passed else "FAILED",
                control.expected,
                f"{control.found.name}: {rate_words(control.found)}, "
                f"guess {percent(control.found.baseline)}",
            )
            for control in controls
        ],
    )


def groups_table(finding: RiskFinding) -> Table:
    """The strongest attack on some of the people."""
    return Table(
        "The strongest attack by group of people",
        ("people", "success", "guess", "residual risk", "number of people", "trials"),
        [
            (
                group.name,
                rate_words(group.rate),
                percent(group.rate.baseline),
                percent(group.rate.residual),
                f"{group.rate.people:,}",
                f"{group.rate.trials:,}",
            )
            for group in finding.groups
        ],
    )
