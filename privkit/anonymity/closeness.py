"""t-closeness: how far the sensitive values of a class are from those of everybody.

Li, Li and Venkatasubramanian (2007), "t-Closeness: Privacy Beyond k-Anonymity and l-Diversity".
The distance is the earth mover's between the values in a class, ``q``, and in the whole table,
``p``, exactly, in the two forms of their section 5:

* equal ground distance, for categories: ``1/2 sum |q_i - p_i|``, the total variation;
* ordered distance, for the m different values of a number or date in their order:
  ``1/(m-1) sum_i |sum_{j<=i} (q_j - p_j)|``. It is never larger than the equal one.

t is the largest distance of any class, by the equal ground distance, which is the larger of the
two: whole numbers may be the codes of categories, whose order says nothing, and the ordered
distance would then promise too much. Where the values have an order, the ordered distance stands
beside it. pycanon's t is the ordered one for columns of numbers, by their pandas type, and divides
by zero where all values are the same; t is 0 here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping
from privkit.anonymity.quantiles import quantiles
from privkit.anonymity.sensitive import ClassValues, Sensitive, class_values

__all__ = ["Closeness", "closeness"]


@dataclass(frozen=True)
class Closeness:
    """t-closeness of one sensitive column.

    Attributes:
        name: the column.
        values: different values.
        records: records.
        missing: records without a value.
        t: the largest distance of a class with equal ground distance, 0 to 1.
        ordered: the same with ordered distance, never larger; ``None`` where the values have no
            order.
        size: records in the class whose distance is t, the largest of them.
        quantiles: the distance of their class that so many percent of the records do not exceed,
            one entry for each of ``PERCENTS``.
    """

    name: str
    values: int
    records: int
    missing: int
    t: float
    ordered: float | None
    size: int
    quantiles: tuple[float, ...]


def closeness(grouping: Grouping, sensitive: Sensitive) -> Closeness:
    """Measure the t-closeness of one sensitive column.

    Args:
        grouping: the class of each record.
        sensitive: its sensitive value.

    Raises:
        InputError: if there is not one value a record.
    """
    found = class_values(grouping, sensitive)
    whole = np.bincount(sensitive.grouping.labels, minlength=sensitive.grouping.classes)
    equal = _equal(found, whole.astype(np.int64))
    ordered = _ordered(found, whole.astype(np.int64)) if sensitive.ordered else None
    t = float(equal.max())
    return Closeness(
        name=sensitive.name,
        values=sensitive.grouping.classes,
        records=len(grouping),
        missing=sensitive.missing,
        t=t,
        ordered=None if ordered is None else float(ordered.max()),
        size=int(found.sizes[equal == t].max()),
        quantiles=tuple(quantiles(equal, found.sizes).tolist()),
    )


def _equal(found: ClassValues, whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Total variation: the surplus of the values that a class has too much of."""
    shares = found.counts / found.sizes[found.classes]
    surplus = np.maximum(0.0, shares - whole[found.values] / whole.sum())
    distances: NDArray[np.float64] = np.add.reduceat(surplus, found.starts)
    return distances


def _ordered(found: ClassValues, whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ordered distance from the entries alone, without a matrix of classes by values.

    The cumulated share of a class is constant, a, from one of its values to the next, and that of
    the whole, F, ascends: the sum of |a - F| over such a stretch is split where F passes a, and
    each side comes from the cumulated sums of F.
    """
    if whole.size == 1:
        return np.zeros(found.sizes.size)
    heights = np.cumsum(whole) / whole.sum()
    area = np.concatenate(([0.0], np.cumsum(heights)))
    cumulated = np.cumsum(found.counts)
    cumulated -= (cumulated - found.counts)[found.starts][found.classes]
    level = cumulated / found.sizes[found.classes]
    begin = found.values
    end = np.append(begin[1:], whole.size)
    end[np.append(found.starts[1:], begin.size) - 1] = whole.size
    split = np.clip(np.searchsorted(heights, level), begin, end)
    stretch = level * (2 * split - begin - end) - 2 * area[split] + area[begin] + area[end]
    ahead = area[begin[found.starts]]  # before its first value a class has nothing: a = 0
    distances: NDArray[np.float64] = np.add.reduceat(stretch, found.starts) + ahead
    return np.maximum(0.0, distances) / (whole.size - 1)
