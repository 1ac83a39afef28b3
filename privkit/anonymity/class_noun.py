"""What the records of a class share, in words: a code, a code with metadata, or columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CODE", "ClassNoun", "code_with", "combination_of"]

_MOST_NAMES = 5


@dataclass(frozen=True)
class ClassNoun:
    """What makes up a class.

    Attributes:
        one: the noun in the singular, e.g. ``"code with camera, hour"``.
        many: the same in the plural.
        joined: whether metadata are part of it. A class is then no longer one code, of which
            there are 2^N, and a prefix is counted within its metadata.
        codes: whether a stored code is part of it; else it is columns of a table.
    """

    one: str
    many: str
    joined: bool = False
    codes: bool = True

    @property
    def alone(self) -> bool:
        """Whether a class is one code and nothing else, so that N bits allow 2^N of them."""
        return self.codes and not self.joined


CODE = ClassNoun("code", "codes")


def code_with(columns: Sequence[str]) -> ClassNoun:
    """The noun for codes that are joined with columns of metadata."""
    names = _listed(columns)
    return ClassNoun(f"code with {names}", f"codes with {names}", joined=True)


def combination_of(columns: Sequence[str]) -> ClassNoun:
    """The noun for the columns of a table."""
    names = _listed(columns)
    if len(columns) == 1:
        return ClassNoun(f"value of {names}", f"values of {names}", codes=False)
    return ClassNoun(f"combination of {names}", f"combinations of {names}", codes=False)


def _listed(columns: Sequence[str]) -> str:
    """Name the columns; many of them by the first few and a count, so that a sentence stays one."""
    if len(columns) <= _MOST_NAMES:
        return ", ".join(columns)
    return f"{', '.join(columns[: _MOST_NAMES - 1])} and {len(columns) - _MOST_NAMES + 1} more"
