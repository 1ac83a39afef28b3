"""The errors that privkit raises on purpose.

Every one is a single line that a person can act on: what is wrong, where, the rule, the value
that was found and the remedy. The command line prints that line and exits with ``exit_code``.
"""

from __future__ import annotations

__all__ = ["InputError", "PrivkitError"]


class PrivkitError(Exception):
    """Base of all errors that privkit raises on purpose; exit code 2."""

    exit_code = 2


class InputError(PrivkitError):
    """Bad input or usage, told in one line.

    Args:
        what: what is wrong, e.g. ``"the picture cannot be read"``.
        where: the file, option or parameter, e.g. ``"faces/anna/1.png"``.
        rule: what is required, e.g. ``"bits is a whole number from 1 to 65536"``.
        found: the value that was found, e.g. ``0``.
        remedy: what to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object | None = None,
        rule: str | None = None,
        found: object | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.where, self.rule, self.found, self.remedy = what, where, rule, found, remedy
        parts = [f"{where}: {what}" if where is not None else what]
        if rule is not None:
            parts.append(f"rule: {rule}")
        if found is not None:
            parts.append(f"found: {found}")
        if remedy is not None:
            parts.append(f"remedy: {remedy}")
        super().__init__(_printable(" ".join("; ".join(parts).split())))


def _printable(text: str) -> str:
    """Text without what moves a terminal's cursor: a file's name may hold anything."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )
