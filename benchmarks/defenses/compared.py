"""What the comparisons of defenses share: from trials to a result, and the result's files."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privkit.errors import PrivkitError
from privkit.evaluation.intervals import CONFIDENCE, Interval
from privkit.evaluation.rates import Rate, rate_of
from privkit.evaluation.trials import Trials
from privkit.models.defenses import Defense, FewBits, RandomizedResponse
from privkit.report.markdown import keep_result, result_markdown
from privkit.report.tradeoff import Point, draw_tradeoff, least_leaks, pareto_front, points_of
from privkit.result import Measure, Result, Table

__all__ = [
    "Setting",
    "command_line",
    "deliver",
    "findings_of",
    "label_of",
    "pooled",
    "strongest",
    "tables_of",
]

#: Shares of the undefended usefulness at which the defenses are compared.
_SHARES = (0.95, 0.8, 0.5)


@dataclass(frozen=True)
class Setting:
    """One setting of one defense on one task: what it is good for, and what is taken from it.

    Attributes:
        task: what it is useful for.
        defense: the curve that it belongs to.
        name: of the setting.
        bits: stored a record, on paper.
        useful: share of right answers.
        leaks: by what is given away, the trials of every attack.
    """

    task: str
    defense: str
    name: str
    bits: int
    useful: Interval
    leaks: dict[str, list[Trials]]

    def measures(self) -> list[Measure]:
        """Its usefulness, and the strongest attack on each leak with the rate it comes from."""
        where = {
            "task": self.task,
            "defense": self.defense,
            "setting": self.name,
            "bits": str(self.bits),
        }
        out = [
            Measure(
                "usefulness",
                self.useful.value,
                "share",
                "higher is useful",
                n=self.useful.n,
                successes=self.useful.successes,
                low=self.useful.low,
                high=self.useful.high,
                confidence=CONFIDENCE,
                method=self.useful.method,
                where=where,
            )
        ]
        for leak, trials in self.leaks.items():
            rate = strongest(trials)
            at = {**where, "leak": leak, "attack": rate.attack, "measure": rate.measure}
            method = (
                f"the strongest of {rate.family} attacks; Wilson over {rate.people} people or "
                f"videos at {rate.confidence:.2%}, so that it holds for all of them together"
            )
            for name, value, low, high in (
                ("leakage", rate.residual, rate.residual_low, rate.residual_high),
                ("attack rate", rate.value, rate.low, rate.high),
            ):
                out.append(
                    Measure(
                        name,
                        value,
                        "residual risk" if name == "leakage" else "share",
                        "lower protects",
                        n=rate.trials,
                        low=low,
                        high=high,
                        confidence=CONFIDENCE,
                        method=method,
                        where=at,
                    )
                )
            for name, value in (("baseline", rate.baseline), ("control", rate.control)):
                out.append(Measure(name, value, "share", "neither", n=rate.trials, where=at))
        return out


def label_of(defense: Defense) -> str:
    """The name of a setting beside those of other defenses, where "16 bits" would not tell."""
    if isinstance(defense, FewBits):
        return f"FeatComp {defense.name}"
    if isinstance(defense, RandomizedResponse):
        of_code, of_bit = defense.epsilon_of_code, defense.epsilon
        return f"flipped {defense.bits} bits, ε {of_code:g} ({of_bit:g} a bit)"
    return defense.name


def strongest(trials: Sequence[Trials]) -> Rate:
    """The attack of the highest residual risk, with an interval that allows for the choice.

    All attacks get intervals that hold together (Bonferroni): the ends of the best one's then hold
    for the best one, whichever it is in truth.
    """
    confidence = 1 - (1 - CONFIDENCE) / len(trials)
    rates = [rate_of(one, confidence=confidence, family=len(trials)) for one in trials]
    return max(rates, key=lambda rate: rate.residual)


def pooled(of_seeds: Sequence[Sequence[Trials]]) -> list[Trials]:
    """The trials of each attack over all seeds; a person keeps one number in all of them."""
    by_name: dict[str, list[Trials]] = {}
    for trials in of_seeds:
        for one in trials:
            by_name.setdefault(one.name, []).append(one)
    return [
        Trials(
            parts[0].attack,
            parts[0].measure,
            *(
                np.concatenate([getattr(part, field) for part in parts])
                for field in ("person", "hit", "baseline", "control", "weight")
            ),
        )
        for parts in by_name.values()
        if len(parts) == len(of_seeds)
    ]


def findings_of(result: Result) -> list[str]:
    """Who is on the Pareto fronts, each front, and the best at equal usefulness, in sentences.

    Where not even the undefended store is shown to leak, the comparison says nothing of defenses.
    """
    panels = _panels(result)
    silent = [panel for panel, points in panels.items() if points[0].leaked[1] <= 0]
    told = {panel: points for panel, points in panels.items() if panel not in silent}
    fronts = {panel: pareto_front(points) for panel, points in told.items()}
    times = Counter(defense for front in fronts.values() for defense in {p.defense for p in front})
    never = sorted({p.defense for points in told.values() for p in points} - set(times))
    never = ["the undefended store" if name == "none" else name for name in never]
    order = sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))
    found = ", ".join(f"{defense} {n}" for defense, n in order)
    out = []
    if told:
        out.append(
            "On the Pareto front of usefulness and leakage, in how many of "
            f"{len(told)} comparisons: {found}; never: {', '.join(never) or '–'}."
        )
    for (task, leak), points in told.items():
        named = ", ".join(
            f"{p.setting} ({100 * p.useful[0]:.0f}% right, leaks {_percent(p.leaked)})"
            for p in fronts[task, leak]
        )
        out.append(f"{task}, {leak}. On the Pareto front, the most useful first: {named}.")
        share, first = _SHARES[0], points[0]
        least = least_leaks(points, share * first.useful[0])
        good = sorted((p for p in least.values() if p), key=lambda p: (p.risk, -p.useful[0]))
        out.append(
            f"{task}, {leak}: of {len(least)} defenses {len(good)} have a setting that keeps "
            f"{share:.0%} of the undefended usefulness; {good[0].setting} leaks least, "
            f"{_percent(good[0].leaked)} against {_percent(first.leaked)} undefended."
        )
    out += [
        f"{task}, {leak}: not even the undefended store is shown to leak it, "
        f"{_percent(panels[task, leak][0].leaked)}: these people are too few, or the attack too "
        "weak, to tell defenses apart by it."
        for task, leak in silent
    ]
    return out


def tables_of(result: Result) -> list[Table]:
    """At equal usefulness, a table for each leak; and every setting with every number."""
    tables = []
    panels = _panels(result)
    for (task, leak), points in panels.items():
        best = points[0].useful[0]  # undefended, the first curve
        columns = [f"keeps {share:.0%}" for share in _SHARES]
        found = [least_leaks(points, share * best) for share in _SHARES]
        rows = [
            [defense, *(_cell(by_defense[defense]) for by_defense in found)] for defense in found[0]
        ]
        tables.append(
            Table(
                f"At equal usefulness: {task}, {leak}",
                ["defense", *columns],
                rows,
                note="The setting of each defense that leaks least among those that keep so much "
                f"of the undefended {100 * best:.0f}%, and what it leaks beyond guessing, % "
                "(95% interval). A dash: none keeps so much.",
            )
        )
    for task in dict.fromkeys(task for task, _ in panels):
        leaks = [leak for of, leak in panels if of == task]
        settings = {p.setting: p for p in panels[task, leaks[0]]}
        rows = []
        for name, p in settings.items():
            row = [p.defense, name, f"{p.bits:,}", _percent(p.useful)]
            for leak in leaks:
                own = next(q for q in panels[task, leak] if q.setting == name)
                row.append(f"{_percent(own.leaked)} {own.attack}")
            rows.append(row)
        tables.append(
            Table(
                f"Every setting: {task}",
                ["defense", "setting", "bits", "right, %", *leaks],
                rows,
                note="Leaks: residual risk of the strongest attack, (rate - baseline) / (1 - "
                "baseline), in %, with its 95% interval and the attack's name.",
            )
        )
    return tables


def _panels(result: Result) -> dict[tuple[str, str], list[Point]]:
    panels: dict[tuple[str, str], list[Point]] = {}
    for point in points_of(result):
        panels.setdefault((point.task, point.leak), []).append(point)
    return panels


def _cell(point: Point | None) -> str:
    return "–" if point is None else f"{point.setting}: {_percent(point.leaked)}"


def _percent(ends: tuple[float, float, float]) -> str:
    value, low, high = (round(100 * end) for end in ends)
    return f"{value}% ({low} to {high})"


def command_line(script: str, options: argparse.Namespace, outputs: set[str]) -> str:
    """The command with all its settings, in words that hold on any machine."""
    words = ["python", f"benchmarks/defenses/{script}.py"]
    for name, value in vars(options).items():
        if name not in outputs and value not in (None, [], False):
            words.append(f"--{name.replace('_', '-')}")
            values = value if isinstance(value, list) else [value]
            words += [Path(one).name if "/" in str(one) else str(one) for one in values]
    return shlex.join(words)


def deliver(
    script: str,
    title: str,
    out: Path,
    study: Callable[[], Result],
    *,
    columns: int | None = None,
) -> int:
    """Run a study and write ``result.json``, its Markdown and ``tradeoff.png``.

    Returns:
        0, or 2 where the data or an option are not usable.
    """
    try:
        result = study()
    except PrivkitError as error:
        sys.stderr.write(f"{script}: error: {error}\n")
        return 2
    out.mkdir(parents=True, exist_ok=True)
    picture = draw_tradeoff(out, result, columns=columns)
    shown = [f"![{picture.alt}](tradeoff.png)", picture.caption]
    text = result_markdown(title, result, shown=shown)
    keep_result(out, script, result, text)
    sys.stdout.write(text)
    return 0
