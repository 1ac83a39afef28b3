"""l-diversity and t-closeness arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.closeness import Closeness
from privkit.anonymity.diversity import Diversity
from privkit.anonymity.parts import Part
from privkit.anonymity.quantiles import PERCENTS
from privkit.anonymity.words import counted, number, share
from privkit.result import Better, Measure, Table

__all__ = ["closeness_part", "diversity_part"]


def diversity_part(found: Sequence[Diversity]) -> Part:
    """Say what the classes give away of each sensitive column."""
    return Part(
        findings=[_given_away(f) for f in found],
        warnings=[
            f"The sensitive column {f.name!r} has no value in {counted(f.missing, 'record')}: "
            "missing counts as a value of its own, which makes a class look more diverse than an "
            "adversary may find it."
            for f in found
            if f.missing
        ]
        + [
            f"l of {f.name!r} counts records, as is usual: several records of one person with "
            "different values make a class look more diverse than its people are."
            for f in found
            if f.people is not None and f.people < f.records
        ],
        measures=[m for f in found for m in _diversities(f)],
        tables=[_diversity_table(f) for f in found],
    )


def _given_away(f: Diversity) -> str:
    if not f.homogeneous:
        return (
            f"l = {number(f.distinct)} for {f.name}: every class has at least "
            f"{number(f.distinct)} of the {number(f.values)} different values."
        )
    who = counted(f.homogeneous_records, "record")
    part = share(f.homogeneous_records / f.records)
    if f.people is not None and f.homogeneous_people is not None:
        who = f"{number(f.homogeneous_people)} {_people(f.homogeneous_people)}"
        part = share(f.homogeneous_people / f.people)
    verb = "has" if f.homogeneous == 1 else "have"
    return (
        f"l = 1 for {f.name}: {counted(f.homogeneous, 'class')} of {number(f.classes)} {verb} a "
        f"single value, so that the code alone gives it away for {who} ({part}), however many "
        "share the code."
    )


def _people(value: int) -> str:
    return "person" if value == 1 else "people"


def _diversities(f: Diversity) -> list[Measure]:
    where = {"sensitive": f.name}
    up: Better = "higher protects"
    c = f"{f.c:g}"

    def measure(
        name: str, value: float | None, unit: str, better: Better, **labels: str
    ) -> Measure:
        return Measure(name, value, unit, better, n=f.records, where={**where, **labels})

    rows = [
        measure("l-diversity", f.distinct, "values", up, kind="distinct"),
        measure("l-diversity", f.entropy, "values", up, kind="entropy"),
        measure("l-diversity", f.recursive, "values", up, kind="recursive", c=c),
        measure("c of recursive diversity", f.recursive_c, "ratio", "lower protects"),
        measure("homogeneous classes", f.homogeneous, "classes", "lower protects"),
        Measure(
            "records in homogeneous classes",
            f.homogeneous_records / f.records,
            "share",
            "lower protects",
            n=f.records,
            successes=f.homogeneous_records,
            method="exact count",
            where=where,
        ),
    ]
    if f.people is not None and f.homogeneous_people is not None:
        rows.append(
            Measure(
                "people in homogeneous classes",
                f.homogeneous_people / f.people,
                "share",
                "lower protects",
                n=f.people,
                successes=f.homogeneous_people,
                method="people with at least one such record, exact count",
                where=where,
            )
        )
    return rows


def _diversity_table(f: Diversity) -> Table:
    rows = [
        [
            "distinct l",
            number(f.distinct),
            f"Every class has at least {counted(f.distinct, 'different value')}.",
        ],
        [
            "entropy l",
            f"{f.entropy:.2f}",
            "Every class hides its values at least as well as so many equally frequent ones.",
        ],
        [
            f"recursive l, c = {f.c:g}",
            number(f.recursive),
            f"In every class the most frequent value is less than {f.c:g} times as frequent as "
            f"all but the {number(f.recursive - 1)} most frequent ones together."
            if f.recursive > 1
            else f"In some class the most frequent value is at least {f.c:g} times as frequent as "
            "all others together.",
        ],
        [
            "c for the distinct l",
            "none" if f.recursive_c is None else number(f.recursive_c),
            "With a single value in a class, no c says anything."
            if f.recursive_c is None
            else "The least whole c with which the recursive l reaches the distinct one; the "
            "larger, the more one value dominates some class.",
        ],
        [
            "homogeneous classes",
            number(f.homogeneous),
            "In so many classes everybody has the same value, so whoever knows the code knows it.",
        ],
        [
            "records in them",
            number(f.homogeneous_records),
            f"So many records, {share(f.homogeneous_records / f.records)}, give the value away.",
        ],
    ]
    if f.people is not None and f.homogeneous_people is not None:
        rows.append(
            [
                "people in them",
                number(f.homogeneous_people),
                f"So many people, {share(f.homogeneous_people / f.people)}, have at least one "
                "record that gives the value away.",
            ]
        )
    return Table(f"What a class gives away: {f.name}", ["", "value", "what it means"], rows)


def closeness_part(found: Sequence[Closeness]) -> Part:
    """Say how far the classes are from the whole in each sensitive column."""
    return Part(
        findings=[_farthest(f) for f in found],
        warnings=[
            f"t of {f.name!r} takes all its values for equally different, because "
            f"{counted(f.missing, 'record')} without a value cannot be put in order. Were "
            "they ordered numbers, t would be at most as large."
            for f in found
            if f.missing
        ],
        measures=[m for f in found for m in _distances(f)],
        tables=[_closeness_table(f) for f in found],
    )


def _farthest(f: Closeness) -> str:
    return (
        f"t = {f.t:.3f} for {f.name} ({_distance(f)}; 0 is best, 1 worst): in the class that is "
        f"farthest from the whole, with {counted(f.size, 'record')}, knowing the code changes "
        "what can be guessed most."
    )


def _distance(f: Closeness) -> str:
    if f.ordered is None:
        return "earth mover's distance, all values equally different"
    return "earth mover's distance of ordered values"


def _distances(f: Closeness) -> list[Measure]:
    kind = "equal" if f.ordered is None else "ordered"
    where = {"sensitive": f.name}
    how = "exact earth mover's distance"
    unit = "earth mover's distance"
    both = [("equal", f.equal), ("ordered", f.ordered)]
    return [
        *(
            Measure(
                "t-closeness",
                value,
                unit,
                "lower protects",
                n=f.records,
                method=how,
                where={**where, "distance": name},
            )
            for name, value in both
            if value is not None
        ),
        *(
            Measure(
                "distance of a record's class",
                value,
                unit,
                "lower protects",
                n=f.records,
                method=how,
                where={**where, "distance": kind, "percent": str(percent)},
            )
            for percent, value in zip(PERCENTS, f.quantiles, strict=True)
        ),
    ]


def _closeness_table(f: Closeness) -> Table:
    half, most = f.quantiles[PERCENTS.index(50)], f.quantiles[PERCENTS.index(95)]
    rows = [
        ["t", f"{f.t:.3f}", "No class is farther than this from the whole file."],
        [
            "t, all values equally different",
            f"{f.equal:.3f}",
            "So much of some class has values that it would not have, were it like the whole.",
        ],
        ["median over records", f"{half:.3f}", "Half of the records are in classes no farther."],
        ["95% of the records", f"{most:.3f}", "19 of 20 records are in classes no farther."],
    ]
    if f.ordered is None:
        rows.pop(1)  # it is t itself
    return Table(
        f"How far classes are from the whole: {f.name}",
        ["", "value", "what it means"],
        rows,
        note=f"t-closeness by the {_distance(f)}, from 0 to 1.",
    )
