"""The one way to open features, floats or codes: ``open_features``.

What is a code and what are floats:

* Where N is given, or the file says it, it holds codes, by the rules of
  :mod:`privkit.features.forms`.
* Without N, an array of one dimension holds codes, and so does a matrix of whole numbers that are
  all 0 or 1, or of numbers that are all -1 or +1: one bit a column.
* Every other matrix holds numbers: floats, or whole numbers as of 8-bit quantization. A matrix of
  bytes holds numbers without ``--bits`` and packed codes with it.
* An array ``(n, a, b, ...)`` of more dimensions is read as ``(n, a·b·...)`` numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import check_bits
from privkit.features.faiss_index import FaissIndex, open_faiss
from privkit.features.files import KINDS, Files, Given, find_files
from privkit.features.forms import one_bit_a_value, refuse_unlike, stored_arrays
from privkit.features.numeric_tables import feature_columns, numeric_shards
from privkit.features.open import SHARDS
from privkit.features.shards import Choice, Shard
from privkit.features.stored import IN_MEMORY, StoredCodes
from privkit.features.stored_features import StoredFeatures
from privkit.features.tables import open_table

__all__ = ["FEATURE_KINDS", "open_features"]

FEATURE_KINDS = {**KINDS, ".faiss": "FAISS", ".index": "FAISS"}
#: How :attr:`StoredFeatures.unread` calls the numbers that were given to the vectors of an index.
_NUMBERS = "numbers of the vectors"


@dataclass(frozen=True)
class _Asked:
    """What was said beside the files, see :func:`open_features`."""

    bits: int | None
    columns: tuple[str, ...]
    exclude: tuple[str, ...]


def open_features(
    path: Given,
    *,
    bits: int | None = None,
    columns: Sequence[str] | None = None,
    exclude: Collection[str] = (),
    option: str = "--features",
) -> StoredFeatures:
    """Open stored features: floats or codes.

    Which files are meant is said in :mod:`privkit.features.files`, which columns of a table in
    :mod:`privkit.features.numeric_tables`, and what is a code in this module.

    Args:
        path: an npy, npz, safetensors, HDF5, Parquet or CSV file, a FAISS index, a folder or a
            pattern of them, or several paths; several files are shards of one set of records.
        bits: N, the bits of a code.
        columns: the columns of Parquet and CSV that are the features, or the one array of npz,
            safetensors and HDF5.
        exclude: columns or arrays that hold something else and are no features by default.
        option: the option that named the files, for the errors.

    Returns:
        The features. Up to 64 MiB of floats are checked now, more of them when they are read.

    Raises:
        InputError: a file is missing, broken, of another kind or shape than the others; it holds
            no records, or values that are no finite numbers; N of codes is not known.
    """
    if bits is not None:
        bits = check_bits(bits, where="--bits")
    files = find_files(path, option=option, kinds=FEATURE_KINDS)
    openers = {"Parquet": _from_table, "CSV": _from_table, "FAISS": _from_faiss}
    asked = _Asked(bits, tuple(columns or ()), tuple(exclude))
    opened = openers.get(files.kind, _from_arrays)(files, asked)
    return replace(opened, given=path)


def _from_arrays(files: Files, asked: _Asked) -> StoredFeatures:
    if asked.columns and (files.kind == "npy" or len(asked.columns) > 1):
        raise InputError(
            "an array has no named columns",
            where=files.paths[0],
            rule="--columns goes with Parquet and CSV, and names one array of other files",
            found=f"--columns {' '.join(asked.columns)}",
            remedy="leave --columns out",
        )
    choice = Choice(asked.columns[0] if asked.columns else None, asked.exclude)
    opener: Callable[..., Shard] = SHARDS[files.kind]
    options: dict[str, Any] = {} if files.kind == "npy" else {"choice": choice}
    shards = [opener(path, **options) for path in files.paths]
    unread = dict.fromkeys(name for shard in shards for name in shard.unread)
    return replace(_decided(files, shards, asked.bits), unread=tuple(unread))


def _from_table(files: Files, asked: _Asked) -> StoredFeatures:
    tables, names = feature_columns(files, asked.columns, asked.exclude, option="--columns")
    known = {*names, *asked.exclude}
    there = dict.fromkeys(name for table in tables for name in table.there if name not in known)
    unread = () if asked.columns else tuple(there)
    bits = asked.bits
    if bits is not None and len(names) == 1 and not _lists(tables[0].types[names[0]]):
        return replace(_codes(files, open_table(files, bits, names), None), unread=unread)
    features = _decided(files, numeric_shards(tables, names, files.kind), bits, tuple(names))
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    kind = f"{files.kind} column{'s' if len(names) > 1 else ''} {listed}: {features.kind}"
    return replace(features, kind=kind, unread=unread)


def _lists(kind: Any) -> bool:
    return getattr(kind, "num_fields", 0) > 0


def _from_faiss(files: Files, asked: _Asked) -> StoredFeatures:
    if asked.columns:
        raise InputError(
            "a FAISS index has no named columns",
            where=files.paths[0],
            found=f"--columns {' '.join(asked.columns)}",
            remedy="leave --columns out",
        )
    indexes = [open_faiss(path) for path in files.paths]
    features = _decided(files, [index.shard for index in indexes], asked.bits)
    notes = features.notes
    if not all(index.exact for index in indexes):
        notes += (
            f"{indexes[0].name} keeps approximations of the vectors: these are audited, as an "
            "adversary with the index has them.",
        )
    kind = f"FAISS {indexes[0].name}: {features.kind}"
    unread = (_NUMBERS,) if any(_given(index.ids) for index in indexes) else ()
    return replace(features, kind=kind, notes=notes, unread=unread, own_ids=_numbers(indexes))


def _given(ids: NDArray[np.int64] | None) -> bool:
    """Whether vectors were given numbers, and are not counted from 0 in some order."""
    return ids is not None and not np.array_equal(np.sort(ids), np.arange(len(ids)))


def _numbers(indexes: Sequence[FaissIndex]) -> Any:
    if all(index.ids is None for index in indexes) and len(indexes) > 1:
        return None  # each would begin with 0
    parts = [np.arange(i.shard.shape[0]) if i.ids is None else i.ids for i in indexes]
    return np.concatenate(parts).astype(np.int64)


def _decided(
    files: Files, shards: Sequence[Shard], bits: int | None, columns: tuple[str, ...] = ()
) -> StoredFeatures:
    """Decide by the rules of this module whether arrays hold codes."""
    first = shards[0]
    refuse_unlike(shards)
    if first.dtype.kind not in "biuf" or not first.shape:
        raise _no_numbers(first)
    known = bits is not None or first.bits is not None or first.packed
    whole = len(first.shape) == 1 and first.dtype.kind in "biu"
    if known or whole or (len(first.shape) == 2 and _some(shards) and one_bit_a_value(shards)):
        return replace(_codes(files, stored_arrays(files, shards, bits), shards), columns=columns)
    return _floats(files, shards, columns)


def _some(shards: Sequence[Shard]) -> bool:
    return all(prod(shard.shape) > 0 for shard in shards)


def _codes(files: Files, stored: StoredCodes, shards: Sequence[Shard] | None) -> StoredFeatures:
    """Take opened codes as features."""
    if stored.bits is None:
        raise InputError(
            "the number of bits of these codes is not known",
            where=files.source,
            rule="codes that are whole numbers need --bits",
            found=stored.kind,
            remedy="give --bits",
        )
    return StoredFeatures(
        files.source,
        stored.kind,
        stored.n,
        stored.bits,
        stored.bits,
        files.paths,
        stored.form,
        (_in_hand(files, stored),) if shards is None else tuple(shards),
        files.source,
        columns=stored.columns,
    )


def _in_hand(files: Files, stored: StoredCodes) -> Shard:
    """Look at a column of codes, in memory or read block by block, as one array."""
    shape = (stored.n,)
    if stored.stream is not None:
        return Shard(files.paths[0], stored.stream.dtype, shape, read=stored.stream.read)
    return Shard.of(files.paths[0], stored.arrays[0], bits=stored.bits)


def _floats(files: Files, shards: Sequence[Shard], columns: tuple[str, ...]) -> StoredFeatures:
    first = shards[0]
    if len(first.shape) == 1:
        raise _no_numbers(first)
    width, n = prod(first.shape[1:]), sum(shard.shape[0] for shard in shards)
    if not n or not width:
        raise InputError(
            "there are no features in this file",
            where=first.path,
            rule="at least one record of at least one number",
            found=first.words(),
        )
    notes: tuple[str, ...] = ()
    if len(first.shape) > 2:
        notes = (f"each record of shape {first.shape[1:]} is read as {width} numbers.",)
    features = StoredFeatures(
        files.source,
        f"{first.dtype.name} matrix, {width} column{'s' if width > 1 else ''}",
        n,
        width,
        None,
        files.paths,
        None,
        tuple(shards),
        files.source,
        notes=notes,
        columns=columns,
    )
    if sum(shard.nbytes for shard in shards) <= IN_MEMORY:
        for _ in features.chunks():
            pass
    return features


def _no_numbers(shard: Shard) -> InputError:
    return InputError(
        "these values are not features",
        where=shard.path,
        rule="a matrix of real numbers, one row a record, or codes",
        found=shard.words(),
        remedy="save an array of shape (n, width); of one number a record, (n, 1)",
    )
