"""How large the class of a sampled record is in the population that it was sampled from.

Benedetti and Franconi (1998), "Statistical and technological solutions for controlled data
dissemination", as in mu-Argus and sdcMicro: of a class of F people in the population, f were
sampled, each with the probability pi. Where all sizes F are taken for equally likely on a
logarithmic scale, F given f is negative binomial: the number of people until f are sampled. A
record of the class is then named rightly, by choosing one of the F at random, with probability

    ``E[1 / F | f] = pi**f / f * 2F1(f, f; f + 1; 1 - pi)``,

and by Euler's transformation ``pi / f * 2F1(1, 1; f + 1; 1 - pi)``, which does not overflow. For
f = 1 it is ``pi / (1 - pi) * -ln(pi)``. Scaling the class up, ``F = f / pi``, would give
``pi / f``, which is smaller for every f: the mean of 1 / F is larger than 1 / (mean of F).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["ESTIMATOR", "expected_inverse"]

_LARGE = 32
_TERMS = 64

ESTIMATOR = "negative binomial (Benedetti and Franconi 1998)"


def expected_inverse(sampled: NDArray[np.int64], fraction: float) -> NDArray[np.float64]:
    """Return the expected ``1 / F`` of classes of which so many people were sampled.

    Args:
        sampled: shape ``(m,)``, f of each class, at least 1.
        fraction: pi, the share of the population that was sampled, above 0 and at most 1.

    Returns:
        shape ``(m,)``, from ``pi / f`` to ``1 / f``; exactly ``1 / f`` where ``pi`` is 1.

    Raises:
        InputError: if the fraction is no share of a population.
    """
    if not 0 < fraction <= 1:
        raise InputError(
            "this is no sampling fraction",
            where="fraction",
            rule="above 0 and at most 1",
            found=fraction,
        )
    f = np.asarray(sampled).astype(np.float64)
    if fraction >= 0.5:
        expected = _by_series(f, fraction)
    else:
        expected = np.where(f < _LARGE, _by_recurrence(f, fraction), _by_series(f, fraction))
    clipped: NDArray[np.float64] = np.clip(expected, fraction / f, 1 / f)
    return clipped


def _by_series(f: NDArray[np.float64], fraction: float) -> NDArray[np.float64]:
    """Sum the series of the transformed function, all of whose terms are positive.

    A term is ``n / (f + n) * (1 - pi)`` of the one before it: ``_TERMS`` of them reach the
    precision of a float where pi is at least a half, or f at least ``_LARGE``.
    """
    term = fraction / f
    total = term.copy()
    for n in range(1, _TERMS):
        term = term * (n / (f + n) * (1 - fraction))
        total += term
    return total


def _by_recurrence(f: NDArray[np.float64], fraction: float) -> NDArray[np.float64]:
    """Go from f = 1 upwards, which does not enlarge errors where pi is below a half.

    By ``E[1 / F | f + 1] = pi / (1 - pi) * (1 / f - E[1 / F | f])``, since
    ``E[1 / F | f]`` is the integral of ``pi u**(f - 1) / (pi + (1 - pi) u)`` from 0 to 1. The
    series would converge too slowly there.
    """
    odds = fraction / (1 - fraction)
    values = [-odds * np.log(fraction)]
    for size in range(1, _LARGE):
        values.append(odds * (1 / size - values[-1]))
    small = np.minimum(f, _LARGE).astype(np.intp) - 1
    return np.array(values)[small]
