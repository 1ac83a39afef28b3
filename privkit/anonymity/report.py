"""k-anonymity as a result: the measures with their units, arranged for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.kanon import KAnonymity, k_anonymity
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import DataUsed, Gate, Measure, Result, Table

__all__ = ["THRESHOLDS", "kanon_result", "part_result"]

THRESHOLDS = (2, 5, 10, 100)


def kanon_result(
    counts: ClassCounts,
    *,
    command: str,
    data: Sequence[DataUsed],
    configuration: Mapping[str, Any],
    seed: int | None = None,
    bits: int | None = None,
    nulls: int = 0,
    marked: int = 0,
    thresholds: Sequence[int] = THRESHOLDS,
    parts: Sequence[Part] = (),
    fail_under: int | None = None,
    people_k: int | None = None,
    noun: ClassNoun = CODE,
) -> Result:
    """The result of ``privkit kanon``.

    Args:
        counts: the class sizes in records.
        command: the command line, for the record.
        data: what was counted.
        configuration: the settings.
        seed: of what is drawn at random; ``None`` where nothing is.
        bits: N, where the classes are codes of known N.
        nulls: records with a missing value among the quasi-identifiers.
        marked: records with a text there that looks like a missing value.
        thresholds: the k's below which records are counted.
        parts: what the other analyses found; those that come first are read first.
        fail_under: the k below which the gate fails, if wanted.
        people_k: k in people, where they are known; the gate then looks at it.
        noun: what a class is.

    Raises:
        InputError: if a threshold cannot be used.
    """
    m = k_anonymity(counts, bits=bits, thresholds=thresholds, nulls=nulls, marked=marked)
    gates = []
    if fail_under is not None:
        k = m.k if people_k is None else people_k
        rule = f"k >= {fail_under} {'records' if people_k is None else 'people'}"
        gates = [Gate("k-anonymity", rule, float(k), k >= fail_under)]
    own = Part(
        findings=m.findings(noun),
        warnings=m.warnings(people=people_k is not None, noun=noun),
        measures=[*_counted(m), *_entropies(m), *_compared(m)],
        tables=_tables(m, noun),
    )
    # People are what the question is about: where they are known, they are read first.
    ordered = [own, *parts] if people_k is None else [*parts[:1], own, *parts[1:]]
    return part_result(
        ordered,
        command=command,
        data=data,
        configuration={**configuration, "k": [b.k for b in m.below], "fail_under": fail_under},
        seed=seed,
        gates=gates,
    )


def part_result(
    parts: Sequence[Part],
    *,
    command: str,
    data: Sequence[DataUsed],
    configuration: Mapping[str, Any],
    seed: int | None,
    gates: Sequence[Gate] = (),
) -> Result:
    """A result that is made of these parts, in their order."""
    return Result(
        command=command,
        configuration=configuration,
        seed=seed,
        data=data,
        findings=[one for part in parts for one in part.findings],
        warnings=[one for part in parts for one in part.warnings],
        measures=[one for part in parts for one in part.measures],
        tables=[one for part in parts for one in part.tables],
        gates=gates,
    )


def _counted(m: KAnonymity) -> list[Measure]:
    exact = "exact count"
    rows = [
        Measure("k", m.k, "records", "higher protects", n=m.n, method="smallest class, exact"),
        Measure("largest class", m.largest, "records", "higher protects", n=m.n, method=exact),
        Measure("mean class of a record", m.mean_k, "records", "higher protects", n=m.n),
        Measure("equivalence classes", m.classes, "classes", "lower protects", n=m.n, method=exact),
        Measure(
            "unique records",
            m.uniques / m.n,
            "share",
            "lower protects",
            n=m.n,
            successes=m.uniques,
            method=exact,
        ),
    ]
    rows += [
        Measure(
            "records in smaller classes",
            b.share,
            "share",
            "lower protects",
            n=m.n,
            successes=b.records,
            method=exact,
            where={"k": str(b.k)},
        )
        for b in m.below
    ]
    for over, values in (("classes", m.quantiles_classes), ("records", m.quantiles_records)):
        rows += [
            Measure(
                "class size",
                size,
                "records",
                "higher protects",
                n=m.n if over == "records" else m.classes,
                method="smallest size that so many percent do not exceed, exact",
                where={"over": over, "percent": str(percent)},
            )
            for percent, size in zip(m.percents, values, strict=True)
        ]
    return rows


def _entropies(m: KAnonymity) -> list[Measure]:
    e = m.entropies
    values = (
        ("Shannon entropy", "plug-in", e.shannon),
        ("Shannon entropy", "Miller-Madow", e.miller_madow),
        ("Shannon entropy", "Chao-Shen", e.chao_shen),
        ("collision entropy", "unbiased collision probability", e.collision),
        ("collision entropy", "plug-in", e.collision_plugin),
        ("min-entropy", "plug-in", e.minimum),
        ("min-entropy", "NIST SP 800-90B most common value, 99% bound", e.minimum_nist),
    )
    return [
        Measure(name, value, "bits", "neither", n=m.n, method=how, where={"estimator": how})
        for name, how, value in values
    ]


def _compared(m: KAnonymity) -> list[Measure]:
    rows = [
        Measure(
            "coverage", m.coverage, "share", "neither", n=m.n, method="Good-Turing, 1 - f1 / n"
        ),
        Measure(
            "classes not seen, at least", m.unseen, "classes", "neither", n=m.n, method="Chao 1984"
        ),
    ]
    if m.ideal is None:
        return rows
    return [
        *rows,
        Measure("ideal k", m.ideal.k, "records", "higher protects", n=m.n, method="n / 2^N"),
        Measure("k over ideal k", m.ideal.ratio, "ratio", "higher protects", n=m.n),
        Measure("codes used", m.share_used, "share", "neither", n=m.n, method="classes / 2^N"),
        Measure("bits short of N", m.ideal.bits_short, "bits", "neither", n=m.n),
        Measure(
            "distance from uniform",
            m.ideal.distance,
            "total variation",
            "neither",
            n=m.n,
            method=f"{m.ideal.distance_by_chance:.6g} expected from uniform codes by chance",
        ),
    ]


def _tables(m: KAnonymity, noun: ClassNoun) -> list[Table]:
    return [
        Table(
            "Anonymity of this file",
            ["figure", "value", "what it means"],
            [
                ["k", number(m.k), _k(m.k)],
                ["records", number(m.n), "So many records were counted."],
                [
                    "equivalence classes",
                    number(m.classes),
                    f"So many different {noun.many} occur; the fewer, the better each hides its "
                    "records.",
                ],
                [
                    "unique records",
                    f"{number(m.uniques)} ({share(m.uniques / m.n)})",
                    f"So many records are singled out by their {noun.one} alone.",
                ],
                [
                    "largest class",
                    number(m.largest),
                    f"The best hidden records share their {noun.one} with all but one of so many.",
                ],
                [
                    "mean class of a record",
                    number(m.mean_k),
                    "A record drawn at random is in a class of this size on average.",
                ],
                [
                    "Shannon entropy, Miller-Madow",
                    f"{m.entropies.miller_madow:.2f} bits",
                    f"So much a {noun.one} tells on average about who it belongs to.",
                ],
                [
                    "min-entropy",
                    f"{m.entropies.minimum:.2f} bits",
                    f"The best single guess of a {noun.one} is right for "
                    f"{share(2.0**-m.entropies.minimum)} of the records.",
                ],
            ],
        ),
        Table(
            "Records in small classes",
            ["classes smaller than", "records", "share of records", "classes", "what it means"],
            [
                [
                    number(b.k),
                    number(b.records),
                    share(b.share),
                    number(b.classes),
                    f"{counted(b.records, 'record')} would have to be changed or left out for "
                    f"k = {number(b.k)}.",
                ]
                for b in m.below
            ],
        ),
        Table(
            "Class sizes",
            ["", *(_percent(p) for p in m.percents), "what it means"],
            [
                [
                    "over classes",
                    *map(number, m.quantiles_classes),
                    "So many percent of the classes are at most this large.",
                ],
                [
                    "over records",
                    *map(number, m.quantiles_records),
                    "So many percent of the records are in a class of at most this size, as the "
                    "people live it.",
                ],
            ],
        ),
    ]


def _k(k: int) -> str:
    if k == 1:
        return "The most exposed record is alone in its class: nobody else hides it."
    return f"Nobody's record looks like fewer than {number(k)} records."


def _percent(percent: int) -> str:
    return {0: "smallest", 50: "median", 100: "largest"}.get(percent, f"{percent}%")
