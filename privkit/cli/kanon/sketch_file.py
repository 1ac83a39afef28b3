"""The rule for every sketch that a command writes."""

from __future__ import annotations

from pathlib import Path

from privkit.errors import InputError

__all__ = ["check_sketch_out"]


def check_sketch_out(path: Path | None) -> None:
    """Refuse a bad name for a sketch before the work, not after.

    Raises:
        InputError: if the name is no sketch's, or a file exists there.
    """
    if path is None:
        return
    if path.suffix != ".sketch":
        raise InputError(
            "a sketch cannot be written under this name",
            where=path,
            rule="it ends with .sketch",
        )
    if path.exists() or path.is_symlink():
        raise InputError(
            "the output file exists already",
            where=path,
            rule="an existing file is never overwritten",
            remedy="name a new file",
        )
