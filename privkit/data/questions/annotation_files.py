"""Reading annotation files row by row, strictly: every error names the file and the line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from privkit.data.questions.rows import LONGEST, Row
from privkit.errors import InputError

__all__ = ["comma_separated", "json_array", "json_lines", "read_text", "tab_separated"]

_DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte order mark.

    Raises:
        InputError: the file is empty or not UTF-8.
    """
    data = path.read_bytes()
    if not data.strip():
        raise InputError("the file is empty", where=path, found=f"{len(data)} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the file is not UTF-8",
            where=f"{path}: line {line}",
            rule="UTF-8 text",
            found=f"byte 0x{data[error.start]:02x} at position {error.start}",
            remedy="convert it, e.g. with iconv",
        ) from error


def tab_separated(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a tab-separated file with a header line and no quoting; blank lines are skipped.

    Args:
        path: the file.
        columns: the columns that have to be there.

    Raises:
        InputError: a column is missing, or a line has more or fewer fields than the header.
    """
    return _separated(path, columns, "\t", csv.QUOTE_NONE)


def comma_separated(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Rows of a comma-separated file with a header line and quoting; see :func:`tab_separated`."""
    return _separated(path, columns, ",", csv.QUOTE_MINIMAL)


def _separated(path: Path, columns: Sequence[str], delimiter: str, quoting: int) -> Iterator[Row]:
    lines = csv.reader(
        io.StringIO(read_text(path), newline=""),
        delimiter=delimiter,
        quoting=quoting,  # type: ignore[arg-type]
        strict=True,
    )
    try:
        header = next(lines)
        _check_header(path, header, columns, delimiter)
        for fields in lines:
            if not fields:
                continue
            row = Row(path, f"line {lines.line_num}", dict(zip(header, fields, strict=False)))
            if len(fields) != len(header):
                raise row.error(
                    f"the line has {len(fields)} fields",
                    rule=f"{len(header)} fields, as in the header, separated by "
                    f"{_DELIMITERS[delimiter]}",
                    found=delimiter.join(fields),
                )
            yield row
    except csv.Error as error:
        raise InputError(
            "the line cannot be read", where=f"{path}: line {lines.line_num}", found=error
        ) from error


def _check_header(path: Path, header: list[str], columns: Sequence[str], delimiter: str) -> None:
    wanted = ", ".join(columns)
    if len(header) == 1:
        others = [name for d, name in _DELIMITERS.items() if d != delimiter and d in header[0]]
        if others:
            raise InputError(
                "the columns are not separated as they should be",
                where=f"{path}: line 1",
                rule=f"columns {wanted}, separated by {_DELIMITERS[delimiter]}",
                found=f"no {_DELIMITERS[delimiter]} but {' and '.join(others)}",
                remedy="give the official file as it was published",
            )
    for name in columns:
        if header.count(name) != 1:
            found = ", ".join(repr(h[:LONGEST]) for h in header[:20])
            raise InputError(
                f"the column {name!r} is there {header.count(name)} times"
                if name in header
                else f"there is no column {name!r}",
                where=f"{path}: line 1",
                rule=f"a header line with the columns {wanted}",
                found=f"the columns {found}",
            )


def json_array(path: Path) -> Iterator[Row]:
    """Records of a JSON file that holds one list of objects.

    Raises:
        InputError: it is not JSON, not a list, or a record is not an object.
    """
    values = _parse(read_text(path), path, None)
    if not isinstance(values, list):
        raise InputError(
            "the file does not hold a list",
            where=path,
            rule='a JSON list of records, [{"question": …}, …]',
            found=f"a JSON {_kind(values)}",
        )
    for number, value in enumerate(values, start=1):
        yield _record(path, f"record {number}", value)


def json_lines(path: Path) -> Iterator[Row]:
    """Records of a JSON-lines file, one object a line; blank lines are skipped.

    Raises:
        InputError: a line is broken or not an object.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"line {number}"
            yield _record(path, place, _parse(line, path, place))


def _parse(text: str, path: Path, place: str | None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "this is not valid JSON",
            where=f"{path}: {place}" if place else path,
            rule="one JSON object a line" if place else "a JSON file",
            found=error,
            remedy="fetch the file again, it may be cut",
        ) from error


def _record(path: Path, place: str, value: Any) -> Row:
    if not isinstance(value, dict):
        raise InputError(
            "the record is not an object",
            where=f"{path}: {place}",
            rule='an object, {"question": …}',
            found=f"a JSON {_kind(value)}",
        )
    return Row(path, place, value)


def _kind(value: object) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "number")
