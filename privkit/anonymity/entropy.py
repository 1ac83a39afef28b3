"""Entropies of the distribution over equivalence classes, in bits, with their corrections.

Counting a sample makes every distribution look more concentrated than it is, so that the plug-in
entropies come out too low. The corrected estimates stand beside them:

* Shannon: Miller (1955), ``H + (m - 1) / (2 n ln 2)`` for ``m`` classes seen; Chao and Shen
  (2003), which reckons with classes that were not seen at all.
* Collision (Rényi of order 2): ``sum n_i (n_i - 1) / (n (n - 1))`` is an unbiased estimate of the
  probability that two records share a class (Simpson 1949).
* Min-entropy: the most common value estimate of NIST SP 800-90B, section 6.3.1, which takes the
  upper end of a 99% interval for the largest probability. That is careful for passwords; for
  identification, where entropy is what tells people apart, the plug-in is the careful figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from privkit.anonymity.classes import ClassCounts

__all__ = [
    "Entropies",
    "chao_shen",
    "collision_interval",
    "collision_probability",
    "entropies",
    "miller_madow",
    "miller_madow_interval",
    "min_entropy_nist",
    "near_ceiling",
    "shannon",
]

MOST_UNSEEN = 0.002
"""Share of singletons (Good and Turing: of unseen mass) up to which an entropy has an interval."""

_Z = 1.959963984540054  # two-sided 95%
_Z_NIST = 2.576  # the two-sided 99% point, as SP 800-90B prints it


@dataclass(frozen=True)
class Entropies:
    """Entropies in bits; estimates that are not defined for the sample are ``None``.

    Attributes:
        shannon: plug-in Shannon entropy.
        miller_madow: Shannon entropy, Miller-Madow correction.
        chao_shen: Shannon entropy, Chao-Shen estimate.
        collision: from the unbiased collision probability; ``None`` where no two records share a
            class, because the sample then bounds it only from below.
        collision_plugin: ``-log2 sum p_i**2`` of the sample.
        minimum: min-entropy of the sample, ``-log2 max p_i``.
        minimum_nist: the careful bound of NIST SP 800-90B.
        ceiling: ``log2 n``, which no plug-in entropy of ``n`` records can exceed.
        bits: N, which no true entropy of N-bit codes can exceed; ``None`` if not known. The
            corrected estimates are cut off there.
    """

    shannon: float
    miller_madow: float
    chao_shen: float
    collision: float | None
    collision_plugin: float
    minimum: float
    minimum_nist: float
    ceiling: float
    bits: int | None


def entropies(counts: ClassCounts, *, bits: int | None = None) -> Entropies:
    """Compute all entropies of a sample.

    Args:
        counts: the class sizes.
        bits: N, where known.
    """
    most = math.inf if bits is None else float(bits)
    pairs = collision_probability(counts)
    sizes, classes = counts.sizes_of_sizes
    share = sizes / counts.n
    return Entropies(
        shannon=shannon(counts),
        miller_madow=min(most, miller_madow(counts)),
        chao_shen=min(most, chao_shen(counts)),
        collision=min(most, _log2_of_one_over(pairs)) if pairs else None,
        collision_plugin=_log2_of_one_over(float((classes * share**2).sum())),
        minimum=_log2_of_one_over(float(share[-1])),
        minimum_nist=min_entropy_nist(counts),
        ceiling=math.log2(counts.n),
        bits=bits,
    )


def shannon(counts: ClassCounts) -> float:
    """Return the plug-in Shannon entropy in bits."""
    sizes, classes = counts.sizes_of_sizes
    share = sizes / counts.n
    return max(0.0, float(-(classes * share * np.log2(share)).sum()))


def near_ceiling(entropy: float, n: int) -> bool:
    """Tell whether an entropy as counted lies within 1 bit of ``log2 n``, its ceiling."""
    return n > 1 and entropy > math.log2(n) - 1


def miller_madow(counts: ClassCounts) -> float:
    """Return the Shannon entropy in bits with the correction of Miller (1955)."""
    return shannon(counts) + (counts.classes - 1) / (2 * counts.n * math.log(2))


def miller_madow_interval(counts: ClassCounts) -> tuple[float | None, float | None]:
    """Return the 95% interval of the Shannon entropy around the Miller-Madow estimate, in bits.

    Normal, with the variance of the plug-in to second order (Basharin 1959; Harris 1975):
    ``(sum p ln(p)**2 - H**2) / n + (m - 1) / (2 n**2)`` for ``m`` classes seen. It does not reckon
    with classes that were not seen.

    Returns:
        Lower and upper end; both ``None`` where the share of singletons exceeds
        :data:`MOST_UNSEEN`, as the estimate is then biased by more than the interval is wide, and
        where there is one class only, which has no variance.
    """
    n = counts.n
    sizes, classes = counts.sizes_of_sizes
    if counts.classes == 1 or counts.classes_of_size(1) > MOST_UNSEEN * n:
        return None, None
    share = sizes / n
    logs = np.log(share)
    mean = float((classes * share * logs).sum())
    square = float((classes * share * logs**2).sum())
    variance = max(0.0, square - mean**2) / n + (counts.classes - 1) / (2 * n**2)
    half = _Z * math.sqrt(variance) / math.log(2)
    middle = miller_madow(counts)
    return max(0.0, middle - half), middle + half


def chao_shen(counts: ClassCounts) -> float:
    """Return the Shannon entropy in bits after Chao and Shen (2003).

    Where every record is alone in its class, the coverage would be estimated as 0; one
    singleton is then not counted as such, as is usual.
    """
    sizes, classes = counts.sizes_of_sizes
    singles = counts.classes_of_size(1)
    coverage = 1 - (min(singles, counts.n - 1) if counts.n > 1 else 0) / counts.n
    share = coverage * sizes / counts.n
    with np.errstate(divide="ignore"):  # one class only: log1p(-1) = -inf, the weight is 1
        seen = -np.expm1(counts.n * np.log1p(-share))
    return max(0.0, float(-(classes * share * np.log2(share) / seen).sum()))


def collision_probability(counts: ClassCounts) -> float | None:
    """Return the unbiased estimate of the probability that two records share a class.

    Returns:
        ``sum n_i (n_i - 1) / (n (n - 1))``; ``None`` for a single record, which has no pair.
    """
    if counts.n < 2:
        return None
    sizes, classes = counts.sizes_of_sizes
    # Python integers: the sum of squares of 1e10 records does not fit into 64 bits.
    pairs: int = sum(k * s * (s - 1) for s, k in zip(sizes.tolist(), classes.tolist(), strict=True))
    return float(pairs / (counts.n * (counts.n - 1)))


def collision_interval(counts: ClassCounts) -> tuple[float | None, float | None]:
    """Return the 95% interval of the collision probability.

    The variance is that of the U-statistic (Hoeffding 1948), ``4 (n - 2) z1 / (n (n - 1)) + 2 z2
    / (n (n - 1))`` with ``z1 = s3 - s2**2`` from the records and ``z2 = s2 - s2**2`` from the
    pairs, where the power sums ``s2`` and ``s3`` of the shares are estimated without bias. The
    interval is normal on the logarithm, because with few pairs their number is as skewed as a
    Poisson count.

    Returns:
        Lower and upper end; both ``None`` for a single record; 0 and ``None`` where no two
        records share a class, because their number then has no known variance. Where all share
        one, the lower end is the square of the Clopper-Pearson end of its share.
    """
    square = collision_probability(counts)
    if square is None:
        return None, None
    if not square:
        return 0.0, None
    n = counts.n
    if counts.classes == 1:  # no variance, yet others may exist: the exact end of a share of n / n
        return float(0.05 ** (2 / n)), 1.0
    sizes, classes = counts.sizes_of_sizes
    s = sizes.astype(np.float64)
    cube = float((classes * s * (s - 1) * (s - 2)).sum()) / (n * (n - 1) * max(1, n - 2))
    records = max(0.0, cube - square**2)
    variance = (4 * (n - 2) * records + 2 * (square - square**2)) / (n * (n - 1))
    factor = math.exp(_Z * math.sqrt(variance) / square)
    return square / factor, min(1.0, square * factor)


def min_entropy_nist(counts: ClassCounts) -> float:
    """Return the most common value estimate of NIST SP 800-90B, section 6.3.1, in bits."""
    if counts.n < 2:
        return 0.0
    largest = float(counts.sizes_of_sizes[0][-1]) / counts.n
    upper = largest + _Z_NIST * math.sqrt(largest * (1 - largest) / (counts.n - 1))
    return _log2_of_one_over(min(1.0, upper))


def _log2_of_one_over(probability: float) -> float:
    return max(0.0, -math.log2(probability))
