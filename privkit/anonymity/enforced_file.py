"""Writing codes that were made k-anonymous, and counting what was written.

The file is opened again and counted before it gets its name, by other code than that which chose
what to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.classes import ClassCounts, count_classes
from privkit.anonymity.enforce import Enforced
from privkit.anonymity.grouping import group_codes
from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.open import open_codes
from privkit.runs import write_atomically

__all__ = ["Verified", "check_enforce_out", "rows_path", "write_enforced"]


@dataclass(frozen=True, eq=False)
class Verified:
    """What was counted in the written file.

    Attributes:
        records: classes in records.
        people: classes in distinct people; ``None`` where people are not known.
    """

    records: ClassCounts
    people: ClassCounts | None

    @property
    def k(self) -> int:
        """The smallest class, in people where they are known."""
        return int((self.people or self.records).sizes.min())


def rows_path(path: Path) -> Path:
    """Return where the numbers of the kept records go: ``safe.rows.npy`` beside ``safe.npy``."""
    return path.with_suffix(".rows.npy")


def write_enforced(path: Path, enforced: Enforced) -> Verified:
    """Write the codes, open the file again and count it; keep it only if it holds K.

    Codes of at most 64 bits are written as integers of the smallest unsigned type, wider ones as
    packed bytes. Where records were left out, :func:`rows_path` receives the numbers of those
    that are kept, from 0.

    Args:
        path: an npy file that does not exist.
        enforced: what to write.

    Returns:
        The classes of the written file.

    Raises:
        InputError: if the name is no npy file, or a file exists there.
        RuntimeError: if the written file does not hold K; nothing is left behind.
    """
    check_enforce_out(path)
    found: list[Verified] = []

    def write(temporary: Path) -> None:
        np.save(temporary, _as_array(enforced.codes), allow_pickle=False)
        found.append(_verify(temporary, enforced))

    rows = rows_path(path)
    if enforced.suppressed:
        write_atomically(rows, lambda file: np.save(file, enforced.rows, allow_pickle=False))
    try:
        write_atomically(path, write)
    except BaseException:
        if enforced.suppressed:
            rows.unlink(missing_ok=True)
        raise
    return found[0]


def check_enforce_out(path: Path) -> None:
    """Refuse a bad output name before the work, not after.

    Raises:
        InputError: if the name is no npy file, or a file exists there.
    """
    if path.suffix.lower() != ".npy":
        raise InputError(
            "the codes cannot be written under this name", where=path, rule="it ends with .npy"
        )
    for file in (path, rows_path(path)):
        if file.exists() or file.is_symlink():
            raise InputError(
                "the output file exists already",
                where=file,
                rule="an existing file is never overwritten",
                remedy="name a new file",
            )


def _as_array(codes: Codes) -> NDArray[np.unsignedinteger]:
    if codes.bits > 64:
        return codes.packed
    return codes.to_integers().astype(np.min_scalar_type((1 << codes.bits) - 1), copy=False)


def _verify(path: Path, enforced: Enforced) -> Verified:
    """Open the file as anybody would and count it, by other ways than it was made."""
    stored = open_codes(path, bits=enforced.codes.bits)
    people = None
    if enforced.persons is not None:
        people = group_codes(stored).people(enforced.persons)
    found = Verified(count_classes(stored), people)
    if found.k < enforced.k or stored.n != enforced.rows.size:
        raise RuntimeError(
            f"the written codes have k = {found.k} over {stored.n} records where k >= {enforced.k} "
            f"over {enforced.rows.size} was to be enforced; nothing was written"
        )
    return found
