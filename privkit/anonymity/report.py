"""k-anonymity as a result: the measures with their units, arranged for reading."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.kanon import KAnonymity, k_anonymity
from privkit.anonymity.words import number, share
from privkit.features.stored import StoredCodes
from privkit.result import Better, DataUsed, Gate, Measure, Result, Table

__all__ = ["THRESHOLDS", "kanon_result"]

THRESHOLDS = (2, 5, 10, 100)


def kanon_result(
    stored: StoredCodes,
    counts: ClassCounts,
    *,
    command: str,
    thresholds: Sequence[int] = THRESHOLDS,
    population: int | None = None,
    fail_under: int | None = None,
) -> Result:
    """The result of ``privkit kanon``.

    Args:
        stored: the codes that were counted.
        counts: their class sizes.
        command: the command line, for the record.
        thresholds: the k's below which records are counted.
        population: P of the population estimates, if wanted.
        fail_under: the k below which the gate fails, if wanted.

    Raises:
        InputError: if a threshold or the population cannot be used.
    """
    m = k_anonymity(
        counts,
        bits=stored.bits,
        thresholds=thresholds,
        population=population,
        nulls=stored.nulls,
    )
    gates = []
    if fail_under is not None:
        gates = [Gate("k-anonymity", f"k >= {fail_under}", float(m.k), m.k >= fail_under)]
    return Result(
        command=command,
        configuration={
            "codes": stored.source,
            "form": stored.kind,
            "bits": stored.bits,
            "columns": list(stored.columns),
            "k": [b.k for b in m.below],
            "population": population,
            "fail_under": fail_under,
        },
        seed=None,
        data=[DataUsed(stored.source, "codes", stored.sha256 or "", stored.n)],
        findings=m.findings(),
        warnings=m.warnings(),
        measures=[*_counted(m), *_entropies(m), *_compared(m), *_estimated(m)],
        tables=_tables(m),
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


def _estimated(m: KAnonymity) -> list[Measure]:
    p = m.population
    if p is None:
        return []
    where = {"population": str(p.population)}

    def plain(name: str, value: float | None, how: str, better: Better) -> Measure:
        labels = {**where, "estimator": how}
        return Measure(name, value, "people", better, n=m.n, method=how, where=labels)

    how = "unbiased collision probability"
    ideal = m.population_ideal_k
    rows = [] if ideal is None else [plain("ideal k", ideal, "P / 2^N", "higher protects")]
    return [
        *rows,
        Measure(
            "expected k",
            p.expected_k,
            "people",
            "higher protects",
            n=m.n,
            low=p.expected_k_low if p.expected_k_high is not None else None,
            high=p.expected_k_high,
            confidence=None if p.expected_k_high is None else 0.95,
            method=how,
            where={**where, "estimator": how},
        ),
        plain("expected k", p.expected_k_plugin, "plug-in", "higher protects"),
        plain("expected uniques", p.uniques, "coverage, Chao and Jost 2012", "lower protects"),
        plain("uniques not excluded", p.uniques_high, "Clopper-Pearson 95%", "lower protects"),
        plain("expected uniques", p.uniques_plugin, "plug-in", "lower protects"),
    ]


def _tables(m: KAnonymity) -> list[Table]:
    return [
        Table(
            "Records in small classes",
            ["classes smaller than", "records", "share of records", "classes"],
            [[number(b.k), number(b.records), share(b.share), number(b.classes)] for b in m.below],
        ),
        Table(
            "Class sizes",
            ["", *(_percent(p) for p in m.percents)],
            [
                ["over classes", *map(number, m.quantiles_classes)],
                ["over records", *map(number, m.quantiles_records)],
            ],
            note="Over records: the size of the class a record is in, as the people live it.",
        ),
    ]


def _percent(percent: int) -> str:
    return {0: "smallest", 50: "median", 100: "largest"}.get(percent, f"{percent}%")
