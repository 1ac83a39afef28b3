"""Notice records that are attacked and known at once: finding them again proves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.evaluation.equal_rows import equal_rows

__all__ = ["copied_share"]

#: Rows of which fewer are different come again by themselves, as short codes do.
_VARIED = 0.5


def copied_share(
    known: NDArray[np.float32],
    store: NDArray[np.float32],
    known_person: NDArray[np.int64] | None = None,
    person: NDArray[np.int64] | None = None,
) -> float:
    """The share of known records that are records of the store.

    Of records that come again by themselves only the whole store, in any order, is told: 1, else 0.

    Args:
        known: ``(m, width)``.
        store: ``(n, width)``.
        known_person: ``(m,)``; with ``person`` a record is the same only of the same person.
        person: ``(n,)``.
    """
    code = equal_rows(np.concatenate([known, store]))
    m = len(known)
    varied = len(np.unique(code[:m])) >= _VARIED * m
    if known_person is not None and person is not None:
        owner = np.concatenate([known_person, person])
        _, code = np.unique(code * (owner.max() + 1) + owner, return_inverse=True)
    kinds = int(code.max()) + 1
    held, stored = (np.bincount(part, minlength=kinds) for part in (code[:m], code[m:]))
    if not varied:
        return float(np.array_equal(held, stored))
    return float(np.minimum(held, stored).sum() / m)
