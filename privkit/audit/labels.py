"""Labels of records: people, attributes, yes and no; from a column of the store or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.columns import open_columns
from privkit.features.files import Files, Given, find_files
from privkit.features.values import as_text, plain_type

__all__ = ["Labels", "attribute_values", "only", "read_labels", "read_yes_no", "text_labels"]

#: Numbers in text are numbers again where so many different ones occur: an age, not a class.
_NUMBERS = 20
_YES = frozenset({"true", "yes", "1", "1.0", "member"})
_NO = frozenset({"false", "no", "0", "0.0", "other"})


@dataclass(frozen=True, eq=False)
class Labels:
    """One label a record.

    Attributes:
        name: of the column.
        values: ``(n,)`` as read: numbers, or text with ``""`` for a missing one.
        code: ``(n,)`` number of each record's label, where they name people.
        names: the labels, ``names[code]``.
    """

    name: str
    values: NDArray[Any]
    code: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    names: Sequence[str] = ()


def read_labels(
    given: str, store: Given, *, rows: int | None, option: str
) -> tuple[list[Labels], Files | None]:
    """Read what an option names.

    Args:
        given: a column of the store, or a file with a value for each record.
        store: the files of the store.
        rows: how many records there are.
        option: the option, for errors.

    Returns:
        The columns, and the files they come from where these are not the store's.

    Raises:
        InputError: there is neither such a file nor such a column, or not one value a record.
    """
    if Path(given).exists():
        table = open_columns(given, None, rows=rows, option=option)
        files: Files | None = find_files(given, option=option)
    else:
        if "/" in given:
            raise InputError(
                "there is no such file",
                where=option,
                rule="a file with a value for each record, or a column of the store",
                found=given,
                remedy="check the path",
            )
        table = open_columns(store, [given], rows=rows, option=option)
        files = None
    columns = [Labels(n, _plain(n, table.column(n), option)) for n in table.column_names]
    return columns, files


def only(columns: Sequence[Labels], option: str) -> Labels:
    """The one column that is meant.

    Raises:
        InputError: there are several.
    """
    if len(columns) != 1:
        raise InputError(
            "it is not said which column is meant",
            where=option,
            rule="one column",
            found=f"the columns {', '.join(c.name for c in columns)}",
            remedy="name one column, or give a file of one column",
        )
    return columns[0]


def text_labels(values: NDArray[Any], *, option: str = "--person") -> Labels:
    """Number labels that name people, in the order in which they appear.

    White space around a label is no part of it.

    Raises:
        InputError: a record without a label.
    """
    text = [_text(value) for value in values.tolist()]
    if gone := text.count(""):
        raise InputError(
            f"the person of row {text.index('')} is missing",
            where=option,
            rule="every record belongs to a person",
            found=f"{gone} records without a person",
            remedy="leave these records out, or give each a person of its own",
        )
    numbers: dict[str, int] = {}  # not np.unique: numpy's text has no NUL at its end
    code = [numbers.setdefault(name, len(numbers)) for name in text]
    return Labels("", values, np.array(code, dtype=np.int64), tuple(numbers))


def read_yes_no(values: NDArray[Any], where: str) -> NDArray[np.bool_]:
    """Read labels that say yes or no.

    Raises:
        InputError: another value.
    """
    text = [_text(v).lower() for v in values.tolist()]
    for row, value in enumerate(text):
        if value not in _YES and value not in _NO:
            raise InputError(
                f"row {row} does not say whether it is a member",
                where=f"--members {where}",
                rule="true or false, yes or no, 1 or 0",
                found=repr(value[:60]),
            )
    return np.array([value in _YES for value in text], dtype=bool)


def _text(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _plain(name: str, column: Any, option: str) -> NDArray[Any]:
    """A column as numpy: numbers as numbers, all else as text with ``""`` for a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        whole = pc.cast(column, plain_type(column.type))
        kind = whole.type
        if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and not whole.null_count:
            return np.asarray(whole)
        text = pc.fill_null(as_text(whole), "")
    except pa.ArrowException as error:
        raise InputError(
            f"the column {name!r} holds no labels",
            where=option,
            rule="numbers, text, true and false, dates, or bytes",
            found=column.type,
        ) from error
    return np.array(text.to_pylist(), dtype=object)


def attribute_values(values: NDArray[Any]) -> NDArray[Any]:
    """Values of an attribute, not of people: many different finite numbers in text are numbers.

    CSV holds numbers as text. A few different ones are taken for names of classes.
    """
    if values.dtype.kind != "O":
        return values
    try:
        numbers = values.astype(np.float64)
    except ValueError:
        return values
    many = len(np.unique(numbers)) > _NUMBERS
    return numbers if many and np.isfinite(numbers).all() else values
