"""l-diversity and t-closeness arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.closeness import Closeness
from privkit.anonymity.diversity import Diversity
from privkit.anonymity.parts import Part
from privkit.anonymity.quantiles import PERCENTS
from privkit.anonymity.words import counted, number, share
from privkit.result import Better, Measure, Table

__all__ = ["closeness_part", "diversity_part"]

_DISTANCE = "earth mover's distance, all values equally different"


def diversity_part(found: Sequence[Diversity], noun: ClassNoun = CODE) -> Part:
    """Say what the classes give away of each sensitive column.

    Args:
        found: one a sensitive column.
        noun: what a class is.
    """
    return Part(
        findings=[_given_away(f, noun) for f in found],
        warnings=[
            f"The sensitive column {f.name!r} has no value in {counted(f.missing, 'record')}: "
            "missing counts as a value of its own, which makes a class look more diverse than an "
            "adversary may find it."
            for f in found
            if f.missing
        ],
        measures=[m for f in found for m in _diversities(f)],
        tables=[_diversity_table(f, noun) for f in found],
    )


def _given_away(f: Diversity, noun: ClassNoun) -> str:
    over = "" if f.people is None else " over people"
    if not f.homogeneous:
        return (
            f"l = {number(f.distinct)}{over} for {f.name}: every class has at least "
            f"{number(f.distinct)} of the {number(f.values)} different values"
            f"{'' if f.people is None else ', and none that everybody in it has'}."
        )
    who = counted(f.homogeneous_records, "record")
    part = share(f.homogeneous_records / f.records)
    if f.people is not None and f.homogeneous_people is not None:
        who = f"{number(f.homogeneous_people)} {_people(f.homogeneous_people)}"
        part = share(f.homogeneous_people / f.people)
    verb = "has" if f.homogeneous == 1 else "have"
    value = "a single value" if f.people is None else "a value that everybody in them has"
    if f.people is not None and f.homogeneous == 1:
        value = "a value that everybody in it has"
    return (
        f"l = 1{over} for {f.name}: {counted(f.homogeneous, 'class')} of {number(f.classes)} "
        f"{verb} {value}, so that the {noun.one} alone gives it away for {who} ({part}), however "
        f"many share the {noun.one}."
    )


def _people(value: int) -> str:
    return "person" if value == 1 else "people"


def _diversities(f: Diversity) -> list[Measure]:
    over, n = ("records", f.records) if f.people is None else ("people", f.people)
    where = {"sensitive": f.name}
    up: Better = "higher protects"
    c = f"{f.c:g}"

    def measure(
        name: str, value: float | None, unit: str, better: Better, **labels: str
    ) -> Measure:
        return Measure(name, value, unit, better, n=n, where={**where, "over": over, **labels})

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


def _diversity_table(f: Diversity, noun: ClassNoun) -> Table:
    rows = [
        [
            "distinct l",
            number(f.distinct),
            f"Every class has at least {counted(f.distinct, 'different value')}."
            if f.people is None or f.distinct > 1
            else "In some class everybody has one same value, whatever else some of them have.",
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
            "Where a class gives a value away, no c says anything."
            if f.recursive_c is None
            else "The least whole c with which the recursive l reaches the distinct one; the "
            "larger, the more one value dominates some class.",
        ],
        [
            "homogeneous classes",
            number(f.homogeneous),
            "In so many classes everybody has the same value, so whoever knows the "
            f"{noun.one} knows it.",
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
    return Table(
        f"What a class gives away: {f.name}",
        ["", "value", "what it means"],
        rows,
        note=""
        if f.people is None
        else "Counted in people: each counts once for each of their values in a class.",
    )


def closeness_part(
    found: Sequence[Closeness], noun: ClassNoun = CODE, *, several: bool = False
) -> Part:
    """Say how far the classes are from the whole in each sensitive column.

    Args:
        found: one a sensitive column.
        noun: what a class is.
        several: whether people have several records, which t takes for several people.
    """
    return Part(
        findings=[_farthest(f, noun) for f in found],
        warnings=[
            f"t of {f.name!r} counts records, as is usual: several records of one person weigh "
            "as much as several people."
            for f in found
            if several
        ],
        measures=[m for f in found for m in _distances(f)],
        tables=[_closeness_table(f) for f in found],
    )


def _farthest(f: Closeness, noun: ClassNoun) -> str:
    ordered = "" if f.ordered is None else f"; {f.ordered:.3f} if the order of the values counts"
    return (
        f"t = {f.t:.3f} for {f.name} ({_DISTANCE}{ordered}; 0 is best, 1 worst): in the class that "
        f"is farthest from the whole, with {counted(f.size, 'record')}, knowing the {noun.one} "
        "changes what can be guessed most."
    )


def _distances(f: Closeness) -> list[Measure]:
    where = {"sensitive": f.name}
    how = "exact earth mover's distance"
    unit = "earth mover's distance"
    both = [("equal", f.t), ("ordered", f.ordered)]
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
                where={**where, "distance": "equal", "percent": str(percent)},
            )
            for percent, value in zip(PERCENTS, f.quantiles, strict=True)
        ),
    ]


def _closeness_table(f: Closeness) -> Table:
    half, most = f.quantiles[PERCENTS.index(50)], f.quantiles[PERCENTS.index(95)]
    rows = [
        [
            "t, all values equally different",
            f"{f.t:.3f}",
            "So much of some class has values that it would not have, were it like the whole.",
        ],
        ["median over records", f"{half:.3f}", "Half of the records are in classes no farther."],
        ["95% of the records", f"{most:.3f}", "19 of 20 records are in classes no farther."],
    ]
    if f.ordered is not None:
        row = [
            "t, ordered values",
            f"{f.ordered:.3f}",
            "The same where a value near the true one is nearly as good a guess; never larger. It "
            "says nothing where the numbers are codes of categories.",
        ]
        rows.insert(1, row)
    return Table(
        f"How far classes are from the whole: {f.name}",
        ["", "value", "what it means"],
        rows,
        note=f"t-closeness by the {_DISTANCE}, from 0 to 1.",
    )
