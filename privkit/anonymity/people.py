"""k-anonymity in people: how many distinct people hide behind the codes of each person.

Several records of one person do not hide each other, so the k of a class is its number of
distinct people (Sweeney 2002 asks for 'at least k individuals'). A person with several records is
as exposed as their most exposed one: a person's k is the smallest class, in people, among all
their records. Ten records of one person in a class of their own are k = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.grouping import Grouping, group_labels
from privkit.anonymity.parts import Part
from privkit.anonymity.quantiles import PERCENTS, quantiles
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = [
    "PeopleAnonymity",
    "PeopleBelow",
    "people_anonymity",
    "people_part",
    "smallest_classes",
]


@dataclass(frozen=True)
class PeopleBelow:
    """How many people are hidden among fewer than ``k``.

    Attributes:
        k: the threshold.
        people: people whose k is smaller.
        share: the same as a share of all people.
        records: share of the records in classes of fewer than ``k`` records, beside it.
    """

    k: int
    people: int
    share: float
    records: float


@dataclass(frozen=True, eq=False)
class PeopleAnonymity:
    """k-anonymity of a set of people with one or several records each.

    Attributes:
        people: distinct people.
        records: records of all of them.
        k: distinct people in the smallest class.
        k_records: records in the smallest class, which is at least as large as ``k``.
        below: one entry a threshold, ascending.
        unique: people with a class of their own, so that one record singles them out.
        quantiles: a person's k that so many percent of the people do not exceed, one entry for
            each of ``PERCENTS``.
        records_a_person: records of a person that so many percent of the people do not exceed.
        ks: shape ``(m,)``, the k's that people have, ascending.
        people_of_k: shape ``(m,)``, how many people have each.
    """

    people: int
    records: int
    k: int
    k_records: int
    below: tuple[PeopleBelow, ...]
    unique: int
    quantiles: tuple[int, ...]
    records_a_person: tuple[int, ...]
    ks: NDArray[np.int64]
    people_of_k: NDArray[np.int64]


def smallest_classes(grouping: Grouping, persons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the k of each person: the smallest class, in people, among their records.

    Args:
        grouping: the class of each record.
        persons: shape ``(n,)``, the person of each record.

    Returns:
        shape ``(people,)``, in the order in which the people first occur.

    Raises:
        InputError: if there is not one person a record.
    """
    people = group_labels(persons, records=len(grouping))
    smallest = np.full(people.classes, np.iinfo(np.int64).max)
    np.minimum.at(smallest, people.labels, grouping.people(persons).sizes[grouping.labels])
    return smallest


def people_anonymity(
    grouping: Grouping, persons: NDArray[np.int64], thresholds: Sequence[int]
) -> PeopleAnonymity:
    """Compute k-anonymity in people.

    Args:
        grouping: the class of each record.
        persons: shape ``(n,)``, the person of each record.
        thresholds: the k's below which people are counted.

    Raises:
        InputError: if there is not one person a record.
    """
    ks, people_of_k = np.unique(smallest_classes(grouping, persons), return_counts=True)
    of_a_person = group_labels(persons).sizes().sizes
    of_a_class = grouping.sizes()
    sizes, classes = of_a_class.sizes_of_sizes
    people = int(people_of_k.sum())
    below = []
    for k in sorted(set(thresholds)):
        few = int(people_of_k[ks < k].sum())
        records = int((sizes * classes)[sizes < k].sum())
        below.append(PeopleBelow(k, few, few / people, records / len(grouping)))
    return PeopleAnonymity(
        people=people,
        records=len(grouping),
        k=int(ks[0]),
        k_records=int(sizes[0]),
        below=tuple(below),
        unique=int(people_of_k[ks == 1].sum()),
        quantiles=tuple(quantiles(ks, people_of_k).tolist()),
        records_a_person=tuple(quantiles(of_a_person, np.ones_like(of_a_person)).tolist()),
        ks=ks,
        people_of_k=people_of_k.astype(np.int64),
    )


