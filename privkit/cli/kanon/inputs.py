"""What the options of ``privkit kanon`` name: columns, files that go with the codes, sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privkit.errors import InputError

if TYPE_CHECKING:
    from privkit.anonymity.grouped import Beside
    from privkit.features.stored import StoredCodes
    from privkit.result import DataUsed

__all__ = ["With", "column_names", "memory_bytes", "open_stored"]

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def column_names(given: Sequence[str] | None) -> list[str] | None:
    """``--columns age,sex --columns zip`` as a list."""
    if given is None:
        return None
    return [name for one in given for name in one.split(",") if name]


def memory_bytes(text: str | None) -> int | None:
    """Read ``600MB`` or ``2GiB``.

    Raises:
        InputError: if it is no size.
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,12})\s*([kmg]?i?)b?\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise InputError(
            "this is no size of memory",
            where="--memory",
            rule="a whole number and a unit, e.g. 600MB or 2GiB",
            found=text,
        )
    return int(found[1]) * _UNITS[found[2]]


def open_stored(
    codes: str,
    *,
    bits: int | None,
    code: str | None,
    columns: Sequence[str] | None,
    metadata: str | None,
) -> StoredCodes:
    """Open what ``--codes`` names.

    Args:
        codes: files.
        bits: N.
        code: the column that holds the code.
        columns: the quasi-identifiers, of ``--with`` where that is given.
        metadata: what ``--with`` named.

    Raises:
        InputError: if the codes cannot be opened, or it is not said which column is the code.
    """
    from privkit.features.open import open_codes

    if code is not None:
        return open_codes(codes, bits=bits, columns=[code])
    if metadata is None:
        return open_codes(codes, bits=bits, columns=columns)
    try:
        return open_codes(codes, bits=bits)
    except InputError as error:
        if error.rule is None or not error.rule.endswith("with --columns"):
            raise
        raise InputError(
            "it is not said which column holds the code",
            where=error.where,
            rule="beside --with, --columns names its columns; --code names that of --codes",
            found=error.found,
            remedy="add --code COLUMN",
        ) from error


class With:
    """The files that go with the codes, a value a record.

    Args:
        stored: the codes.
        codes: what ``--codes`` named.
        metadata: what ``--with`` named.
    """

    def __init__(self, stored: StoredCodes, codes: str, metadata: str | None) -> None:
        self._stored = stored
        self._metadata = metadata
        self._codes = codes
        self._tables = [name for name in (metadata, codes if stored.columns else None) if name]
        self.data: list[DataUsed] = []

    def values(self, given: str, option: str, role: str) -> Any:
        """The column or the file that an option names, as a table of one column.

        Raises:
            InputError: if there is neither such a file nor such a column.
        """
        from privkit.features.columns import open_columns

        if Path(given).exists():
            return self._opened(given, None, option, role)
        where = self._tables[0] if self._tables else None
        if where is None or "/" in given:
            raise InputError(
                "there is no such file",
                where=option,
                rule="a file with a value for each record, or a column of --with or of the table",
                found=given,
                remedy="check the path, or give --with FILE that has the column",
            )
        for table in self._tables[:-1]:
            try:
                return open_columns(table, [given], rows=self._stored.n, option=option)
            except InputError as error:
                if "column" not in error.what:
                    raise
        return open_columns(self._tables[-1], [given], rows=self._stored.n, option=option)

    def beside(
        self, person: str | None, sensitive: Sequence[str] | None, columns: Sequence[str] | None
    ) -> Beside:
        """Everything that the options name.

        Raises:
            InputError: if a file or column is not there, or has not one value for each record.
        """
        from privkit.anonymity.grouped import Beside
        from privkit.anonymity.sensitive import sensitive_column
        from privkit.features.columns import persons_of

        persons = None
        if person is not None:
            persons = persons_of(self.values(person, "--person", "people"))
        tables = [self.values(name, "--sensitive", "sensitive values") for name in sensitive or ()]
        found = [sensitive_column(table, name) for table in tables for name in table.column_names]
        metadata = None
        if self._metadata is not None:
            metadata = self._opened(self._metadata, columns, "--with", "metadata")
            if columns is None:
                used = {person, *(sensitive or ())}
                if Path(self._metadata).absolute() == Path(self._codes).absolute():
                    # The code is no metadata of its own.
                    used |= set(self._stored.columns)
                metadata = metadata.select([c for c in metadata.column_names if c not in used])
        return Beside(persons, metadata, found)

    def _opened(self, path: str, columns: Sequence[str] | None, option: str, role: str) -> Any:
        from privkit.features.columns import open_columns
        from privkit.features.files import find_files
        from privkit.features.stored import files_sha256
        from privkit.result import DataUsed

        table = open_columns(path, columns, rows=self._stored.n, option=option)
        files = find_files(path, option=option)
        self.data.append(DataUsed(files.source, role, files_sha256(files.paths), table.num_rows))
        return table
