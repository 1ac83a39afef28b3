"""One record of an annotation file, whose values are taken strictly.

Annotation files come from outside. Texts are kept as they stand in the file; names of videos are
refused where they could be taken for a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privkit.errors import InputError

__all__ = ["LONGEST", "Row"]

_NOT_IN_A_NAME = re.compile(r"[/\\\x00-\x1f\x7f]|\.\.")
LONGEST = 80
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an annotation file.

    Attributes:
        path: the file.
        place: where in it, e.g. ``"line 12"``.
        values: column or key to value.
    """

    path: Path
    place: str
    values: Mapping[str, Any]

    def error(
        self, what: str, *, rule: str, found: object, remedy: str | None = None
    ) -> InputError:
        """An error about this row, which names the file and the line."""
        shown = repr(found)
        if len(shown) > LONGEST:
            shown = shown[:LONGEST] + "…"
        return InputError(
            what, where=f"{self.path}: {self.place}", rule=rule, found=shown, remedy=remedy
        )

    def value(self, key: str) -> Any:
        """The value of a key that has to be there."""
        if key not in self.values:
            raise InputError(
                f"there is no {key!r}",
                where=f"{self.path}: {self.place}",
                rule=f"every record has {key!r}",
                found=", ".join(map(repr, list(self.values)[:20])) or "an empty record",
            )
        return self.values[key]

    def text(self, key: str) -> str:
        """A text, as it stands in the file; it may be empty, which the check reports."""
        value = self.value(key)
        if not _is_text(value):
            raise self.error(f"{key!r} is no text", rule="a Unicode text", found=value)
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.value(key)
        if not isinstance(value, list) or not all(map(_is_text, value)):
            raise self.error(
                f"{key!r} is no list of texts", rule="a list of Unicode texts", found=value
            )
        return tuple(value)

    def whole(self, key: str) -> int:
        """A whole number from 0, written as a number or in digits."""
        value = self.value(key)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(
                f"{key!r} is no whole number", rule="a whole number from 0", found=value
            )
        return value

    def option(self, key: str, options: Sequence[str]) -> int:
        """The index of the correct option, counted from 0."""
        rule = f"an index from 0 to {len(options) - 1}, as there are {len(options)} options"
        value = self.value(key)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{key!r} is no index of an option", rule=rule, found=value)
        if not 0 <= value < len(options):
            raise self.error("the answer's index is out of range", rule=rule, found=value)
        return value

    def video(self, key: str) -> str:
        """The name of a video; a name that could be taken for a path is refused."""
        value = self.text(key)
        if not value or value == "." or _NOT_IN_A_NAME.search(value):
            raise self.error(
                f"{key!r} is no name of a video",
                rule="a file name without folder and extension; no slash, no '..', no control "
                "character",
                found=value,
            )
        return value


def _is_text(value: object) -> bool:
    """Whether it is a text that can be written again; JSON can escape half a character."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
