"""k-anonymity of stored codes: the measures and what they mean in words.

k is the size of the smallest equivalence class (Samarati and Sweeney 1998). The ideal beside it
is the paper's: N-bit codes divide a population of n into ``2**N`` classes of ``n / 2**N`` each,
if all codes were equally likely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privkit.anonymity import words
from privkit.anonymity.class_noun import CODE, ClassNoun
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.entropy import Entropies, entropies
from privkit.anonymity.population import chao1_unseen, coverage
from privkit.anonymity.quantiles import PERCENTS, quantiles
from privkit.errors import InputError

__all__ = ["PERCENTS", "Below", "Ideal", "KAnonymity", "k_anonymity"]


@dataclass(frozen=True)
class Below:
    """How many records lie in classes smaller than ``k``.

    Attributes:
        k: the threshold.
        records: records in classes of fewer than ``k``.
        share: the same as a share of all records.
        classes: the classes of fewer than ``k``.
    """

    k: int
    records: int
    share: float
    classes: int


@dataclass(frozen=True)
class Ideal:
    """How far the codes are from uniform over all ``2**N`` values.

    Attributes:
        k: ``n / 2**N``, the class size if every code occurred equally often.
        ratio: the found k, of the classes that occur, divided by it; 1 is ideal.
        bits_short: N minus the plug-in Shannon entropy.
        distance: total variation distance between the found shares and the uniform ones, 0 to 1.
        distance_by_chance: the same distance expected when n uniform codes are drawn at random;
            only what lies above it speaks against uniform codes.
    """

    k: float
    ratio: float
    bits_short: float
    distance: float
    distance_by_chance: float


@dataclass(frozen=True)
class KAnonymity:
    """All measures of one set of codes.

    Attributes:
        n: records.
        classes: equivalence classes that occur.
        k: records in the smallest class.
        largest: records in the largest class.
        percents: the percents of the quantiles.
        quantiles_classes: class size that so many percent of the classes do not exceed.
        quantiles_records: size of the own class that so many percent of the records do not exceed.
        below: one entry a threshold, ascending.
        uniques: records that are alone in their class.
        bits: N; ``None`` if not known.
        share_used: classes that occur as a share of ``2**N``.
        ideal: comparison with uniform codes; ``None`` without N.
        entropies: in bits.
        coverage: estimated share of further records whose class occurs already.
        unseen: at least so many classes exist that do not occur here (Chao 1984, expected).
        mean_k: class size of a record drawn at random from the file.
        nulls: records with a null, NaN or empty text among the quasi-identifiers.
        marked: records with a text there that looks like a missing value.
    """

    n: int
    classes: int
    k: int
    largest: int
    percents: tuple[int, ...]
    quantiles_classes: tuple[int, ...]
    quantiles_records: tuple[int, ...]
    below: tuple[Below, ...]
    uniques: int
    bits: int | None
    share_used: float | None
    ideal: Ideal | None
    entropies: Entropies
    coverage: float
    unseen: float
    mean_k: float
    nulls: int = 0
    marked: int = 0

    def findings(self, noun: ClassNoun = CODE) -> list[str]:
        """What was found, in sentences, the most important first.

        Args:
            noun: what a class is.
        """
        return words.findings(self, noun)

    def warnings(self, *, people: bool = False, noun: ClassNoun = CODE) -> list[str]:
        """What limits the findings or would mislead, in sentences.

        Args:
            people: whether k in people stands beside these measures of records.
            noun: what a class is.
        """
        return words.warnings(self, people=people, noun=noun)


def k_anonymity(
    counts: ClassCounts,
    *,
    bits: int | None = None,
    thresholds: Sequence[int] = (2, 5, 10, 100),
    nulls: int = 0,
    marked: int = 0,
) -> KAnonymity:
    """Compute every measure from the class sizes.

    Args:
        counts: the class sizes.
        bits: N, to compare with ``2**N`` possible classes.
        thresholds: the k's below which records are counted.
        nulls: records with a missing value among the quasi-identifiers, to be warned of.
        marked: records with a text there that looks like a missing value, to be warned of.

    Raises:
        InputError: if a threshold is not a whole number of at least 1.
    """
    for threshold in thresholds:
        if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 1:
            raise InputError(
                "the threshold cannot be used",
                where="--k",
                rule="a whole number of at least 1",
                found=threshold,
            )
    sizes, classes = counts.sizes_of_sizes
    records = sizes * classes
    unseen = chao1_unseen(counts)
    measured = entropies(counts, bits=bits)
    return KAnonymity(
        n=counts.n,
        classes=counts.classes,
        k=int(sizes[0]),
        largest=int(sizes[-1]),
        percents=PERCENTS,
        quantiles_classes=tuple(quantiles(sizes, classes).tolist()),
        quantiles_records=tuple(quantiles(sizes, records).tolist()),
        below=tuple(_below(counts, k) for k in sorted(set(thresholds))),
        uniques=counts.classes_of_size(1),
        bits=bits,
        share_used=None if bits is None else math.ldexp(counts.classes, -bits),
        ideal=None if bits is None else _ideal(counts, bits, measured.shannon),
        entropies=measured,
        coverage=coverage(counts),
        unseen=unseen if bits is None else min(unseen, _possible(bits) - counts.classes),
        mean_k=float((records * (sizes / counts.n)).sum()),
        nulls=nulls,
        marked=marked,
    )


def _possible(bits: int) -> float:
    """Return ``2**N``, infinite where a float cannot hold it."""
    return math.ldexp(1.0, bits) if bits < 1024 else math.inf


def _below(counts: ClassCounts, k: int) -> Below:
    sizes, classes = counts.sizes_of_sizes
    small = sizes < k
    records = int((sizes * classes)[small].sum())
    return Below(k, records, records / counts.n, int(classes[small].sum()))


def _ideal(counts: ClassCounts, bits: int, shannon: float) -> Ideal:
    n = counts.n
    sizes, classes = counts.sizes_of_sizes
    uniform = math.ldexp(1.0, -bits)
    k = math.ldexp(n, -bits)
    # The classes above the uniform share hold all the surplus, and the surplus is the distance.
    surplus = np.maximum(0.0, sizes / n - uniform)
    return Ideal(
        k=k,
        ratio=float(sizes[0]) / k if k else math.inf,
        bits_short=bits - shannon,
        distance=float((classes * surplus).sum()),
        distance_by_chance=_distance_by_chance(n, bits),
    )


def _distance_by_chance(n: int, bits: int) -> float:
    """Return the expected total variation distance of n uniform draws from uniform.

    De Moivre's formula for the mean absolute deviation of a binomial count,
    ``2 (m + 1) C(n, m + 1) u**(m + 1) (1 - u)**(n - m)`` with ``m = floor(n u)``, times ``2**N``
    codes, halved, divided by n; in logarithms.
    """
    m = n >> bits
    log_u = -bits * math.log(2)
    log_choose = math.lgamma(n + 1) - math.lgamma(m + 2) - math.lgamma(n - m)
    log = math.log(m + 1) + log_choose + (m + 1) * log_u - math.log(n)
    log += (n - m) * math.log1p(-math.ldexp(1.0, -bits)) - log_u
    return min(1.0, math.exp(log))
