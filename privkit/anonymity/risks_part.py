"""The risks arranged for the result of ``privkit kanon``, and the words that others use."""

from __future__ import annotations

from dataclasses import dataclass

from privkit.anonymity.parts import Part
from privkit.anonymity.risks import Risk, Risks
from privkit.anonymity.words import number, share
from privkit.result import Measure, Table

__all__ = ["TERMS", "Term", "risks_part", "terms_table"]


@dataclass(frozen=True)
class Term:
    """What one figure is called elsewhere; an empty text where the tool has no such figure.

    Attributes:
        figure: the name in privkit.
        arx: the term of ARX.
        pycanon: the function of pycanon.
        dlp: the field of Google's Sensitive Data Protection (Cloud DLP), API version 2.
        meaning: what it means, and where the tools differ.
    """

    figure: str
    arx: str
    pycanon: str
    dlp: str
    meaning: str


TERMS = (
    Term(
        "k",
        "k-anonymity; 1 / highest prosecutor risk",
        "k_anonymity",
        "smallest equivalenceClassSizeLowerBound of kAnonymityResult",
        "The smallest class. pycanon leaves out records with a missing quasi-identifier.",
    ),
    Term(
        "k in people",
        "",
        "",
        "kAnonymityResult with kAnonymityConfig.entityId",
        "Rows of one person count once. Google takes all the tuples of a person together as one "
        "quasi-identifier; privkit takes the most exposed one.",
    ),
    Term(
        "class sizes",
        "equivalence classes; class size distribution",
        "sizes_ec",
        "equivalenceClassHistogramBuckets",
        "How many classes have each size.",
    ),
    Term(
        "unique records",
        "sample uniques",
        "",
        "bucket of equivalenceClassHistogramBuckets from 1 to 1",
        "Records that are alone in their class.",
    ),
    Term(
        "highest prosecutor risk",
        "highest prosecutor risk (getHighestRisk)",
        "max_rir",
        "",
        "1 / k, for an adversary who knows that the person is in the file.",
    ),
    Term(
        "records at risk",
        "records at risk (getRecordsAtRisk)",
        "",
        "",
        "Share of the records whose risk exceeds a threshold, strictly.",
    ),
    Term(
        "prosecutor success rate",
        "success rate; average prosecutor risk (getSuccessRate)",
        "",
        "",
        "Classes over records. pycanon's average_rir is another: the mean of 1 / size over the "
        "classes, not over the records.",
    ),
    Term(
        "journalist risk",
        "journalist risk",
        "",
        "kMapEstimationHistogram of kMapEstimationResult",
        "1 / size of the class in the population. Google's k-map gives the estimated size.",
    ),
    Term(
        "marketer risk",
        "marketer risk (getSuccessRate)",
        "",
        "",
        "Share of the records that are re-identified on average.",
    ),
    Term(
        "expected uniques in a population",
        "population uniques (Zayatz, Pitman, SNB, Dankar)",
        "",
        "",
        "Estimated from the sample.",
    ),
    Term(
        "l-diversity, distinct",
        "distinct l-diversity",
        "l_diversity",
        "smallest numDistinctSensitiveValues of lDiversityResult",
        "Different sensitive values in the least diverse class; Google's histogram is "
        "sensitiveValueFrequencyHistogramBuckets.",
    ),
    Term(
        "l-diversity, entropy",
        "Shannon-entropy l-diversity",
        "entropy_l_diversity",
        "",
        "exp of the smallest entropy; pycanon rounds it down.",
    ),
    Term(
        "l-diversity, recursive",
        "recursive-(c,l)-diversity",
        "recursive_c_l_diversity",
        "",
        "pycanon gives c for the distinct l, with the rarest value where the paper has the most "
        "frequent one.",
    ),
    Term(
        "t-closeness",
        "t-closeness with equal or ordered ground distance",
        "t_closeness",
        "",
        "Earth mover's distance of the farthest class from the whole.",
    ),
    Term(
        "not measured by privkit",
        "delta-presence",
        "",
        "deltaPresenceEstimationHistogram of deltaPresenceEstimationResult",
        "Probability that somebody of the population is in the file; needs the population.",
    ),
)


def terms_table() -> Table:
    """The words of other tools for the figures of privkit."""
    return Table(
        "The same figures elsewhere",
        ["privkit", "ARX", "pycanon", "Google Cloud DLP", "what it means"],
        [[t.figure, t.arx or "-", t.pycanon or "-", t.dlp or "-", t.meaning] for t in TERMS],
    )


def risks_part(found: Risks, *, of: str = "records") -> Part:
    """Arrange the risks.

    Args:
        found: the risks.
        of: what the class sizes count, ``"records"`` or ``"people"``.
    """
    p = found.prosecutor
    finding = (
        f"Prosecutor risk (the adversary knows that the person is in the file): at most "
        f"{share(p.highest)}, {share(p.success_rate)} on average; {share(p.at_risk)} of the {of} "
        f"lie above {share(found.threshold)}."
    )
    if found.population is None:
        note = (
            "No population was given, so the file is taken for it, as ARX does: journalist and "
            "marketer risks are then as large as they can be."
        )
    else:
        note = (
            f"The classes of the file are taken to have {number(found.population)} people in the "
            "population. Where these are scaled up from the file, the risks of small classes are "
            "too low; the prosecutor's are what they cannot exceed."
        )
    return Part([finding], [note], _measures(found, of), [_table(found, of)])


def _adversaries(found: Risks) -> tuple[tuple[str, Risk], ...]:
    return (("prosecutor", found.prosecutor), ("journalist", found.journalist))


def _measures(found: Risks, of: str) -> list[Measure]:
    rows = []
    for name, risk in _adversaries(found):
        where = {"adversary": name, "over": of}
        limit = {**where, "threshold": f"{found.threshold:g}"}
        rows += [
            _risk("highest risk", risk.highest, found.n, where),
            _risk("records at risk", risk.at_risk, found.n, limit),
            _risk("success rate", risk.success_rate, found.n, where),
        ]
    return [
        *rows,
        _risk("success rate", found.marketer, found.n, {"adversary": "marketer", "over": of}),
    ]


def _risk(name: str, value: float, n: int, where: dict[str, str]) -> Measure:
    return Measure(name, value, "share", "lower protects", n=n, method="as in ARX", where=where)


def _table(found: Risks, of: str) -> Table:
    one = "record" if of == "records" else "person"
    rows = []
    for name, risk in _adversaries(found):
        rows += [
            [
                f"{name}, highest",
                share(risk.highest),
                f"The most exposed {one} is named rightly with this probability.",
            ],
            [
                f"{name}, above {share(found.threshold)}",
                share(risk.at_risk),
                f"So many of the {of} are named rightly with a probability above the threshold.",
            ],
            [
                f"{name}, success rate",
                share(risk.success_rate),
                f"A random {one} is named rightly with this probability.",
            ],
        ]
    rows.append(
        [
            "marketer, success rate",
            share(found.marketer),
            f"Whoever names everybody is right for so many of the {of}.",
        ]
    )
    return Table(
        "Re-identification risks",
        ["risk", "value", "what it means"],
        rows,
        note=(
            "Prosecutor: knows that the person is in the file. Journalist: searches the "
            "population. Marketer: wants as many as possible. All know the stored code exactly."
        ),
    )
