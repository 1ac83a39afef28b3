"""Taking wanted files out of an archive that may be hostile.

Nothing is written under a name from the archive: the caller names what is wanted, and gets bytes.
A member that would lie outside (absolute, ``..``), a link or a device condemns the whole archive,
and the limits are counted on the bytes that really come out, not on what headers claim.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

__all__ = ["MOST_BYTES", "MOST_MEMBERS", "ArchiveError", "unpack"]

MOST_MEMBERS = 2_000
MOST_BYTES = 64 * 2**20
"""Most bytes that an archive may unpack to, 64 MiB."""


class ArchiveError(Exception):
    """The archive is damaged or not to be trusted; the message says why."""


class _Counted(io.RawIOBase):
    """A stream that refuses to give more than `MOST_BYTES`."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner, self._left = inner, MOST_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveError(f"it unpacks to more than {MOST_BYTES // 2**20} MiB")
        return data


def unpack(path: Path, wanted: Callable[[str], str | None]) -> dict[str, bytes]:
    """Reads the wanted members of a zip, tar or tar.gz archive.

    Args:
        path: the archive.
        wanted: gives the name under which a member is returned, or None for one that is not wanted.

    Returns:
        Content by name.

    Raises:
        ArchiveError: the archive is damaged, of another format, too large, names a member twice, or
            has a member that is a link, a device or lies outside.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    members = FORMATS.get(magic, FORMATS.get(magic[:2], _tar))
    found: dict[str, bytes] = {}
    try:
        for count, (name, content) in enumerate(members(path, wanted), start=1):
            if count > MOST_MEMBERS:
                raise ArchiveError(f"it has more than {MOST_MEMBERS:,} members")
            key = wanted(name)
            if key is None:
                continue
            if key in found:
                raise ArchiveError(f"it holds {key} twice")
            found[key] = content
    # zipfile raises RuntimeError for encrypted members, NotImplementedError for unknown methods.
    except (
        tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
        RuntimeError, ValueError,
    ) as error:  # fmt: skip
        raise ArchiveError(f"it cannot be read whole as zip, tar or tar.gz ({error})") from error
    return found


def _safe(name: str) -> str:
    """The member's name, if it lies inside the archive."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if outside or "\0" in name:
        raise ArchiveError(f"its member {name!r} would lie outside")
    return name


def _zip(path: Path, wanted: Callable[[str], str | None]) -> Iterator[tuple[str, bytes]]:
    left = MOST_BYTES
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = _safe(info.filename)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(f"its member {name!r} is a link or a device")
            content = b""
            if not info.is_dir() and wanted(name) is not None:
                with archive.open(info) as stream:
                    content = stream.read(left + 1)
            left -= max(len(content), 0 if content else info.file_size)
            if left < 0:
                raise ArchiveError(f"it unpacks to more than {MOST_BYTES // 2**20} MiB")
            yield name, content


def _tar(path: Path, wanted: Callable[[str], str | None]) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        yield from _tar_stream(file, wanted)


def _tar_gz(path: Path, wanted: Callable[[str], str | None]) -> Iterator[tuple[str, bytes]]:
    with gzip.open(path) as file:
        yield from _tar_stream(file, wanted)


def _tar_stream(
    file: IO[bytes] | gzip.GzipFile, wanted: Callable[[str], str | None]
) -> Iterator[tuple[str, bytes]]:
    # Read as a stream through the counter, so that long headers count as well as files.
    counted = _Counted(file)  # type: ignore[arg-type]
    with tarfile.open(fileobj=counted, mode="r|") as archive:
        for member in archive:
            name = _safe(member.name)
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise ArchiveError(f"its member {name!r} is a link or a device")
            content = b""
            if member.isreg() and wanted(name) is not None:
                stream = archive.extractfile(member)
                content = stream.read() if stream is not None else b""
                if len(content) != member.size:
                    raise ArchiveError(f"its member {name!r} is cut off")
            yield name, content


FORMATS: dict[bytes, Callable[..., Iterator[tuple[str, bytes]]]] = {
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,
    b"\x1f\x8b": _tar_gz,
}
"""Reader by the archive's first bytes; anything else is tried as tar."""