def people_part(found: PeopleAnonymity, noun: ClassNoun = CODE) -> Part:
    """Arrange k-anonymity in people for the result of ``privkit kanon``.

    Args:
        found: what was measured.
        noun: what a class is.
    """
    several = found.records_a_person[-1] > 1
    warnings = []
    if several and found.k_records > found.k:
        warnings.append(
            f"Counted in records, k would be {number(found.k_records)} instead of "
            f"{number(found.k)}: records of the same person do not hide each other."
        )
    if several:
        warnings.append(
            "A person's k here is that of their most exposed record alone. Several records of one "
            "person together single out more people than any one of them."
        )
    tables = [_below(found, noun), _overview(found, noun)]
    return Part([_headline(found, noun)], warnings, _measures(found), tables)


def _headline(f: PeopleAnonymity, noun: ClassNoun) -> str:
    of = f"{counted(f.records, 'record')} of {_people(f.people)}"
    if f.k > 1:
        stored = "stored " if noun.codes else ""
        return (
            f"k = {number(f.k)} in people: every {stored}{noun.one} is shared by at least "
            f"{number(f.k)} of them; {of}."
        )
    verb = "has" if f.unique == 1 else "have"
    return (
        f"k = 1 in people: {_people(f.unique)} ({share(f.unique / f.people)}) {verb} at least one "
        f"record whose {noun.one} nobody else has; {of}."
    )


def _people(value: int) -> str:
    return f"{number(value)} {'person' if value == 1 else 'people'}"


def _measures(f: PeopleAnonymity) -> list[Measure]:
    exact = "distinct people, exact count"
    own = "smallest class in people among a person's records, exact"
    return [
        Measure("people", f.people, "people", "neither", n=f.records, method=exact),
        Measure("k in people", f.k, "people", "higher protects", n=f.people, method=exact),
        Measure(
            "unique people",
            f.unique / f.people,
            "share",
            "lower protects",
            n=f.people,
            successes=f.unique,
            method=own,
        ),
        *(
            Measure(
                "people in smaller classes",
                b.share,
                "share",
                "lower protects",
                n=f.people,
                successes=b.people,
                method=own,
                where={"k": str(b.k)},
            )
            for b in f.below
        ),
        *(
            Measure(
                "k of a person",
                size,
                "people",
                "higher protects",
                n=f.people,
                method=own,
                where={"percent": str(percent)},
            )
            for percent, size in zip(PERCENTS, f.quantiles, strict=True)
        ),
        *(
            Measure(
                "records of a person",
                many,
                "records",
                "neither",
                n=f.people,
                where={"percent": str(percent)},
            )
            for percent, many in zip(PERCENTS, f.records_a_person, strict=True)
        ),
    ]


def _below(f: PeopleAnonymity, noun: ClassNoun) -> Table:
    return Table(
        "People hidden among few",
        [
            "hidden among fewer than",
            "people",
            "share of people",
            "share of records",
            "what it means",
        ],
        [
            [
                number(b.k),
                number(b.people),
                share(b.share),
                share(b.records),
                f"{_people(b.people)} {'has' if b.people == 1 else 'have'} a {noun.one} that fewer "
                f"than {_people(b.k)} share, themselves included.",
            ]
            for b in f.below
        ],
        note=(
            "People: a person counts once, with their most exposed record. Records: the same "
            "counted in rows, which takes several rows of one person for several people."
        ),
    )


def _overview(f: PeopleAnonymity, noun: ClassNoun) -> Table:
    middle = PERCENTS.index(50)
    typical = f.quantiles[middle]
    rows = [
        ["people", number(f.people), "So many different people are in the file."],
        [
            "k in people",
            number(f.k),
            "The most exposed person is hidden among so many people, themselves included.",
        ],
        [
            "k in records",
            number(f.k_records),
            "The smallest class has so many rows, whoever they belong to.",
        ],
        [
            "unique people",
            number(f.unique),
            f"For so many people one {noun.one} is enough to know who it is.",
        ],
        [
            "median k of a person",
            number(typical),
            f"Half of the people have a {noun.one} that at most {_people(typical)} share.",
        ],
        [
            "median records of a person",
            number(f.records_a_person[middle]),
            f"Half of the people have at most so many records; one has "
            f"{number(f.records_a_person[-1])}.",
        ],
    ]
    return Table("People", ["", "value", "what it means"], rows)
