"""k in people where only the classes were counted, class by class, and not each person's own."""

from __future__ import annotations

from collections.abc import Sequence

from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.parts import Part
from privkit.anonymity.words import counted, number, share
from privkit.result import Measure, Table

__all__ = ["people_classes_part"]


def people_classes_part(
    counts: ClassCounts, people: int, thresholds: Sequence[int], noun: ClassNoun = CODE
) -> Part:
    """Arrange the class sizes in people.

    Args:
        counts: the class sizes in people.
        people: distinct people.
        thresholds: the k's below which classes are counted.
        noun: what a class is.
    """
    sizes, classes = counts.sizes_of_sizes
    k = int(sizes[0])
    exact = "distinct people, exact count"
    below = [(limit, int(classes[sizes < limit].sum())) for limit in sorted(set(thresholds))]
    stored = "stored " if noun.codes else ""
    finding = (
        f"k = {number(k)} in people: every {stored}{noun.one} is shared by at least {number(k)} "
        f"of {number(people)} people."
        if k > 1
        else f"k = 1 in people: {counted(int(classes[0]), 'class')} of {number(counts.classes)} "
        f"belong to one person alone; {number(people)} people."
    )
    return Part(
        findings=[finding],
        warnings=[
            "People were counted class by class: how many people are hidden among few, known codes "
            "and the risks of people need the class of each record in memory, and are left out."
        ],
        measures=[
            Measure("people", people, "people", "neither", method=exact),
            Measure("k in people", k, "people", "higher protects", n=people, method=exact),
            *(
                Measure(
                    "classes of fewer people",
                    few / counts.classes,
                    "share",
                    "lower protects",
                    n=counts.classes,
                    successes=few,
                    method=exact,
                    where={"k": str(limit)},
                )
                for limit, few in below
            ),
        ],
        tables=[
            Table(
                "Classes of few people",
                ["people in the class, fewer than", "classes", "share", "what it means"],
                [
                    [
                        number(limit),
                        number(few),
                        share(few / counts.classes),
                        f"So many {noun.many} belong to fewer than {number(limit)} people.",
                    ]
                    for limit, few in below
                ],
            )
        ],
    )
