"""What an audit found: a verdict a risk, and everything that it rests on.

These are plain records, apart from the code that makes them; ``audit.json`` is their JSON form and
``privkit/audit/audit.schema.json`` describes it. Like every result of privkit they hold no clock
time and no path of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from privkit.audit.risks import RISKS, WORST_FIRST, RiskName, Verdict
from privkit.evaluation.rates import Rate
from privkit.result import DataUsed, Table, plain_json, versions

__all__ = [
    "EXIT_CODES",
    "SCHEMA",
    "Audit",
    "Control",
    "Curve",
    "Group",
    "NotRun",
    "RiskFinding",
    "Unchecked",
]

SCHEMA = "privkit-audit/1"

#: What ``privkit audit`` exits with: 0 within the policy, 1 not, 3 where the audit cannot say.
EXIT_CODES: Mapping[Verdict, int] = {
    "leaks": 1,
    "attack invalid": 3,
    "inconclusive": 3,
    "no leak found": 0,
    "not run": 3,
}


@dataclass(frozen=True)
class Control:
    """A check that the attacks work, run in every audit.

    Attributes:
        name: ``"identity encoder"``, ``"constant encoder"`` or ``"shuffled labels"``; with the
            attribute in brackets, where there are several.
        expected: what must be found, in words.
        found: the rate that was found.
        passed: whether it is what must be.
        of: the attribute, or ``""``: it is of all attacks on the risk.
    """

    name: str
    expected: str
    found: Rate
    passed: bool
    of: str = ""


@dataclass(frozen=True)
class Unchecked:
    """A control that brought nothing.

    Attributes:
        name: as of :class:`Control`.
        why: in words.
        of: as of :class:`Control`.
    """

    name: str
    why: str
    of: str = ""


@dataclass(frozen=True)
class NotRun:
    """An attack that could not be run.

    Attributes:
        attack: its name.
        why: what is missing.
        supply: what to supply so that it runs.
        weakens: whether 'no leak found' may not be said without it.
    """

    attack: str
    why: str
    supply: str
    weakens: bool = False


@dataclass(frozen=True)
class Group:
    """The strongest attack's rate on some of the people, e.g. members of the training set."""

    name: str
    rate: Rate


@dataclass(frozen=True)
class Curve:
    """A line to draw: for each x the value, of one attack.

    Attributes:
        kind: what is drawn, e.g. ``"rank"``: share of right people among the first k.
        label: of the line.
        x: positions, with their unit in ``x_label``.
        y: shares in [0, 1].
        chance: shares of a guess, at the same positions.
        x_label: axis label.
        y_label: axis label.
    """

    kind: str
    label: str
    x: Sequence[float]
    y: Sequence[float]
    chance: Sequence[float]
    x_label: str
    y_label: str


@dataclass(frozen=True)
class RiskFinding:
    """One risk: the verdict and what it rests on.

    Attributes:
        risk: which.
        verdict: see :data:`privkit.audit.risks.Verdict`.
        sentence: the verdict in one plain sentence.
        limit: residual risk that the policy allows.
        strongest: the attack with the highest bound; ``None`` where none was run.
        rates: all attacks, the strongest first.
        power: probability that this sample would have shown the policy's large leak by the attack
            that shows least; of a leak that is shown, by the attack that shows it.
        detectable: smallest residual risk that this sample shows so with a probability of 80%;
            ``None`` where it cannot show any.
        people_needed: how many people would decide an inconclusive matter; ``None`` where it is
            decided, or no number decides it.
        controls: the checks of the attacks.
        not_run: attacks that could not be run.
        groups: members of the training set and others, where that is known.
        notes: what else has to be known to read it.
        tables: further numbers.
        curves: what to draw.
    """

    risk: RiskName
    verdict: Verdict
    sentence: str
    limit: float
    strongest: Rate | None = None
    rates: Sequence[Rate] = ()
    power: float | None = None
    detectable: float | None = None
    people_needed: int | None = None
    controls: Sequence[Control] = ()
    not_run: Sequence[NotRun] = ()
    groups: Sequence[Group] = ()
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    curves: Sequence[Curve] = ()

    @property
    def title(self) -> str:
        """E.g. ``"Singling out"``."""
        return RISKS[self.risk].title


@dataclass(frozen=True)
class Audit:
    """What the audit of a store found.

    Attributes:
        command: the command without output options.
        store: what was audited, in words, e.g. ``"codes.npy: 400 codes of 16 bits, 40 people"``.
        data: all inputs, with hashes and row counts.
        policy: every limit and setting.
        headline: the worst verdict in one sentence.
        verdict: the worst verdict of the risks that were run, ``"inconclusive"`` where a required
            risk was not.
        risks: in the order of :data:`privkit.audit.risks.RISKS`.
        premises: what the audit takes for granted, in sentences.
        warnings: what limits it, in sentences.
        versions: of privkit and the libraries.
        schema: of the JSON form.
    """

    command: str
    store: str
    data: Sequence[DataUsed]
    policy: Mapping[str, Any]
    headline: str
    verdict: Verdict
    risks: Sequence[RiskFinding]
    premises: Sequence[str] = ()
    warnings: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    schema: str = SCHEMA

    @property
    def exit_code(self) -> int:
        """0 within the policy, 1 not, 3 where the audit cannot say."""
        return EXIT_CODES[self.verdict]

    @property
    def notices(self) -> list[str]:
        """Words that must stand wherever this audit is shown, without repetition."""
        return list(dict.fromkeys(d.notice for d in self.data if d.notice))

    def finding(self, risk: RiskName) -> RiskFinding:
        """The finding of one risk."""
        return next(f for f in self.risks if f.risk == risk)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types; ``nan`` and infinities become ``None``."""
        plain: dict[str, Any] = plain_json(
            {"notices": self.notices, "exit_code": self.exit_code, **asdict(self)}
        )
        return plain

    def to_json(self) -> str:
        """As indented JSON with sorted keys and a final newline."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of some verdicts, ``"not run"`` of none."""
    return min(verdicts, key=WORST_FIRST.index, default="not run")
