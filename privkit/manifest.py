"""The manifest of a run: what belongs to it, byte for byte, and what it was made from.

A manifest is not signed: it shows that a run is as it was written, to whoever kept the manifest's
own hash elsewhere. When it is read it is an untrusted file like any other.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from privkit.errors import InputError
from privkit.json_files import read_json
from privkit.result import DataUsed, plain_json

__all__ = [
    "NAME",
    "SCHEMA",
    "Entry",
    "Input",
    "Manifest",
    "file_sha256",
    "manifest_schema",
    "write_manifest",
]

SCHEMA = "privkit-manifest/1"
NAME = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """A file of the run.

    Attributes:
        name: relative to the run's folder, with ``/`` between folders.
        bytes: its size.
        sha256: of its content, in hex.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Input:
    """What went into the run.

    Attributes:
        role: e.g. ``"features"``.
        name: of the file, without the folders of the machine that it lay on.
        sha256: as in the run's result.
        rows: how many records.
    """

    role: str
    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a run consists of and what it was made from.

    Attributes:
        command: that made it.
        files: all files of the run but the manifest, by name.
        inputs: by role and name.
        versions: of privkit and the libraries.
        schema: of the JSON form.
    """

    command: str
    files: Sequence[Entry]
    inputs: Sequence[Input]
    versions: Mapping[str, str]
    schema: str = SCHEMA

    @classmethod
    def of(
        cls, folder: Path, *, command: str, data: Sequence[DataUsed], versions: Mapping[str, str]
    ) -> Manifest:
        """Describe the files that lie in a folder now.

        Raises:
            InputError: something there is not a plain file.
        """
        listed = []
        for name, path in _walk(folder):
            found = _entry(name, path)
            if found is None:
                raise InputError("a run holds plain files only", where=path)
            listed.append(found)
        inputs = [Input(d.role, d.name, d.sha256, d.rows) for d in data]
        return cls(
            command,
            sorted(listed, key=lambda entry: entry.name),
            sorted(inputs, key=lambda given: (given.role, given.name, given.sha256)),
            versions,
        )

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a run.

        Raises:
            InputError: there is no such run or no manifest, or it does not fit its schema.
        """
        if not folder.is_dir():
            raise InputError("there is no such run", where=folder, rule="the folder of a run")
        read = read_json(folder / NAME, manifest_schema(), what="the manifest")
        names = [row["name"] for row in read["files"]]
        if names != sorted(set(names)):
            raise InputError(
                "the manifest lists a file twice, or not in order",
                where=folder / NAME,
                rule="each file once, sorted by name",
            )
        return cls(
            read["command"],
            [Entry(**row) for row in read["files"]],
            [Input(**row) for row in read["inputs"]],
            read["versions"],
        )

    def to_json(self) -> str:
        """Canonical: sorted, indented, with a final newline."""
        plain = plain_json(asdict(self))
        return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def differences(self, folder: Path) -> list[str]:
        """What in the folder is not as this manifest says, a sentence each; nothing if all is."""
        listed = {entry.name: entry for entry in self.files}
        found = dict(_walk(folder))
        out = []
        for name in sorted(listed.keys() | found.keys()):
            if name not in found:
                out.append(f"{name}: is missing")
            elif name not in listed:
                out.append(f"{name}: was added, the manifest does not list it")
            else:
                out += _compared(listed[name], found[name])
        return out


def write_manifest(
    folder: Path, *, command: str, data: Sequence[DataUsed], versions: Mapping[str, str]
) -> None:
    """Write ``manifest.json``; the last file of a run to be written, for it lists all others."""
    made = Manifest.of(folder, command=command, data=data, versions=versions)
    (folder / NAME).write_text(made.to_json(), encoding="utf-8")


def manifest_schema() -> dict[str, Any]:
    """The JSON schema of a manifest."""
    text = files("privkit").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hex, read as a stream; a link is not followed.

    Raises:
        OSError: it cannot be read, or is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """All that lies in the folder but its manifest; no link is followed."""
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in [*names, *links]:
            path = Path(place) / name
            listed = path.relative_to(folder).as_posix()
            if listed != NAME:
                yield plain_json(listed), path


def _entry(name: str, path: Path) -> Entry | None:
    """Size and hash of a file; ``None`` for a link, a pipe or a device, which are not opened."""
    about = path.lstat()
    if not stat.S_ISREG(about.st_mode):
        return None
    return Entry(name, about.st_size, file_sha256(path))


def _compared(listed: Entry, path: Path) -> list[str]:
    try:
        found = _entry(listed.name, path)
    except OSError as error:
        return [f"{listed.name}: cannot be read ({error.strerror})"]
    if found is None:
        return [f"{listed.name}: is a link or a device, not a plain file"]
    if found.bytes != listed.bytes:
        return [f"{listed.name}: has {found.bytes:,} bytes, the manifest says {listed.bytes:,}"]
    if found.sha256 != listed.sha256:
        return [f"{listed.name}: has another content (sha256 {found.sha256})"]
    return []
