"""How much more alike two rows of one person are than rows of two people, number by number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["intraclass", "towards_their_mean"]

#: A correlation that is learned from so many people counts as much as the mean over all numbers.
_PEOPLE_OF_THE_MEAN = 10.0


def intraclass(
    total: NDArray[np.float64], squares: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intraclass correlation of each number by the analysis of variance (Fleiss 1981).

    Args:
        total: ``(people, d)``, the sum of a person's rows.
        squares: ``(people, d)``, the sum of their squares; of rows of 0 and 1, ``total``.
        count: ``(people,)``, how many rows a person has.

    Returns:
        ``(d,)``, 0 for numbers that do not vary; a half throughout where nobody has two rows.
    """
    people, rows = len(count), count.sum()
    if rows == people:
        return np.full(total.shape[1], 0.5, dtype=np.float64)
    mean = total / count[:, None]
    between = (count[:, None] * (mean - total.sum(0) / rows) ** 2).sum(0) / (people - 1)
    within = (squares - total * mean).sum(0) / (rows - people)
    size = (rows - (count**2).sum() / rows) / (people - 1)
    spread = between + (size - 1.0) * within
    correlation: NDArray[np.float64] = np.zeros_like(spread)
    np.divide(between - within, spread, out=correlation, where=spread > 0)
    return correlation


def towards_their_mean(correlation: NDArray[np.float64], people: int) -> NDArray[np.float64]:
    """Shrink correlations towards their mean, the more the fewer the people they come from."""
    share = people / (people + _PEOPLE_OF_THE_MEAN)
    mixed: NDArray[np.float64] = share * correlation + (1.0 - share) * correlation.mean()
    return mixed
