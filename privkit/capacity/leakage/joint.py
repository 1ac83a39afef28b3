"""The joint distribution of a stored feature and a secret, where both have finitely many values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privkit.errors import InputError

__all__ = ["Joint"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Joint:
    """Pairs of a feature's value and a secret's value with their probabilities.

    Attributes:
        p: ``(cells,)``, of each pair that occurs; they sum to 1.
        x: ``(cells,)``, the feature's value, from 0.
        s: ``(cells,)``, the secret's value, from 0.
    """

    p: Floats
    x: Ints
    s: Ints

    @classmethod
    def of_matrix(cls, matrix: ArrayLike) -> Joint:
        """From the probabilities ``(values of the feature, values of the secret)``.

        Raises:
            InputError: not a matrix of probabilities with a sum of 1.
        """
        p = np.asarray(matrix, dtype=np.float64)
        if p.ndim != 2 or not (p >= 0).all() or abs(p.sum() - 1) > 1e-9:
            raise InputError(
                "this is not a joint distribution",
                where="matrix",
                rule="two dimensions, none negative, 1 in all",
                found=f"shape {p.shape} with a sum of {p.sum():g}",
            )
        x, s = np.nonzero(p)
        return cls(p[x, s], x, s)

    @classmethod
    def of_records(cls, x: Ints, s: Ints) -> Joint:
        """The shares of the pairs among records, ``(n,)`` and ``(n,)``, whole numbers from 0."""
        width = int(s.max()) + 1
        cells, counts = np.unique(x * width + s, return_counts=True)
        return cls(counts / len(x), cells // width, cells % width)

    @cached_property
    def of_x(self) -> Floats:
        """The probability of each value of the feature."""
        found: Floats = np.bincount(self.x, weights=self.p).astype(np.float64)
        return found

    @cached_property
    def of_s(self) -> Floats:
        """The probability of each value of the secret."""
        found: Floats = np.bincount(self.s, weights=self.p).astype(np.float64)
        return found

    @property
    def entropy(self) -> float:
        """``H(S)`` in bits."""
        p = self.of_s[self.of_s > 0]
        return max(0.0, float(-(p * np.log2(p)).sum()))

    @cached_property
    def density(self) -> Floats:
        """``(cells,)``, ``log2 p(x, s) / (p(x) p(s))``, whose mean is the mutual information."""
        found: Floats = np.log2(self.p / (self.of_x[self.x] * self.of_s[self.s]))
        return found

    @property
    def mutual_information(self) -> float:
        """``I(S; X)`` in bits."""
        return max(0.0, float(self.p @ self.density))

    @property
    def prior(self) -> float:
        """The chance of the best guess without the feature, ``max_s p(s)``."""
        return min(1.0, float(self.of_s.max()))

    @cached_property
    def best(self) -> Floats:
        """``max_s p(x, s)`` for each value of the feature."""
        out = np.zeros(len(self.of_x))
        np.maximum.at(out, self.x, self.p)
        return out

    @property
    def vulnerability(self) -> float:
        """The chance of the best guess with the feature, ``sum_x max_s p(x, s)``: of no error."""
        return min(1.0, float(self.best.sum()))

    @property
    def min_entropy_leakage(self) -> float:
        """``log2`` of how many times likelier a right guess becomes (Smith 2009, section 3.2)."""
        return max(0.0, math.log2(self.vulnerability / self.prior))

    def guesses(self) -> Ints:
        """For each value of the feature the likeliest secret, the first of equal ones."""
        top = self.p >= self.best[self.x]
        out = np.full(len(self.of_x), len(self.of_s), dtype=np.int64)
        np.minimum.at(out, self.x[top], self.s[top])
        return out
