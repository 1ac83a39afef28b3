"""What it means that two values of a column are equal, and which columns cannot be counted.

Null is a value of its own, equal to null; NaN is equal to NaN; -0.0 is equal to 0.0; text is
compared as it stands. Null, NaN and empty text count as missing. Text that looks like a missing
value, as ``?`` or ``NA``, may be one or be meant: it is told apart from both.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from privkit.errors import InputError

__all__ = [
    "JUDGED",
    "as_text",
    "comparable",
    "is_text",
    "looks_missing",
    "may_hide_missing",
    "missing",
    "plain_type",
    "refuse_unbounded",
]

JUDGED = 1 << 20
"""Records from the start of a column by which it is judged whether its floats are unbounded."""

_FEWEST = 20
_MARKS = ("?", "na", "n/a", "null", "nan", "none", "")
"""Lower-case text, without white space around it, that often stands for a missing value."""


def plain_type(kind: Any) -> Any:
    """Return the type of the values of a dictionary or of an extension type, others unchanged.

    Views of text become text, which every function of Arrow takes.
    """
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind):
            kind = kind.value_type
        else:
            return pa.string() if pa.types.is_string_view(kind) else kind


def comparable(column: Any) -> Any:
    """Bring an Arrow column into the form in which equal values are equal bytes.

    Args:
        column: a ``pyarrow.Array`` or ``pyarrow.ChunkedArray``.

    Returns:
        The same values, null where it was null: floats as float64 with one zero and one NaN, dates
        and times as whole numbers of their unit.

    Raises:
        pyarrow.ArrowException: for values that Arrow cannot cast, as intervals of the calendar.
    """
    column = pc.cast(column, plain_type(column.type))
    kind = column.type
    if pa.types.is_floating(kind):
        column = pc.add(pc.cast(column, pa.float64()), 0.0)  # -0.0 becomes 0.0
        return pc.if_else(pc.is_nan(column), float("nan"), column)
    if pa.types.is_temporal(kind):
        return pc.cast(column, pa.int32() if kind.bit_width == 32 else pa.int64())
    if pa.types.is_decimal256(kind):
        return pc.cast(column, pa.string())
    return column


def as_text(column: Any) -> Any:
    """Values as text: bytes in hexadecimal, unless all of the column is text kept as bytes.

    Args:
        column: a ``pyarrow.Array`` or ``pyarrow.ChunkedArray``.

    Returns:
        ``pyarrow.string`` values, as many, null where it was null. Different bytes stay different.

    Raises:
        pyarrow.ArrowException: for values that Arrow cannot cast, as intervals of the calendar.
    """
    column = pc.cast(column, plain_type(column.type))
    if not _is_bytes(column.type):
        return pc.cast(column, pa.string())
    try:
        text = pc.cast(column, pa.string())
    except pa.ArrowInvalid:  # no UTF-8
        text = None
    # Numbers and hashes kept as bytes may be UTF-8 by chance, but hardly without control characters
    # in all of a column: two files of the same people have to be read alike.
    if text is not None and pc.all(pc.utf8_is_printable(text), min_count=0).as_py():
        return text
    digits = [None if value is None else value.hex() for value in column.to_pylist()]
    return pa.array(digits, pa.string())


def _is_bytes(kind: Any) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in (*tests, pa.types.is_binary_view))


def is_text(kind: Any) -> bool:
    """Tell whether an Arrow type is that of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def may_hide_missing(kind: Any) -> bool:
    """Tell whether a column of this type can miss values without a null: NaN, or empty text."""
    kind = plain_type(kind)
    return pa.types.is_floating(kind) or is_text(kind)


def missing(column: Any) -> Any:
    """Mark the missing values: null, NaN and empty text.

    Args:
        column: a ``pyarrow.Array`` or ``pyarrow.ChunkedArray``.

    Returns:
        Booleans without nulls, as many.
    """
    found = pc.is_null(column, nan_is_null=True)
    kind = plain_type(column.type)
    if not is_text(kind):
        return found
    empty = pc.equal(pc.binary_length(pc.cast(column, kind)), 0)
    return pc.or_(found, pc.fill_null(empty, False))


def looks_missing(column: Any) -> Any:
    """Mark the text that looks like a missing value: ?, NA, N/A, NULL, NaN, None or white space.

    Args:
        column: a ``pyarrow.Array``.

    Returns:
        Booleans without nulls, as many; none is true where :func:`missing` is.
    """
    kind = plain_type(column.type)
    if not is_text(kind):
        return pa.repeat(pa.scalar(False), len(column))
    text = pc.cast(column, kind)
    plain = pc.ascii_lower(pc.utf8_trim_whitespace(text))
    # Made here: an Arrow array at the import of this module would import pandas for everybody.
    marks = pc.is_in(plain, pa.array(_MARKS, kind))
    return pc.fill_null(pc.and_(marks, pc.greater(pc.binary_length(text), 0)), False)


def refuse_unbounded(name: str, column: Any, *, where: object) -> None:
    """Refuse floats that nearly all differ: every record would be a class of its own.

    Args:
        name: of the column.
        column: a ``pyarrow.Array`` or ``pyarrow.ChunkedArray`` of floats, or of text that may be
            floats; all else is accepted. Judged by its first ``JUDGED`` records.
        where: the file, for the error.

    Raises:
        InputError: if at least 20 values are there, not all of them whole numbers, and more than
            half of them are distinct.
    """
    values = column.slice(0, JUDGED).drop_null()
    kind = plain_type(values.type)
    if is_text(kind):
        try:
            values = pc.cast(pc.cast(values, kind), pa.float64())
        except pa.ArrowInvalid:  # text
            return
    elif not pa.types.is_floating(kind):
        return
    values = comparable(values)
    values = values.filter(pc.invert(pc.is_nan(values)))
    if len(values) < _FEWEST or pc.all(pc.equal(pc.floor(values), values)).as_py():
        return
    distinct = pc.count_distinct(values).as_py()
    if 2 * distinct > len(values):
        raise InputError(
            f"the column {name!r} holds floats that nearly all differ",
            where=where,
            rule="a quasi-identifier has few values, each shared by several people",
            found=f"{distinct} distinct values among {len(values)}",
            remedy="bin it first, e.g. round to whole numbers or to ranges such as 30-39",
        )
