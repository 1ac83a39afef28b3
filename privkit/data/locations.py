"""Where data sets and trained networks lie.

Two environment variables name the places: ``PRIVKIT_DATA`` is a folder of data sets that the user
keeps (``att_faces/``, …) and that privkit only reads; ``PRIVKIT_CACHE`` is the folder that privkit
writes to, by default the user's cache as the operating system has it.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from privkit.errors import InputError

__all__ = ["cache_folder", "data_folder", "places"]


def data_folder() -> Path | None:
    """The folder that ``PRIVKIT_DATA`` names, or None without it.

    Raises:
        InputError: ``PRIVKIT_DATA`` is set, but is not a folder.
    """
    named = os.environ.get("PRIVKIT_DATA", "")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(
            "the data folder does not exist",
            where="environment variable PRIVKIT_DATA",
            rule="it names a folder that holds data sets, e.g. att_faces/",
            found=named,
            remedy="correct it or unset it",
        )
    return folder


def cache_folder() -> Path:
    """The folder for fetched data and trained networks; it need not exist yet."""
    named = os.environ.get("PRIVKIT_CACHE", "")
    if named:
        return Path(named).expanduser()
    return Path(platformdirs.user_cache_dir("privkit", appauthor=False))


def places(name: str) -> tuple[Path, ...]:
    """Where a data set may lie, in the order of search: the user's data, then the cache.

    Args:
        name: the data set's file or folder, e.g. ``"att_faces"``.
    """
    return tuple(folder / name for folder in (data_folder(), cache_folder()) if folder is not None)
