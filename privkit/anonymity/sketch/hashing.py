"""Keyed hashes of codes, tuples and people: what a sketch holds in their place.

Codes are hashed by SipHash-2-4 with 128-bit output. One half decides whether a code is counted
(its *rank*), the other names it (its *identity*), so that naming is as good for a few ranks as
for all. Among m codes held, two different ones share an identity with a probability of at most
``m (m - 1) / 2**65``: below 1.2e-10 for 65,536 of them.

What is hashed is unambiguous: N goes before the code, so that 8 bits and 9 bits never meet; the
values of a tuple are hashed one by one to 128 bits, so that ``("ab", "c")`` and ``("a", "bc")``
differ; numbers are hashed as numbers, whatever type a file stores them in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.siphash import siphash64, siphash128
from privkit.errors import InputError
from privkit.features.values import comparable, plain_type

__all__ = ["hash_codes", "hash_people", "hash_tuples", "kind_of"]

_NUMBER, _TEXT, _TUPLE = np.uint64(1) << 32, np.uint64(2) << 32, np.uint64(3) << 32


def hash_codes(packed: NDArray[np.uint8], bits: int, key: Key) -> NDArray[np.uint64]:
    """Hash packed codes of N bits.

    Args:
        packed: shape ``(n, ceil(bits / 8))``, filling bits zero.
        bits: N.
        key: the key.

    Returns:
        shape ``(2, n)``: ranks and identities.
    """
    return _hash_rows(packed, key.words(b"codes"), np.uint64(bits))


def hash_tuples(table: Any, key: Key) -> NDArray[np.uint64]:
    """Hash the rows of a table; equal tuples have equal hashes.

    Args:
        table: a ``pyarrow.Table``; a missing value equals only a missing value.
        key: the key.

    Returns:
        shape ``(2, n)``: ranks and identities.

    Raises:
        InputError: if a column holds nested values.
    """
    words = key.words(b"codes")
    hashed = [_hash_values(column, words, name) for name, column in _named(table)]
    rows = np.ascontiguousarray(np.concatenate(hashed).T).astype("<u8", copy=False)
    return _hash_rows(rows.view(np.uint8), words, _TUPLE | np.uint64(len(hashed)))


def hash_people(persons: Any, key: Key) -> NDArray[np.uint64]:
    """Hash who each record belongs to, shape ``(n,)``.

    Args:
        persons: an array of numpy or Arrow: whole numbers or text that mean the same person in
            every stream that is to be merged.
        key: the key.

    Raises:
        InputError: if a person is missing, or is not one plain value.
    """
    column = persons if isinstance(persons, pa.ChunkedArray | pa.Array) else pa.array(persons)
    if column.null_count:
        raise InputError(
            "a record belongs to nobody",
            where="persons",
            rule="every record names its person",
            found=f"{column.null_count} missing",
        )
    words = key.words(b"people")
    rows = np.ascontiguousarray(_hash_values(column, words, "persons").T).astype("<u8", copy=False)
    return siphash64(rows.view(np.uint8).ravel(), _offsets(len(rows), 16), words, words[:0])


def kind_of(column: Any) -> str:
    """Return ``"number"`` or ``"text"``: values of different kinds never have equal hashes."""
    kind = plain_type(column.type)
    is_a = pa.types
    number = is_a.is_integer(kind) or is_a.is_floating(kind) or is_a.is_boolean(kind)
    return "number" if number or is_a.is_temporal(kind) else "text"


def _named(table: Any) -> list[tuple[str, Any]]:
    return list(zip(table.column_names, table.columns, strict=True))


def _hash_rows(
    rows: NDArray[np.uint8], words: NDArray[np.uint64], before: np.uint64
) -> NDArray[np.uint64]:
    n, width = rows.shape
    prefix = np.array([before], dtype=np.uint64)
    return siphash128(np.ascontiguousarray(rows).ravel(), _offsets(n, width), words, prefix)


def _offsets(n: int, width: int) -> NDArray[np.int64]:
    return np.arange(n + 1, dtype=np.int64) * width


def _hash_values(column: Any, words: NDArray[np.uint64], name: str) -> NDArray[np.uint64]:
    """Hash each value of a column to 128 bits, shape ``(2, n)``; missing ones to zero."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # some versions of Arrow keep several chunks
        column = pa.concat_arrays(column.chunks)
    try:
        if pa.types.is_nested(plain_type(column.type)):
            raise pa.ArrowNotImplementedError("nested values")
        column = comparable(column)
    except pa.ArrowException as error:
        raise InputError(
            f"the column {name!r} cannot be counted",
            where="--columns",
            rule="a quasi-identifier has one plain value a record",
            found=f"{column.type}: {error}",
        ) from error
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if kind_of(column) == "number":
        hashed = _hash_rows(_number_rows(column), words, _NUMBER)
    else:
        hashed = _hash_texts(column, words)
    hashed[:, missing] = 0
    return hashed


def _number_rows(column: Any) -> NDArray[np.uint8]:
    """Write numbers as 16 bytes each, whole ones alike in every type.

    A whole number is its 128-bit two's complement; any other float its 64 bits and a mark. Floats
    that are whole become whole numbers first: a column of a file with gaps holds 1.0 where that
    of another file holds 1.
    """
    zero = pa.scalar(0, column.type) if not pa.types.is_boolean(column.type) else False
    values = pc.fill_null(column, zero).to_numpy(zero_copy_only=False)
    rows = np.zeros((len(values), 2), dtype="<u8")
    if values.dtype.kind == "f":
        plain = values.astype(np.float64)
        whole = (np.floor(plain) == plain) & (plain >= -(2.0**63)) & (plain < 2.0**64)
        large = whole & (plain >= 2.0**63)
        signed = np.where(whole & ~large, plain, 0).astype(np.int64)
        unsigned = np.where(large, plain, 0).astype(np.uint64)
        rows[:, 0] = np.where(whole, signed.view(np.uint64) | unsigned, plain.view(np.uint64))
        rows[:, 1] = np.where(whole, (signed >> 63).view(np.uint64), np.uint64(1))
    else:
        rows[:, 0] = values.astype(np.uint64)
        if values.dtype.kind == "i":
            rows[:, 1] = (values.astype(np.int64) >> 63).view(np.uint64)
    return rows.view(np.uint8)


def _hash_texts(column: Any, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash text, bytes and whatever else Arrow writes as text (decimals)."""
    if not pa.types.is_large_binary(column.type):
        if not (pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type)):
            column = pc.cast(column, pa.large_string())
        column = pc.cast(column, pa.large_binary())
    _, places, data = column.buffers()
    n = len(column)
    start = column.offset
    offsets = np.frombuffer(places, dtype=np.int64)[start : start + n + 1]
    content = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return siphash128(content, offsets, words, np.array([_TEXT], dtype=np.uint64))
