"""Re-identification risks in the words of ARX: prosecutor, journalist and marketer.

El Emam (2013), "Guide to the De-Identification of Personal Health Information", and El Emam and
Dankar (2008), "Protecting Privacy Using k-Anonymity". A record of a class of f in the file and of
F in the population is re-identified by a random choice with probability

* prosecutor: ``1 / f``, the adversary knows that the person is in the file;
* journalist: ``1 / F``, the adversary does not know it and searches the population;
* marketer: the mean over the records, the adversary wants many people and not a certain one.

The formulas are those of ARX (``RiskModelSampleSummary``): the success rate of the prosecutor is
``classes / n``; of the journalist ``max(classes / sum F, sum (f / F) / n)``; of the marketer
``sum (f / F) / n``. Without a table of the population ARX takes the file for it, and all three
coincide: that is the largest risk that any population allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts
from privkit.errors import InputError

__all__ = ["Risk", "Risks", "risks", "scaled_population"]

THRESHOLD = 0.2


@dataclass(frozen=True)
class Risk:
    """The risk of one kind of adversary.

    Attributes:
        highest: the largest probability of re-identification of a record.
        at_risk: share of the records whose probability exceeds the threshold.
        success_rate: share of the records that are re-identified on average.
    """

    highest: float
    at_risk: float
    success_rate: float


@dataclass(frozen=True)
class Risks:
    """Re-identification risks of a file.

    Attributes:
        n: records.
        threshold: the probability above which a record is at risk.
        prosecutor: against an adversary who knows that the person is in the file.
        lowest: the smallest probability of the prosecutor.
        affected_by_highest: share of the records that have the prosecutor's highest risk.
        journalist: against one who searches a population of ``population``.
        marketer: success rate against one who wants as many as possible.
        population: people in the classes of the file, in the population; ``None`` where the
            file was taken for the population.
    """

    n: int
    threshold: float
    prosecutor: Risk
    lowest: float
    affected_by_highest: float
    journalist: Risk
    marketer: float
    population: float | None


def risks(
    counts: ClassCounts,
    *,
    threshold: float = THRESHOLD,
    population: NDArray[np.float64] | None = None,
) -> Risks:
    """Compute the risks from class sizes.

    Args:
        counts: the class sizes in the file.
        threshold: the acceptable highest probability for a record, from 0 to 1.
        population: shape ``(classes,)``, the size of each class in the population, in the order
            of ``counts.sizes``: from a table of the population, or an estimate such as
            :func:`scaled_population`. Without it the file is taken for the population.

    Raises:
        InputError: if the threshold is no probability, or a class is smaller in the population
            than in the file.
    """
    if not 0 <= threshold <= 1:
        raise InputError(
            "the threshold is no probability",
            where="threshold",
            rule="from 0 to 1",
            found=threshold,
        )
    f = counts.sizes
    in_population = f if population is None else np.asarray(population)
    if in_population.shape != f.shape or not (in_population >= f).all():
        raise InputError(
            "these are not the classes of a population that the file is a part of",
            where="population",
            rule="one size a class, none below its size in the file",
            found=f"shape {in_population.shape} for {f.size} classes",
            remedy="give a population of at least the sample",
        )
    n = counts.n
    smallest = int(f.min())
    marketer = float((f / in_population).sum()) / n
    return Risks(
        n=n,
        threshold=threshold,
        prosecutor=Risk(1 / smallest, _above(f, f, threshold) / n, counts.classes / n),
        lowest=1 / int(f.max()),
        affected_by_highest=smallest * counts.classes_of_size(smallest) / n,
        journalist=Risk(
            1 / float(in_population.min()),
            _above(f, in_population, threshold) / n,
            max(counts.classes / float(in_population.sum()), marketer),
        ),
        marketer=marketer,
        population=None if population is None else float(in_population.sum()),
    )


def scaled_population(counts: ClassCounts, population: int) -> NDArray[np.float64]:
    """Return class sizes in a population of P as if all shares were those of the file.

    ``F = f P / n``, the plug-in. It assumes that the file is a random sample. Classes that are
    small in the file come out too large, because those that were drawn less than their share and
    those that were not drawn at all are missing: the risks from it are too low, for unique
    records by far. The prosecutor's risk is what they cannot exceed.

    Raises:
        InputError: if the population is smaller than the file.
    """
    if population < counts.n:
        raise InputError(
            "the population is smaller than the file",
            where="--population",
            rule=f"at least the {counts.n} records of the file",
            found=population,
        )
    return counts.sizes.astype(np.float64) * population / counts.n


def _above(
    f: NDArray[np.int64], sizes: NDArray[np.int64] | NDArray[np.float64], threshold: float
) -> int:
    """Count the records of probability above the threshold, as ARX does: strictly."""
    return int(f[1 / sizes > threshold].sum())
