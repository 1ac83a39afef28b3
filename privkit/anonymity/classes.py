"""How large the equivalence classes of stored codes are, counted exactly.

Codes are counted by the engine in :mod:`privkit.anonymity.counting`, columns of a table by Arrow,
see :mod:`privkit.anonymity.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.counting.folder import check_tmp
from privkit.anonymity.counting.plain import count_rows, runs
from privkit.anonymity.tables import count_table
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import Form, StoredCodes

__all__ = ["ClassCounts", "check_fits", "count_classes", "count_rows", "runs"]

_DENSE = 1 << 16


class ClassCounts:
    """How large the equivalence classes are.

    Args:
        sizes: shape ``(classes,)``, whole numbers, records in each class, in any order, all at
            least 1.
        n: records, the sum of ``sizes``.

    Raises:
        InputError: if the sizes are not those of ``n`` records.
    """

    def __init__(self, sizes: NDArray[np.integer], n: int) -> None:
        sizes = np.asarray(sizes)
        if sizes.ndim != 1 or not sizes.size or sizes.dtype.kind not in "iu" or sizes.min() < 1:
            raise InputError(
                "these are not the sizes of equivalence classes",
                where="sizes",
                rule="whole numbers of at least 1, in one dimension, at least one",
                found=f"{sizes.dtype} of shape {sizes.shape}",
            )
        if int(sizes.sum()) != n:
            raise InputError(
                "the sizes do not add up to the records",
                where="n",
                rule=f"n is the sum of the sizes, {int(sizes.sum())}",
                found=n,
            )
        self._n = int(n)
        self._sizes: NDArray[np.int64] | None = sizes.astype(np.int64, copy=False)

    @classmethod
    def from_sizes(cls, sizes: NDArray[np.integer]) -> ClassCounts:
        """Build from the sizes alone."""
        return cls(sizes, int(np.sum(sizes)))

    @classmethod
    def from_frequencies(cls, sizes: NDArray[np.int64], classes: NDArray[np.int64]) -> ClassCounts:
        """Build from the different sizes, ascending, and how many classes have each.

        Args:
            sizes: shape ``(m,)``, int64.
            classes: shape ``(m,)``, int64, at least 1 each.

        Raises:
            InputError: if these are not frequencies of sizes.
        """
        same = sizes.shape == classes.shape
        if not same or (np.diff(sizes) <= 0).any() or (classes < 1).any():
            raise InputError(
                "these are not the frequencies of class sizes",
                where="sizes",
                rule="different sizes, ascending, and of each at least one class",
            )
        made = cls(sizes, int(sizes.sum()))
        made._n = int((sizes * classes).sum())
        made._sizes = None
        made.__dict__["sizes_of_sizes"] = (sizes, classes)
        return made

    @property
    def n(self) -> int:
        """Records."""
        return self._n

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Records in each class, shape ``(classes,)``; as long as there are classes.

        Every measure can be computed from ``sizes_of_sizes``, which is short.
        """
        if self._sizes is not None:
            return self._sizes
        return np.repeat(*self.sizes_of_sizes)

    @cached_property
    def sizes_of_sizes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The sizes that occur, ascending, and how many classes have each; both ``(m,)``.

        The frequencies of frequencies of the species literature. There are at most
        ``sqrt(2 n)`` different sizes, so every measure is quick to compute from them.
        """
        if int(self.sizes.max()) <= max(_DENSE, self.sizes.size):
            classes = np.bincount(self.sizes)
            sizes = np.flatnonzero(classes)
            return sizes, classes[sizes]
        return runs(np.sort(self.sizes))

    @property
    def classes(self) -> int:
        """Number of equivalence classes that occur."""
        return int(self.sizes_of_sizes[1].sum())

    def classes_of_size(self, size: int) -> int:
        """Return how many classes have exactly ``size`` records."""
        sizes, classes = self.sizes_of_sizes
        return int(classes[sizes == size].sum())


def count_classes(
    stored: StoredCodes | Codes,
    *,
    memory: int | None = None,
    tmp: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ClassCounts:
    """Count the equivalence classes of stored codes exactly.

    Args:
        stored: what ``open_codes`` returned, or codes in memory.
        memory: bytes to use at most beyond the file itself, which stays memory-mapped, and some
            2 MB of fixed tables; by default half of what the machine has available. What does not
            fit is divided on disk and counted part by part. Tables above 64 MiB
            are counted by DuckDB under this limit.
        tmp: folder for that; by default the system's temporary folder. If the process is killed,
            the same call goes on where it stood.
        progress: called with a step in words, how much of it is done and how much there is.

    Returns:
        The class sizes.

    Raises:
        InputError: if there is no record, more classes than the declared bits allow, no room on
            the disk for what does not fit into memory, or ``tmp`` cannot be written to.
    """
    check_tmp(tmp)
    if isinstance(stored, Codes):
        stored = StoredCodes.from_codes(stored)
    if stored.form is Form.TABLE and (stored.quasi is None or stored.quasi.in_memory):
        counts = ClassCounts(count_table(stored), stored.n)
    elif stored.form is Form.TABLE:
        from privkit.anonymity.engines import duckdb

        counts = duckdb.count(stored, memory=memory, tmp=tmp)
    else:
        from privkit.anonymity.counting.stored import count_stored

        counts = count_stored(stored, memory=memory, tmp=tmp, progress=progress)
    check_fits(counts, stored)
    return counts


def check_fits(counts: ClassCounts, stored: StoredCodes) -> None:
    """Refuse more classes than codes of N bits have values.

    Raises:
        InputError: if there are more.
    """
    if stored.bits is not None and stored.bits < 63 and counts.classes > 1 << stored.bits:
        raise InputError(
            f"there are {counts.classes} classes, more than {stored.bits} bits allow",
            where=stored.source,
            rule=f"{stored.bits} bits have {1 << stored.bits} values",
            remedy="give the right --bits, or leave it out",
        )
