"""Class sizes of several samples at once: the data themselves, and resamples of them.

Everything is in frequencies of class sizes, so that work and memory do not grow with the records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import poisson

from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.population import chao1_unseen

__all__ = ["CUT", "Floats", "Samples", "log_rising", "resamples"]

Floats = NDArray[np.float64]

CUT = 100
"""Classes larger than this are the tail: they are the same in every resample."""

_ASYMPTOTIC = 1e3  # from here on the first terms of Stirling's series are exact to rounding


@dataclass(frozen=True, eq=False)
class Samples:
    """Class sizes of several samples of one population.

    Attributes:
        sizes: ``(m,)``, the sizes that are tabulated, ascending from 1.
        classes: ``(b, m)``, classes of each size in each sample.
        tail_sizes: ``(t,)``, sizes above those.
        tail_classes: ``(t,)``, classes of each, equal in all samples.
        n: records of the data.
        population: P, at least n.
    """

    sizes: Floats
    classes: Floats
    tail_sizes: Floats
    tail_classes: Floats
    n: int
    population: int

    @classmethod
    def of(cls, counts: ClassCounts, population: int) -> Samples:
        """Take the data themselves as the one sample."""
        sizes, classes = counts.sizes_of_sizes
        small = sizes <= CUT
        table = np.zeros((1, CUT))
        table[0, sizes[small] - 1] = classes[small]
        return cls(
            np.arange(1.0, CUT + 1),
            table,
            sizes[~small].astype(np.float64),
            classes[~small].astype(np.float64),
            counts.n,
            population,
        )

    @property
    def fraction(self) -> float:
        """The sampling fraction ``pi``."""
        return self.n / self.population

    def total(self, weight: Callable[[Floats], Floats]) -> Floats:
        """Return the sum over all classes of a weight that depends on the size, ``(b,)``."""
        tail = float(self.tail_classes @ weight(self.tail_sizes)) if self.tail_sizes.size else 0.0
        summed: Floats = self.classes @ weight(self.sizes) + tail
        return summed

    @cached_property
    def records(self) -> Floats:
        """Records of each sample, ``(b,)``."""
        return self.total(lambda size: size)

    @cached_property
    def seen(self) -> Floats:
        """Classes of each sample, ``(b,)``: u."""
        return self.total(np.ones_like)

    def of_size(self, size: int) -> Floats:
        """Classes of exactly ``size`` records in each sample, ``(b,)``: ``s_j``."""
        column: Floats = self.classes[:, size - 1]
        return column


def resamples(
    counts: ClassCounts, population: int, replicates: int, rng: np.random.Generator
) -> Samples:
    """Draw samples like the data from the distribution that the data suggest.

    The class sizes of a resample are Poisson; the classes of more than :data:`CUT` records keep
    theirs, since they are seen again in every sample and hold no unique person. Work and memory
    do not grow with the records.
    """
    sizes, classes = counts.sizes_of_sizes
    small = sizes <= CUT
    sizes, classes = sizes[small], classes[small]
    columns = CUT + int(8 * math.sqrt(CUT))
    table = np.arange(columns + 1)
    drawn = np.zeros((replicates, columns + 1))
    unseen, missing = max(1.0, chao1_unseen(counts)), _missing(counts)
    if missing and sizes.size:
        # Seen classes are shrunk most where they are small: they were seen by luck.
        lost = missing * counts.n / float((classes * sizes * np.exp(-1.0 * sizes)).sum())
        means = sizes * (1 - np.minimum(1.0, lost * np.exp(-1.0 * sizes)))
        per_class = missing * counts.n / unseen
        expected = unseen * poisson.pmf(table, min(per_class, float(CUT)))
        drawn[:, 1:] += rng.poisson(expected[1:], (replicates, columns))
    else:
        means = sizes.astype(np.float64)
    for mean, k in zip(means, classes, strict=True):
        chances = poisson.pmf(table, mean)
        drawn += rng.multinomial(k, chances / chances.sum(), replicates)
    data = Samples.of(counts, population)
    return Samples(
        table[1:].astype(np.float64),
        drawn[:, 1:],
        data.tail_sizes,
        data.tail_classes,
        counts.n,
        population,
    )


def _missing(counts: ClassCounts) -> float:
    """Return the share of the population in unseen classes: Chao and Jost (2012), equation 4a."""
    n, singles = counts.n, counts.classes_of_size(1)
    doubles = max(counts.classes_of_size(2), 0.5)
    return singles / n * (n - 1) * singles / ((n - 1) * singles + 2 * doubles) if singles else 0.0


def log_rising(x: Floats, m: Floats) -> Floats:
    """Return ``log(G(x + m) / G(x))``, also where both gamma functions are huge."""
    with np.errstate(all="ignore"):
        series = (x - 0.5) * np.log1p(m / x) + m * (np.log(x + m) - 1)
        series += (1 / (x + m) - 1 / x) / 12
        return np.where(x > _ASYMPTOTIC, series, gammaln(x + m) - gammaln(x))
