"""One column of a table as codes: whole numbers below ``2**bits``, none missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["code_type", "codes_of"]


def code_type(kind: Any) -> np.dtype[Any] | None:
    """Return the type that codes of an Arrow type have in numpy, ``None`` if it holds no codes."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.dtype(np.uint64)
    return np.dtype(kind.to_pandas_dtype()) if pa.types.is_integer(kind) else None


def codes_of(
    batches: Iterator[Any], bits: int | None, *, where: object
) -> Iterator[NDArray[np.integer[Any]]]:
    """Yield the codes of one column, each value checked.

    Args:
        batches: ``pyarrow.RecordBatch`` of the one column, whole numbers or text.
        bits: N, or ``None`` for whole numbers of any size.
        where: file and column, for the errors.

    Raises:
        InputError: if a value is missing, no whole number, negative or above ``2**bits - 1``.
    """
    first = 0
    for batch in batches:
        yield _checked(batch.column(0), bits, first, where)
        first += batch.num_rows


def _checked(column: Any, bits: int | None, first: int, where: object) -> NDArray[np.integer[Any]]:
    rule = f"a code of {bits} bits is a whole number from 0 to {_largest(bits)}, none missing"
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise InputError(
            f"the code in row {first + row} is missing",
            where=where,
            rule=rule,
            found=f"{column.null_count} nulls",
            remedy="leave --bits out to count null as a value of its own",
        )
    if not pa.types.is_integer(column.type):
        column = _from_text(column, first, rule, where)
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    if not values.size:
        return values
    low, high = int(values.min()), int(values.max())
    if low < 0 or (bits is not None and high >= 1 << bits):
        row = int(values.argmin() if low < 0 else values.argmax())
        problem = "is negative" if low < 0 else f"has bits set above the {bits} bits of a code"
        raise InputError(
            f"the code in row {first + row} {problem}",
            where=where,
            rule=rule,
            found=int(values[row]),
            remedy="give the right --bits",
        )
    return values


def _from_text(column: Any, first: int, rule: str, where: object) -> Any:
    fine = pc.match_substring_regex(column, r"^[0-9]+$").to_numpy(zero_copy_only=False)
    try:
        if fine.all():
            return pc.cast(column, pa.uint64())
    except pa.ArrowInvalid:  # more than 64 bits
        fine = np.array([int(text.as_py()) < 1 << 64 for text in column])
    row = int(np.argmin(fine))
    raise InputError(
        f"row {first + row} is not a whole number of at most 64 bits",
        where=where,
        rule=rule,
        found=repr(column[row].as_py()[:80]),
        remedy="leave --bits out to count the values as text",
    )


def _largest(bits: int | None) -> str:
    return str((1 << bits) - 1) if bits is not None and bits <= 64 else f"2**{bits} - 1"
