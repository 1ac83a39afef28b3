"""The risks arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.parts import Part
from privkit.anonymity.risks import Risks
from privkit.anonymity.sampled_class import ESTIMATOR
from privkit.anonymity.words import number, share
from privkit.result import Measure, Table

__all__ = ["risks_part"]

_FILE = "file taken for the population"
_METHODS = {
    "records": "1 / class size, as in ARX",
    "people": "1 / k of a person, the smallest class in people among their records",
}


def risks_part(found: Risks, noun: ClassNoun = CODE) -> Part:
    """Arrange the risks.

    Args:
        found: the risks.
        noun: what a class is.
    """
    p = found.prosecutor
    finding = (
        f"Prosecutor risk (the adversary knows that the person is in the file): at most "
        f"{share(p.highest)}, {share(p.success_rate)} on average; {share(p.at_risk)} of the "
        f"{found.of} lie above {share(found.threshold)}."
    )
    if found.population is None:
        note = (
            "No population was given, so the file is taken for it, as ARX does: journalist and "
            "marketer risks are then as large as they can be."
        )
    else:
        note = (
            f"Journalist and marketer risks are estimates for a population of "
            f"{number(found.population)} of which the file is a random sample, by the "
            "negative-binomial model of Benedetti and Franconi (1998), as in mu-Argus and "
            "sdcMicro; ARX computes the figures of these names from a table of the population, "
            "which is not here. No estimate excludes the prosecutor's risk."
        )
    return Part([finding], [note], _measures(found), [_table(found, noun)])


def _measures(found: Risks) -> list[Measure]:
    if found.population is None:
        searched, how = _FILE, "the file taken for the population, as in ARX without a table of it"
    else:
        searched, how = ESTIMATOR, "expected 1 / class size in the population given the sample"
    rows = []
    for name, risk, estimator, method in (
        ("prosecutor", found.prosecutor, "exact", _METHODS[found.of]),
        ("journalist", found.journalist, searched, how),
    ):
        where = {"adversary": name, "over": found.of, "estimator": estimator}
        limit = {**where, "threshold": f"{found.threshold:g}"}
        possible = "at most so much is possible: 1 / smallest class, exact"
        rows += [
            _risk(found, "highest risk", risk.highest, possible, {**where, "estimator": "exact"}),
            _risk(found, f"{found.of} at risk", risk.at_risk, method, limit),
            _risk(found, "success rate", risk.success_rate, method, where),
        ]
    marketer = {"adversary": "marketer", "over": found.of, "estimator": searched}
    rows.append(_risk(found, "success rate", found.marketer, how, marketer))
    if found.population is not None:
        where = {"adversary": "journalist", "over": found.of, "estimator": searched}
        rows.append(_risk(found, "risk of the most exposed", found.expected_highest, how, where))
    return rows


def _risk(found: Risks, name: str, value: float, how: str, where: dict[str, str]) -> Measure:
    if found.population is not None:
        where = {**where, "population": str(found.population)}
    return Measure(name, value, "share", "lower protects", n=found.n, method=how, where=where)


def _table(found: Risks, noun: ClassNoun) -> Table:
    one, limit = ("record" if found.of == "records" else "person"), share(found.threshold)
    p, j = found.prosecutor, found.journalist
    rows = [
        [
            "prosecutor, highest",
            share(p.highest),
            f"The most exposed {one} is named rightly with this probability.",
        ],
        [
            f"prosecutor, above {limit}",
            share(p.at_risk),
            f"So many of the {found.of} are named rightly with a probability above the threshold.",
        ],
        [
            "prosecutor, success rate",
            share(p.success_rate),
            f"A random {one} is named rightly with this probability.",
        ],
    ]
    if found.population is None:
        rows += [[f"journalist, {row[0].partition(', ')[2]}", *row[1:]] for row in rows]
    else:
        highest = f"up to {share(j.highest)}"
        if found.uniques_possible:
            highest += " (a unique cannot be excluded)"
        rows += [
            [
                "journalist, highest",
                highest,
                "More is not possible; less is shown by no sample, since a whole class may have "
                "been sampled.",
            ],
            [
                "journalist, most exposed",
                share(found.expected_highest),
                f"The most exposed {one} is expected to be named rightly with this probability.",
            ],
            [
                f"journalist, above {limit}",
                share(j.at_risk),
                f"For so many of the {found.of} the expected probability lies above the threshold.",
            ],
            [
                "journalist, success rate",
                share(j.success_rate),
                f"A random {one} is expected to be named rightly with this probability.",
            ],
        ]
    rows.append(
        [
            "marketer, success rate",
            share(found.marketer),
            f"Whoever names everybody is right for so many of the {found.of}.",
        ]
    )
    over = " Each person counts once, with their most exposed record." if one == "person" else ""
    return Table(
        "Re-identification risks",
        ["risk", "value", "what it means"],
        rows,
        note=(
            "Prosecutor: knows that the person is in the file. Journalist: searches the "
            "population. Marketer: wants as many as possible. All know the "
            f"{noun.one} exactly.{over}"
        ),
    )
