"""Which code made an outcome: what was found by other attacks is not taken for what these find."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

__all__ = ["code_sha256"]

_PACKAGES = ("attacks", "privkit")


@cache
def code_sha256() -> str:
    """SHA-256 of the sources of privkit and its attacks, and of the attacks of other packages.

    The version alone does not do: it stays while somebody works on an attack.
    """
    digest = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec is not None else ():
            add_sources(digest, Path(folder))
    for entry in sorted(entry_points(group="privkit.attacks"), key=lambda entry: entry.name):
        digest.update(_installed(entry).encode())
    return digest.hexdigest()


def add_sources(digest: hashlib._Hash, folder: Path) -> None:
    """Add name and content of every Python file below a folder, in the order of their names."""
    for path in sorted(folder.rglob("*.py")):
        _add(digest, (path.relative_to(folder).as_posix().encode(), path.read_bytes()))


def _add(digest: hashlib._Hash, parts: Iterable[bytes]) -> None:
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)


def _installed(entry: EntryPoint) -> str:
    """An attack of another package: its name, its version, and the content of its own module."""
    content = b""
    with suppress(ImportError, ValueError, OSError):  # loading the attack says what is wrong
        spec = find_spec(entry.module)
        if spec is not None and spec.origin is not None:
            content = Path(spec.origin).read_bytes()
    version = entry.dist.version if entry.dist is not None else ""
    return f"{entry.name} {entry.value} {version} {hashlib.sha256(content).hexdigest()}\n"
