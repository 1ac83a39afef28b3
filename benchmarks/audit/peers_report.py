"""The strongest of either side compared, person by person, and what is written of it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers_side import Side

from privkit.audit.paired_people import PairedPeople, paired_people
from privkit.audit.pooling import pooled
from privkit.data.faces import Faces
from privkit.evaluation.rates import Rate, rate_of
from privkit.evaluation.trials import Trials
from privkit.result import DataUsed, Gate, Measure, Result, Table

__all__ = ["Compared", "Key", "compared", "tabulated", "times_table"]

#: Part, level and measure.
Key = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Compared:
    """The strongest of either side on one setting.

    Attributes:
        ours: rate of privkit's strongest attack.
        peer: rate of the peers' strongest.
        change: ours minus the peer's, over people.
        seconds: by attack, of all seeds.
        rates: of every attack, the strongest first.
        own: names of privkit's attacks.
    """

    ours: Rate
    peer: Rate
    change: PairedPeople
    seconds: dict[str, float]
    rates: Sequence[Rate]
    own: frozenset[str]

    @property
    def verdict(self) -> str:
        """Which side is the stronger, as far as these people tell."""
        if self.change.difference.high < 0:
            return "weaker"
        return "stronger" if self.change.difference.low > 0 else "no difference shown"

    def total(self, *, ours: bool) -> float:
        """Seconds of all attacks of one side."""
        return sum(s for name, s in self.seconds.items() if (name in self.own) == ours)


def compared(sides: Sequence[Side]) -> Compared:
    """Pool the seeds, and compare the strongest of either side."""
    own = frozenset(side.trials.attack for side in sides if side.ours)
    trials = {t.attack: t for t in pooled([side.trials] for side in sides)}
    seconds = dict.fromkeys(trials, 0.0)
    for side in sides:
        seconds[side.trials.attack] += side.seconds
    rates = sorted((rate_of(t) for t in trials.values()), key=lambda r: -r.value)
    ours = next(rate for rate in rates if rate.attack in own)
    peer = next(rate for rate in rates if rate.attack not in own)
    change = paired_people(
        by_person(trials[peer.attack]), by_person(trials[ours.attack]), np.random.default_rng(0)
    )
    return Compared(ours, peer, change, seconds, rates, own)


def by_person(trials: Trials) -> NDArray[np.float64]:
    """Each person's part of the rate, so that the mean over people is the rate, weights and all."""
    _, code = np.unique(trials.person, return_inverse=True)
    parts = np.bincount(code, trials.weight * trials.hit)
    return parts * (len(parts) / trials.weight.sum())


def tabulated(
    all_compared: dict[Key, Compared], used: dict[str, Faces], options: argparse.Namespace
) -> Result:
    """The result: a row a setting, and every attack of either side."""
    rows = [
        [part, level, measure, c.ours.attack, cell(c.ours), c.peer.attack, cell(c.peer),
         difference(c), c.verdict]
        for (part, level, measure), c in all_compared.items()
    ]  # fmt: skip
    columns = ["comparison", "stored of a face", "measure", "privkit's strongest", "rate (95%)",
               "peers' strongest", "rate (95%)", "difference (95%)", "privkit is"]  # fmt: skip
    every = [
        [part, level, measure, rate.attack, "privkit" if rate.attack in c.own else "peer",
         cell(rate)]
        for (part, level, measure), c in all_compared.items() for rate in c.rates
    ]  # fmt: skip
    weaker = [key for key, c in all_compared.items() if c.verdict == "weaker"]
    measures = [
        Measure("difference to the strongest peer", c.change.difference.value, "share",
                "lower protects", c.change.people, None, c.change.difference.low,
                c.change.difference.high, 0.95, c.change.difference.method,
                where={"part": part, "level": level, "measure": measure,
                       "attack": c.ours.attack, "peer": c.peer.attack})
        for (part, level, measure), c in all_compared.items()
    ] + [
        Measure(rate.measure, rate.value, "share", "lower protects", rate.trials, None, rate.low,
                rate.high, rate.confidence,
                where={"part": part, "level": level, "attack": rate.attack})
        for (part, level, _), c in all_compared.items() for rate in c.rates
    ]  # fmt: skip
    command = f"python benchmarks/audit/peers.py --faces {Path(options.faces).name}"
    command += f" --people {options.people} --seeds {options.seeds} --steps {options.steps}"
    for option in ("part", "level"):
        command += "".join(f" --{option} '{value}'" for value in getattr(options, option) or ())
    return Result(
        command,
        {"seeds": options.seeds, "steps": options.steps, "people": options.people},
        0,
        [DataUsed(f.source, role, f.sha256, f.n, f.notice) for role, f in used.items()],
        findings(all_compared),
        measures,
        [
            Table("The strongest of either side", columns, rows),
            Table("Every attack", ["comparison", "stored of a face", "measure", "attack", "side",
                                   "rate (95%)"], every),
        ],
        gates=[Gate("weaker than a peer", "on no setting", len(weaker), not weaker)],
    )  # fmt: skip


def findings(all_compared: dict[Key, Compared]) -> list[str]:
    """What stands in the table, in sentences."""
    out = []
    for part in dict.fromkeys(part for part, _, _ in all_compared):
        own = {key: c for key, c in all_compared.items() if key[0] == part}
        count = {v: sum(c.verdict == v for c in own.values())
                 for v in ("stronger", "no difference shown", "weaker")}  # fmt: skip
        out.append(
            f"{part}: privkit's strongest attack is stronger than the strongest peer in "
            f"{count['stronger']} of {len(own)} comparisons, not told apart in "
            f"{count['no difference shown']}, weaker in {count['weaker']}."
        )
        out += [
            f"{', '.join(key)}: the point estimate is lower, {difference(c)} "
            f"({c.ours.attack} against {c.peer.attack}; {c.verdict})."
            for key, c in own.items() if c.change.difference.value < 0
        ]  # fmt: skip
    return out


def times_table(all_compared: dict[Key, Compared]) -> Table:
    """Seconds of either side; apart from the result, which is the same on every machine."""
    rows = [
        [part, level, measure, f"{c.seconds[c.ours.attack]:.1f}",
         f"{c.seconds[c.peer.attack]:.1f}", f"{c.total(ours=True):.1f}",
         f"{c.total(ours=False):.1f}"]
        for (part, level, measure), c in all_compared.items()
    ]  # fmt: skip
    return Table(
        "Seconds",
        ["comparison", "stored of a face", "measure", "privkit's strongest", "peers' strongest",
         "all of privkit's", "all peers"],
        rows,
        note=f"Wall clock of all seeds together, one thread, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the end; both measures of an attribute come from one run. "
        "privkit's attacks on records run their control too.",
    )  # fmt: skip


def cell(rate: Rate) -> str:
    """E.g. ``70% (61-78)``."""
    return f"{100 * rate.value:.0f}% ({100 * rate.low:.0f}-{100 * rate.high:.0f})"


def difference(one: Compared) -> str:
    """E.g. ``+12 points (+4 to +20)``."""
    of = one.change.difference
    return f"{100 * of.value:+.1f} points ({100 * of.low:+.1f} to {100 * of.high:+.1f})"
