"""Reading npy and npz files; npy is memory-mapped. Nothing is ever unpickled."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.shards import ANY, Choice, Shard, codes_and_bits, own_bits

__all__ = ["npy_arrays", "npy_shard", "npz_arrays", "npz_shard"]

Taken = TypeVar("Taken")

# What numpy lets through for headers that are not what they should be.
_BROKEN = (
    ValueError,
    EOFError,
    OSError,
    SyntaxError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)

_LARGE, _PACKED_AT_MOST = 1 << 28, 200
"""A member of an archive of more bytes than the first is refused where it was packed by more than
the second: codes and floats are not, and a few kilobytes may unpack to more than the memory."""


def npy_shard(path: Path) -> Shard:
    """Open an npy file without reading it into memory.

    Raises:
        InputError: if it is not a whole npy file.
    """
    values = _mapped(path)
    # Mapped anew when it is used: a mapping kept here would hold the file open.
    return Shard(path, values.dtype, values.shape, lambda: _mapped(path))


def npz_shard(path: Path, choice: Choice = ANY) -> Shard:
    """Read what ``Codes.save`` wrote, the array ``codes``, or the only array of an npz file.

    Raises:
        InputError: if it is not a whole npz file, or holds several arrays of other names.
    """

    def codes(archive: np.lib.npyio.NpzFile) -> Shard:
        save = "save it with np.savez(path, codes=array)"
        name, has_bits, unread = codes_and_bits(path, list(archive.files), save, choice)
        bits = own_bits(path, _member(archive, "bits")) if has_bits else None
        return Shard.of(path, _member(archive, name), bits=bits, name=name, unread=unread)

    return _from_npz(path, codes)


def npy_arrays(path: Path, _wanted: Collection[str] | None) -> dict[str, NDArray[Any]]:
    """Return the array of an npy file under the file's name without its ending."""
    # A column's name is text, a file's name may be any bytes.
    name = path.stem.encode(errors="backslashreplace").decode()
    return {name: np.asarray(_mapped(path))}


def npz_arrays(path: Path, wanted: Collection[str] | None) -> dict[str, NDArray[Any]]:
    """Return the wanted arrays of an npz file, or all."""
    return _from_npz(
        path,
        lambda archive: {
            name: _member(archive, name)
            for name in archive.files
            if wanted is None or name in wanted
        },
    )


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except _BROKEN as error:
        raise _unreadable(path, "npy", error) from error


def _from_npz(path: Path, take: Callable[[np.lib.npyio.NpzFile], Taken]) -> Taken:
    try:
        archive = np.load(path, allow_pickle=False, mmap_mode=None)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is an npy file under another name")
        with archive:
            _refuse_bombs(archive)
            return take(archive)
    except (*_BROKEN, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # RuntimeError: an encrypted member, or a compression method this Python lacks
        raise _unreadable(path, "npz", error) from error


def _member(archive: np.lib.npyio.NpzFile, name: str) -> NDArray[Any]:
    values = archive[name]
    if not isinstance(values, np.ndarray):  # numpy gives the bytes of what is no array
        raise ValueError(f"the member {name!r} is no array")
    return values


def _refuse_bombs(archive: np.lib.npyio.NpzFile) -> None:
    for member in archive.zip.infolist() if archive.zip is not None else ():
        if member.file_size > max(_LARGE, _PACKED_AT_MOST * member.compress_size):
            raise ValueError(
                f"{member.filename} unpacks from {member.compress_size:,} bytes to "
                f"{member.file_size:,}"
            )


def _unreadable(path: Path, suffix: str, error: Exception) -> InputError:
    """Say in one line why numpy could not read the file."""
    text = str(error)
    found: str = text.splitlines()[0][:300] if text else type(error).__name__
    if path.stat().st_size == 0:
        found = "an empty file, 0 bytes"
    elif "Python objects" in text or "allow_pickle" in text or "pickled" in text:
        found = "Python objects (dtype object), or not an array at all"
    elif "mmap length" in text or "greater than file size" in text:
        found = "fewer bytes than its header announces: the file is truncated"
    elif "magic" in text or "zip file" in text:
        found = f"another kind of file ({found})"
    return InputError(
        f"this is not a readable {suffix} file",
        where=path,
        rule=f"a whole {suffix} file of numbers; pickled objects are never loaded",
        found=found,
        remedy="write it again with "
        + ("np.save(path, array)" if suffix == "npy" else "np.savez(path, codes=array)"),
    )
