"""What is said of missing values, and of values that look like it."""

from __future__ import annotations

from privkit.anonymity.words import counted

__all__ = ["missing_warnings"]


def missing_warnings(nulls: int, marked: int) -> list[str]:
    """Warn of records with missing values: none of them is a silent class.

    Args:
        nulls: records with a null, NaN or empty text among the columns.
        marked: records with a text there that looks like a missing value.
    """
    said = []
    if nulls:
        said.append(
            f"{counted(nulls, 'record')} with a missing value among the columns: missing counts "
            "as a value of its own here, while an adversary may treat it as 'could be anyone'."
        )
    if marked:
        said.append(
            f"{counted(marked, 'record')} with a text among the columns that looks like a missing "
            "value (?, NA, N/A, NULL, NaN, None or white space): each such text counts as a value "
            "of its own here. If it stands for a missing value, leave the field empty."
        )
    return said
