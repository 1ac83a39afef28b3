"""A covariance of few rows that can be inverted: shrunk by as much as held-out people ask for.

Ledoit and Wolf's closed form (2004) aims at the covariance itself. What a likelihood ratio divides
by are its smallest eigenvalues, and where few directions tell people apart that form drowns them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.matching.base import Ints

__all__ = ["shrunk_covariance"]

Floats = NDArray[np.float64]

#: Shares of the identity that are tried.
_SHARES = np.array([1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0])
_FOLDS = 3


def shrunk_covariance(rows: Floats, group: Ints, freedom: int) -> Floats:
    """Covariance of centred rows, mixed with a multiple of the identity of the same trace.

    The share of the identity is the one under which held-out rows are likeliest (Gaussian; Friedman
    1989 chooses the share of regularised discriminant analysis by held-out rows too).

    Args:
        rows: ``(n, d)``, centred.
        group: ``(n,)``, rows of one group are held out together.
        freedom: degrees of freedom, at most n.

    Returns:
        ``(d, d)``, positive definite unless all rows are zero.
    """
    covariance: Floats = rows.T @ rows / freedom
    fold = np.unique(group, return_inverse=True)[1] % _FOLDS
    likelihood = np.zeros(len(_SHARES))
    for out in range(min(_FOLDS, int(fold.max()) + 1)):
        held = fold == out
        if not held.all():
            kept = freedom * float((~held).mean())
            likelihood += _likelihood(rows[~held], rows[held], kept)
    share = float(_SHARES[likelihood.argmax()]) if likelihood.any() else 1.0
    covariance *= 1.0 - share
    covariance[np.diag_indices_from(covariance)] += (
        share * (rows**2).sum() / freedom / len(covariance)
    )
    return covariance


def _likelihood(rows: Floats, held: Floats, freedom: float) -> Floats:
    """Log-likelihood of held-out rows under the covariance of the others, for each share."""
    n, d = rows.shape
    if n < d:
        _, root, axes = np.linalg.svd(rows, full_matrices=False)
        spread = root**2 / freedom
    else:
        spread, columns = np.linalg.eigh(rows.T @ rows / freedom)
        spread, axes = spread.clip(0.0), columns.T
    if spread.sum() <= 0:
        return np.zeros(len(_SHARES))
    along = ((held @ axes.T) ** 2).sum(0)
    beside = max(0.0, float((held**2).sum() - along.sum()))
    identity = _SHARES[:, None] * spread.sum() / d
    values = (1.0 - _SHARES[:, None]) * spread + identity
    fit = (along / values).sum(1) + beside / identity[:, 0]
    volume = np.log(values).sum(1) + (d - len(spread)) * np.log(identity[:, 0])
    likelihood: Floats = -0.5 * (fit + len(held) * volume)
    return likelihood
