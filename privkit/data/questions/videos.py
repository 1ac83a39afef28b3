"""Finding the files of the videos that questions are about.

A question names its video without folder and extension. Names are looked up among the files that
were found, never joined to a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from privkit.errors import InputError

__all__ = ["VIDEO_ENDINGS", "find_videos"]

VIDEO_ENDINGS = frozenset({".gif", ".mp4", ".avi", ".webm", ".mkv"})


def find_videos(
    folder: Path, wanted: Iterable[str], names: Mapping[str, str] | None = None
) -> dict[str, Path]:
    """The files of videos, found anywhere below a folder.

    Args:
        folder: searched with all its subfolders, through symbolic links, too.
        wanted: names of the videos.
        names: file stem to video name, where the files have other names than the questions use.

    Returns:
        Video name to file, sorted by name; videos without a file are left out.

    Raises:
        InputError: the folder is none, or a wanted video has two files.
    """
    if not folder.is_dir():
        raise InputError(
            "there is no such folder of videos",
            where=folder,
            rule="a folder with gif, mp4, avi, webm or mkv files",
            remedy="name it with --videos",
        )
    asked, names = set(wanted), names or {}
    found: dict[str, Path] = {}
    for file in _video_files(folder):
        name = names.get(file.stem, file.stem)
        if name not in asked:
            continue
        if name in found:
            raise InputError(
                f"the video {name!r} has two files",
                where=folder,
                rule="one file a video, whatever its extension",
                found=f"{found[name].relative_to(folder)} and {file.relative_to(folder)}",
                remedy="take one away, or name the right folder with --videos",
            )
        found[name] = file
    return dict(sorted(found.items()))


def _video_files(folder: Path) -> list[Path]:
    files, visited = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:  # a link that leads back
            folders.clear()
            continue
        visited.add(real)
        files += [Path(place, n) for n in names if Path(n).suffix.lower() in VIDEO_ENDINGS]
    return sorted(files)
