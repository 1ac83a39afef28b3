"""Which files are meant: a file, a folder, a pattern, or several of these.

Rules:

* A folder stands for all files below it, without those whose own name or folder begins with ``.``
  or ``_`` (as ``_SUCCESS`` beside Parquet). Every other file there has to be of one kind.
* A pattern, as in ``codes/part-*.npy``, is a pattern only where no file has that very name.
* Files of a folder or a pattern stand in natural order, ``part-2`` before ``part-10``. Several
  paths stand in the order given. No file may be there twice.
* A folder named ``key=value`` adds the column ``key`` to a table (as Hive, Spark and DuckDB write
  them). The value is text; ``__HIVE_DEFAULT_PARTITION__`` stands for a missing one.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from privkit.errors import InputError

__all__ = ["KINDS", "Files", "Given", "find_files"]

KINDS = {
    ".npy": "npy",
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
}

Given = str | Path | Sequence[str | Path]
"""One or several files, folders or patterns."""

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Files:
    """Files of one kind, in the order of their records.

    Attributes:
        paths: at least one.
        kind: one of the values of ``KINDS``.
        source: all of them in a few words.
        keys: for each file, the columns that the names of its folders give.
    """

    paths: tuple[Path, ...]
    kind: str
    source: str
    keys: tuple[dict[str, str | None], ...]


def find_files(given: Given, *, option: str, kinds: Mapping[str, str] = KINDS) -> Files:
    """Find the files that are meant, by the rules of this module.

    Args:
        given: one or several files, folders or patterns.
        option: the option that named them, for the errors.
        kinds: the kinds of files that are known, by the ending of the name.

    Raises:
        InputError: if there is no such file, a file is of an unknown kind or of another kind than
            the first one, or is named twice.
    """
    items = [given] if isinstance(given, str | Path) else list(given)
    found = [pair for item in items for pair in _expanded(item, option, kinds)]
    if not found:
        raise InputError("no file is named", where=option, rule="at least one file")
    paths = tuple(path for path, _ in found)
    seen: dict[Path, Path] = {}
    for path in paths:
        real = path.resolve()
        if real in seen:
            raise InputError(
                "this file is there twice",
                where=path,
                rule="every record is counted once",
                found=f"{seen[real]} and {path}",
            )
        seen[real] = path
    names = [_kind(path, kinds, alone=len(paths) == 1) for path in paths]
    for path, kind in zip(paths, names, strict=True):
        if kind != names[0]:
            raise InputError(
                "the files are of different kinds",
                where=path,
                rule=f"all of one kind, here {names[0]} like {paths[0]}",
                found=kind,
                remedy="name those that are meant with a pattern, e.g. 'codes/*.npy'",
            )
    keys = tuple(_keys(path, root) for path, root in found)
    return Files(paths, names[0], _source(items, paths), keys)


def _expanded(item: str | Path, option: str, known: Mapping[str, str]) -> list[tuple[Path, Path]]:
    """Return the files that one item stands for, each with the folder the item starts from."""
    path = Path(item)
    if path.is_dir():
        below = _natural(
            file for file in path.rglob("*") if file.is_file() and not _hidden(file, path)
        )
        if below:
            return [(file, path) for file in below]
        raise InputError(
            "there is no file in this folder",
            where=path,
            rule=f"{option} names a folder of {', '.join(known)} files",
        )
    if path.is_file():
        return [(path, path.parent)]
    if path.exists():
        raise InputError(
            "this is not a file",
            where=path,
            rule=f"{option} names a file, a folder or a pattern",
            found="a device, a pipe or a socket",
        )
    if not glob.has_magic(str(item)):
        raise InputError(
            "the file does not exist",
            where=path,
            rule=f"{option} names a file, a folder or a pattern",
            remedy="check the path",
        )
    names = glob.glob(str(item), recursive=True)  # noqa: PTH207 - Path.glob wants relative ones
    matches = _natural(Path(name) for name in names if Path(name).is_file())
    if not matches:
        raise InputError(
            "no file matches this pattern",
            where=path,
            rule=f"{option} names a file, a folder or a pattern",
            remedy="check the pattern, and quote it so that the shell leaves it alone",
        )
    root = Path(*_until(path.parts))
    return [(match, root) for match in matches]


def _until(parts: Iterable[str]) -> list[str]:
    """Return the parts of a pattern before the first that is one."""
    fixed: list[str] = []
    for part in parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return fixed


def _hidden(file: Path, folder: Path) -> bool:
    return any(part[0] in "._" for part in file.relative_to(folder).parts)


def _natural(paths: Iterable[Path]) -> list[Path]:
    """Sort paths with numbers in their names by the size of these numbers."""

    def key(path: Path) -> list[tuple[list[str | int], str]]:
        return [(_numbers(part), part) for part in path.parts]

    return sorted(paths, key=key)


def _numbers(name: str) -> list[str | int]:
    # Every second piece is a number, so that text is never compared with a number.
    pieces = re.split(r"([0-9]+)", name)
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)]


def _kind(path: Path, kinds: Mapping[str, str], *, alone: bool) -> str:
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            "this kind of file is not known",
            where=path,
            rule=f"the name ends with {', '.join(kinds)}",
            found=path.suffix or "no extension",
            remedy=None if alone else "name those that are meant with a pattern, e.g. '*.npy'",
        )
    return kind


def _keys(path: Path, root: Path) -> dict[str, str | None]:
    """Read the columns that folders named ``key=value`` give."""
    keys: dict[str, str | None] = {}
    for part in path.relative_to(root).parts[:-1]:
        key, equals, value = part.partition("=")
        if key and equals:
            keys[unquote(key)] = None if value == _NO_VALUE else unquote(value)
    return keys


def _source(items: Sequence[str | Path], paths: Sequence[Path]) -> str:
    if len(items) == 1:
        name = Path(items[0]).name or str(items[0])
        return name if Path(items[0]) == paths[0] else f"{name} ({len(paths)} files)"
    return f"{paths[0].name} and {len(paths) - 1} more"
