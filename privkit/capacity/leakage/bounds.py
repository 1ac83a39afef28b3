"""Bounds on the error of any adversary who guesses a secret from a stored feature.

Whatever the adversary knows and computes: the bounds follow from the information alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from privkit.errors import InputError

__all__ = ["fano_error", "guessing_error", "least_error", "nearest_neighbour_bound"]


def fano_error(entropy: float, information: float, values: int) -> float:
    """The least share of wrong guesses that the mutual information leaves (Fano 1961).

    An adversary who errs with probability e has ``h(e) + e log2(C - 1) >= H(S) - I(S; X)``
    (Cover and Thomas 2006, theorem 2.10.1). The smallest such e is returned. It is at least the
    usual ``(H - I - 1) / log2(C - 1)``, and says something of two values too.

    Args:
        entropy: ``H(S)`` of the secret, in bits, at most ``log2 C``.
        information: ``I(S; X)`` in bits.
        values: C, of the secret.

    Raises:
        InputError: a negative figure, or more entropy than the values can have.
    """
    if min(entropy, information) < 0 or values < 1 or entropy > math.log2(values) + 1e-9:
        raise InputError(
            "there is no such secret",
            where="fano_error",
            rule="0 <= entropy <= log2 values, 0 <= information",
            found=f"entropy {entropy:g}, information {information:g}, {values} values",
        )
    left = entropy - information
    top = 1 - 1 / values
    if left <= 1e-12:
        return 0.0
    if _fano(top, values) <= left:
        return top
    error: float = brentq(lambda e: _fano(e, values) - left, 0.0, top)
    return error


def _fano(error: float, values: int) -> float:
    """``h(e) + e log2(C - 1)``, increasing up to ``1 - 1 / C``."""
    wrong = error * math.log2(values - 1) if values > 2 else 0.0
    return _binary_entropy(error) + wrong


def _binary_entropy(p: float) -> float:
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def guessing_error(prior: float, bits: float) -> float:
    """The least share of wrong guesses from N bits: ``1 - 2**N max p(s)``, at least 0.

    A feature of ``2**N`` values multiplies the chance of a right guess by ``2**N`` at most (Smith
    2009, theorem 1).

    Args:
        prior: the probability of the likeliest value.
        bits: N.
    """
    return max(0.0, 1 - prior * math.exp2(min(bits, 1000.0)))


def least_error(
    shares: ArrayLike, *, information: float | None = None, bits: float | None = None
) -> float:
    """The least share of wrong guesses that any adversary must make.

    Args:
        shares: ``(values,)``, how frequent each value of the secret is; they sum to 1.
        information: mutual information of secret and feature in bits, where known.
        bits: N of a stored code, where known; the mutual information is N at most.

    Returns:
        The largest of the bounds that apply; 0 where neither figure is given.

    Raises:
        InputError: shares that are none.
    """
    p = np.asarray(shares, dtype=np.float64)
    if p.ndim != 1 or not p.size or (p < 0).any() or abs(p.sum() - 1) > 1e-6:
        raise InputError(
            "these are not the shares of the values of a secret",
            where="shares",
            rule="at least one, none negative, 1 in all",
            found=f"{p.shape} with a sum of {p.sum():g}",
        )
    p = p[p > 0]
    entropy = min(max(0.0, float(-(p * np.log2(p)).sum())), math.log2(p.size))
    found = [0.0]
    if information is not None:
        found.append(fano_error(entropy, information, p.size))
    if bits is not None:
        found += [fano_error(entropy, bits, p.size), guessing_error(float(p.max()), bits)]
    return max(found)


def nearest_neighbour_bound(error: float, values: int) -> float:
    """The least error of any adversary, from that of the nearest neighbour.

    Cover and Hart (1967): ``R* >= (C - 1) / C (1 - sqrt(1 - C / (C - 1) R))``, where R is the
    error of the nearest neighbour *with endless records*; that of a finite sample is mostly larger,
    and the bound then too. F-BLEAU (Cherubin et al. 2019, section IV) measures leakage so.

    Args:
        error: R, in [0, 1].
        values: C, at least 2.
    """
    share = (values - 1) / values
    return share * (1 - math.sqrt(max(0.0, 1 - error / share)))
