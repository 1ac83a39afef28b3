"""``Sizes``: class sizes as they come in, kept as how many classes have each size.

Millions of classes have few different sizes, so that this stays small where a list of all sizes
would not fit into the memory that counting may use.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts

__all__ = ["Sizes"]

_SMALL = 1 << 12


class Sizes:
    """The frequencies of class sizes, added to by every part that is counted.

    Attributes:
        small: ``small[s]`` classes have ``s`` records, for ``s`` below 4096.
    """

    def __init__(self) -> None:
        self.small: NDArray[np.int64] = np.zeros(_SMALL, dtype=np.int64)
        self._large: list[NDArray[np.int64]] = []

    def add(self, sizes: NDArray[np.integer]) -> None:
        """Add the sizes of classes, in any order; zeros are passed over."""
        plain = sizes.astype(np.int64, copy=False)
        large = plain[plain >= _SMALL]
        if large.size:
            self._large.append(large)
            plain = plain[plain < _SMALL]
        self.small += np.bincount(plain, minlength=_SMALL)

    def counts(self) -> ClassCounts:
        """Return the class sizes so far.

        Raises:
            InputError: if there is none.
        """
        small = np.flatnonzero(self.small[1:]) + 1
        large, classes = np.unique(
            np.concatenate([*self._large, np.zeros(0, np.int64)]), return_counts=True
        )
        return ClassCounts.from_frequencies(
            np.concatenate((small, large)), np.concatenate((self.small[small], classes))
        )
