"""What the analyses of prefixes and single bits accept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import Codes
from privkit.features.stored import StoredCodes

__all__ = ["check_k", "check_persons", "known"]


def known(stored: StoredCodes | Codes) -> tuple[StoredCodes, int]:
    """Return the codes as stored ones together with N.

    Raises:
        InputError: if N is not known: then nobody can say what a prefix is.
    """
    if isinstance(stored, Codes):
        stored = StoredCodes.from_codes(stored)
    if stored.bits is None:
        raise InputError(
            "the number of bits of these codes is not known",
            where=stored.source,
            rule="prefixes and single bits are those of codes of N bits",
            found=stored.kind,
            remedy="give --bits (or bits=)",
        )
    return stored, stored.bits


def check_persons(persons: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the person ids if there is one for each record, dense from 0.

    Raises:
        InputError: if there is not.
    """
    persons = np.asarray(persons)
    if persons.shape != (n,) or persons.dtype.kind not in "iu" or persons.min() < 0:
        raise InputError(
            "these are not the persons of the codes",
            where="persons",
            rule=f"one whole number of at least 0 for each of the {n} records",
            found=f"{persons.dtype} of shape {persons.shape}",
        )
    if persons.max() >= n:
        raise InputError(
            "the person ids are not dense",
            where="persons",
            rule="ids from 0 to the number of people minus 1, which is below the number of records",
            found=int(persons.max()),
        )
    return persons.astype(np.int64, copy=False)


def check_k(k: object, *, where: str) -> int:
    """Return a k if it is a whole number of at least 1.

    Raises:
        InputError: if it is not.
    """
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if not whole or int(k) < 1:  # type: ignore[call-overload]
        raise InputError(
            "the threshold cannot be used",
            where=where,
            rule="a whole number of at least 1",
            found=repr(k),
        )
    return int(k)  # type: ignore[call-overload, no-any-return]
