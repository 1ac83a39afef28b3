"""Reading HDF5 files, a block of rows at a time.

Only what lies in the file itself is read: links to other files, datasets put together from other
files and datasets whose bytes lie in other files are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.shards import ANY, Choice, Shard, codes_and_bits, own_bits

if TYPE_CHECKING:
    import h5py

__all__ = ["hdf5_arrays", "hdf5_shard"]

Taken = TypeVar("Taken")

_LARGE, _PACKED_AT_MOST = 1 << 28, 2000
"""Datasets of more bytes than the first are refused where the file is smaller by more than the
second; gzip packs by at most 1,032."""


def hdf5_shard(path: Path, choice: Choice = ANY) -> Shard:
    """Open the dataset ``packed`` or ``codes``, or the only dataset, of an HDF5 file.

    Raises:
        InputError: if it is not a whole HDF5 file, holds several datasets of other names, or the
            dataset does not lie in the file itself.
    """

    def codes(file: h5py.File) -> Shard:
        save = "save it with file.create_dataset('codes', data=array)"
        name, has_bits, unread = codes_and_bits(path, _names(file), save, choice)
        dataset = _own(path, file, name)
        bits = own_bits(path, np.asarray(_own(path, file, "bits")[()])) if has_bits else None
        return Shard(
            path,
            dataset.dtype,
            dataset.shape or (),
            read=lambda rows: _blocks(path, name, rows),
            pick=lambda index: _picked(path, name, index),
            bits=bits,
            packed=name == "packed",
            unread=unread,
        )

    return _from_file(path, codes)


def hdf5_arrays(path: Path, wanted: Collection[str] | None) -> dict[str, NDArray[Any]]:
    """Read the wanted datasets of an HDF5 file, or all; text becomes Python strings."""

    def values(file: h5py.File) -> dict[str, NDArray[Any]]:
        names = [name for name in _names(file) if wanted is None or name in wanted]
        return {name: _values(_own(path, file, name)) for name in names}

    return _from_file(path, values)


def _names(file: h5py.File) -> list[str]:
    """Return the paths of the datasets, and of links at the top that may lead to one."""
    import h5py

    names = [name for name in file if not isinstance(file.get(name, getlink=True), h5py.HardLink)]

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            names.append(name)

    file.visititems(visit)
    return names


def _own(path: Path, file: h5py.File, name: str) -> Any:
    """Return a dataset whose bytes lie in this file."""
    import h5py

    found = None
    if "/" not in name and not isinstance(file.get(name, getlink=True), h5py.HardLink):
        found = "a link"
    else:
        dataset = file[name]
        if dataset.is_virtual:
            found = "a virtual dataset, put together from other files"
        elif dataset.external:
            found = "a dataset whose bytes lie in other files"
        elif dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None:
            found = "objects"
    if found is None:
        _refuse_bombs(path, dataset)
        return dataset
    raise InputError(
        f"the dataset {name!r} is not read",
        where=path,
        rule="numbers that lie in the file itself; links to other files are never followed",
        found=found,
        remedy="copy the values into a dataset of this file",
    )


def _refuse_bombs(path: Path, dataset: Any) -> None:
    """Refuse a dataset that announces what its file cannot hold: zeros that are not stored."""
    announced, size = int(dataset.size or 0) * dataset.dtype.itemsize, path.stat().st_size
    if announced > max(_LARGE, _PACKED_AT_MOST * size):
        raise InputError(
            "the dataset is far larger than its file",
            where=path,
            rule=f"at most {_PACKED_AT_MOST} bytes of values for each byte of the file",
            found=f"{announced:,} bytes of values in a file of {size:,}",
            remedy="write only the records that are there",
        )


def _values(dataset: Any) -> NDArray[Any]:
    text = dataset.dtype.kind == "O"
    return np.asarray(dataset.asstr()[()] if text else dataset[()])


def _blocks(path: Path, name: str, rows: int) -> Iterator[NDArray[Any]]:
    """Yield a dataset so many rows at a time; the file is open in between."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            dataset = _own(path, file, name)
            # Whole chunks of the file at a time: each is decompressed once.
            chunk = dataset.chunks[0] if dataset.chunks else 1
            step = -(-rows // chunk) * chunk
            for start in range(0, dataset.shape[0], step):
                block = dataset[start : start + step]
                for first in range(0, len(block), rows):
                    yield block[first : first + rows]
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _picked(path: Path, name: str, index: NDArray[np.int64]) -> NDArray[Any]:
    """Return some rows by their sorted numbers."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            dataset = _own(path, file, name)
            # Rows of one chunk of the file are read together: it is decompressed once.
            chunk = dataset.chunks[0] if dataset.chunks else 1
            groups = np.split(index, np.flatnonzero(np.diff(index // chunk)) + 1)
            empty = np.empty((0, *dataset.shape[1:]), dataset.dtype)
            parts = [dataset[g[0] : g[-1] + 1][g - g[0]] for g in groups if len(g)]
            return np.concatenate([empty, *parts])
    except _BROKEN as error:
        raise _unreadable(path, error) from error


_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError)


def _from_file(path: Path, take: Callable[[h5py.File], Taken]) -> Taken:
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return take(file)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    empty = path.stat().st_size == 0
    return InputError(
        "this is not a readable HDF5 file",
        where=path,
        rule="a whole HDF5 file",
        found="an empty file, 0 bytes" if empty else f"{error}"[:300],
    )
