"""Re-identification risks in the words of ARX: prosecutor, journalist and marketer.

El Emam (2013), "Guide to the De-Identification of Personal Health Information", and El Emam and
Dankar (2008), "Protecting Privacy Using k-Anonymity". A record of a class of f in the file and of
F in the population is re-identified by a random choice with probability

* prosecutor: ``1 / f``, the adversary knows that the person is in the file;
* journalist: ``1 / F``, the adversary does not know it and searches the population;
* marketer: the mean over the records, the adversary wants many people and not a certain one.

Where people have several records, each person counts once, with their most exposed record: f is
the k of the person, the smallest number of people in any of their classes.

The prosecutor's formulas are those of ARX (``RiskModelSampleSummary``), whose journalist and
marketer need a table of the population, which says F. There is none here. Without the size of the
population the file is taken for it, as ARX does without a table, and all three coincide: that is
the largest risk that any population allows. With it, ``1 / F`` is replaced by its expectation
given f, see :mod:`privkit.anonymity.sampled_class`. ARX's success rate of the journalist,
``max(classes / sum F, mean of f / F over the records)``, is then that of the marketer, since the
expected ``1 / F`` of a class is never below ``1 / (expected F)``. What the journalist can reach at
most stays ``1 / f``: no sample excludes that a whole class was sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.people import PeopleAnonymity
from privkit.anonymity.sampled_class import expected_inverse
from privkit.errors import InputError

__all__ = ["Risk", "Risks", "risks", "risks_of_people"]

THRESHOLD = 0.2


@dataclass(frozen=True)
class Risk:
    """The risk of one kind of adversary.

    Attributes:
        highest: the largest probability of re-identification that is possible.
        at_risk: share of the records, or people, whose probability exceeds the threshold.
        success_rate: share of the records, or people, that are re-identified on average.
    """

    highest: float
    at_risk: float
    success_rate: float


@dataclass(frozen=True)
class Risks:
    """Re-identification risks of a file.

    Attributes:
        n: records, or people where each of them counts once.
        of: ``"records"`` or ``"people"``.
        threshold: the probability above which one is at risk.
        prosecutor: against an adversary who knows that the person is in the file.
        lowest: the smallest probability of the prosecutor.
        affected_by_highest: share of the records, or people, that have the prosecutor's highest.
        journalist: against one who searches the population; beside the highest possible, the
            other two are expectations where a population is given.
        expected_highest: the journalist's expected probability for the most exposed.
        marketer: success rate against one who wants as many as possible.
        population: P, the people that the file was sampled from; ``None`` where the file was
            taken for the population.
    """

    n: int
    of: Literal["records", "people"]
    threshold: float
    prosecutor: Risk
    lowest: float
    affected_by_highest: float
    journalist: Risk
    expected_highest: float
    marketer: float
    population: int | None

    @property
    def uniques_possible(self) -> bool:
        """Whether a unique in the population cannot be excluded: somebody is alone in the file."""
        return self.journalist.highest == 1


def risks(
    counts: ClassCounts, *, threshold: float = THRESHOLD, population: int | None = None
) -> Risks:
    """Compute the risks of the records from class sizes.

    Args:
        counts: the class sizes in the file.
        threshold: the acceptable highest probability for a record, from 0 to 1.
        population: P, of whom the records are a random sample, one a person. Without it the file
            is taken for the population.

    Raises:
        InputError: if the threshold is no probability, or the population smaller than the file.
    """
    sizes, classes = counts.sizes_of_sizes
    return _risks(sizes, sizes * classes, "records", threshold, population)


def risks_of_people(
    found: PeopleAnonymity, *, threshold: float = THRESHOLD, population: int | None = None
) -> Risks:
    """Compute the risks of people, each by their most exposed record.

    Args:
        found: the k of each person.
        threshold: the acceptable highest probability for a person, from 0 to 1.
        population: P, of whom the people are a random sample; only where each person has a single
            code, so that the classes divide the people.

    Raises:
        InputError: if the threshold is no probability, or the population smaller than the people.
    """
    return _risks(found.ks, found.people_of_k, "people", threshold, population)


def _risks(
    f: NDArray[np.int64],
    having: NDArray[np.int64],
    of: Literal["records", "people"],
    threshold: float,
    population: int | None,
) -> Risks:
    """Compute the risks where ``having[i]`` records or people hide among ``f[i]``, ascending."""
    if not 0 <= threshold <= 1:
        raise InputError(
            "the threshold is no probability",
            where="threshold",
            rule="from 0 to 1",
            found=threshold,
        )
    n = int(having.sum())
    if population is not None and population < n:
        raise InputError(
            "the population is smaller than the file",
            where="--population",
            rule=f"at least the {n} {of} of the file",
            found=population,
        )
    known = 1 / f
    searched = known if population is None else expected_inverse(f, n / population)

    def share(probabilities: NDArray[np.float64]) -> float:
        return int(having[probabilities > threshold].sum()) / n  # strictly above, as in ARX

    marketer = float((having * searched).sum()) / n
    highest = float(known[0])
    return Risks(
        n=n,
        of=of,
        threshold=threshold,
        prosecutor=Risk(highest, share(known), float((having * known).sum()) / n),
        lowest=float(known[-1]),
        affected_by_highest=int(having[0]) / n,
        journalist=Risk(highest, share(searched), marketer),
        expected_highest=float(searched[0]),
        marketer=marketer,
        population=population,
    )
