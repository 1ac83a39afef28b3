"""Opening codes in npy and npz files, memory-mapped where the format allows it.

Which form an array has is decided by these rules, in this order, and by nothing else:

1. one dimension, whole numbers, none negative: one code a row (``uint16 integers``);
2. two dimensions, whole numbers or booleans, all 0 or 1, and ``bits`` not given or equal to the
   number of columns: one bit a column (``0/1 matrix``);
3. two dimensions, uint8, ``bits`` given and ``ceil(bits / 8)`` equal to the number of columns:
   packed bytes;
4. two dimensions, signed whole numbers or floats, all exactly -1 or +1, and ``bits`` not given
   or equal to the number of columns: one bit a column, +1 stands for 1 (``±1 matrix``).

Everything else is an error that names the choices. Nothing is ever unpickled.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import Codes, check_bits
from privkit.features.stored import Form, StoredCodes, chunk_rows

__all__ = ["open_npy", "open_npz"]

# What numpy lets through for headers that are not what they should be.
_BROKEN = (
    ValueError,
    EOFError,
    OSError,
    SyntaxError,
    TypeError,
    OverflowError,
    tokenize.TokenError,
)

CHOICES = (
    "codes are (n,) whole numbers, an (n, N) 0/1 matrix, an (n, N) ±1 matrix, "
    "or (n, ceil(N/8)) uint8 packed bytes with --bits N"
)


def open_npy(path: Path, bits: int | None) -> StoredCodes:
    """Open an npy file without reading it into memory.

    Raises:
        InputError: if it is not a whole npy file or does not hold codes.
    """
    try:
        values = np.lib.format.open_memmap(path, mode="r")
    except _BROKEN as error:
        raise _unreadable(path, "npy", error) from error
    # The plain view: slices of a memmap subclass cost several microseconds more each.
    return _stored(path, np.asarray(values), bits)


def open_npz(path: Path, bits: int | None) -> StoredCodes:
    """Open an npz file: what ``Codes.save`` wrote, the array ``codes``, or its only array.

    Raises:
        InputError: if it is not a whole npz file, holds several arrays of other names, or no codes.
    """
    try:
        archive = np.load(path, allow_pickle=False, mmap_mode=None)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is an npy file under another name")
        with archive:
            names = _members(path, list(archive.files))
            arrays = {name: np.asarray(archive[name]) for name in names}
    except (*_BROKEN, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # RuntimeError: an encrypted member, or a compression method this Python lacks
        raise _unreadable(path, "npz", error) from error
    if "bits" in arrays:
        bits = _own_bits(path, arrays.pop("bits"), bits)
    name, values = arrays.popitem()
    if name != "packed" or bits is None:
        return _stored(path, values, bits)
    try:
        codes = Codes.from_packed(values, bits)
    except InputError as error:
        raise InputError(
            error.what, where=path, rule=error.rule, found=error.found, remedy=error.remedy
        ) from error
    return _packed(path, codes.packed, bits)


def _members(path: Path, keys: list[str]) -> list[str]:
    """Choose the array that holds the codes, and ``bits`` beside it if it is there."""
    arrays = [key for key in keys if key != "bits"]
    named = [key for key in ("packed", "codes") if key in arrays]
    if not named and len(arrays) != 1:
        raise InputError(
            "it is not clear which array holds the codes",
            where=path,
            rule="the array is named 'codes', or it is the only one",
            found=f"{len(arrays)} arrays: {', '.join(arrays)}" if arrays else "no array",
            remedy="save it with np.savez(path, codes=array)",
        )
    return [(named or arrays)[0], *(["bits"] if "bits" in keys else [])]


def _own_bits(path: Path, stored: NDArray[Any], given: int | None) -> int:
    """Return the N that the file carries, which nobody may contradict."""
    value = stored.item() if stored.size == 1 else stored.shape
    bits = check_bits(value, where=f"{path}: the array 'bits'")
    if given not in (None, bits):
        raise InputError(
            "the number of bits contradicts the file",
            where=path,
            rule=f"the file says that its codes have {bits} bits",
            found=f"--bits {given}",
            remedy="leave --bits out",
        )
    return bits


def _unreadable(path: Path, suffix: str, error: Exception) -> InputError:
    """Say in one line why numpy could not read the file."""
    text = str(error)
    found: str = text.splitlines()[0] if text else type(error).__name__
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


def _stored(path: Path, values: NDArray[Any], bits: int | None) -> StoredCodes:
    """Decide the form by the rules of this module and check every value."""
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        raise _no_codes(path, values, bits)
    if values.size == 0:
        raise InputError(
            "there are no codes in this file",
            where=path,
            rule="at least one record",
            found=f"{values.dtype} of shape {values.shape}",
        )
    return _integers(path, values, bits) if values.ndim == 1 else _matrix(path, values, bits)


def _no_codes(path: Path, values: NDArray[Any], bits: int | None) -> InputError:
    found = f"{values.dtype} of shape {values.shape}"
    if values.dtype.kind == "f" and values.size and np.isnan(values).any():
        found += ", with NaN"
    floats = values.dtype.kind in "fc"
    return InputError(
        "these values are not codes",
        where=path,
        rule=CHOICES,
        found=found + (f", --bits {bits}" if bits is not None else ""),
        remedy="binarize the floats first" if floats else "store them in one of these forms",
    )


def _integers(path: Path, values: NDArray[Any], bits: int | None) -> StoredCodes:
    if values.dtype.kind == "f":
        raise _no_codes(path, values, bits)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
        bits = 1 if bits is None else bits
    limit = None if bits is None or bits >= 8 * values.dtype.itemsize else 1 << bits
    if values.dtype.kind == "i" or limit is not None:
        for start in range(0, len(values), chunk_rows(values)):
            chunk = values[start : start + chunk_rows(values)]
            low, high = int(chunk.min()), int(chunk.max())
            if low < 0 or (limit is not None and high >= limit):
                raise _outside(path, chunk, start, bits, negative=low < 0)
    kind = f"{values.dtype.name} integers"
    return StoredCodes(path.name, Form.INTEGERS, kind, len(values), bits, values, path=path)


def _outside(
    path: Path, chunk: NDArray[Any], start: int, bits: int | None, *, negative: bool
) -> InputError:
    row = int(np.argmin(chunk) if negative else np.argmax(chunk))
    if negative or bits is None:
        what, rule = f"the code in row {start + row} is negative", "a code is a whole number >= 0"
        remedy = "store codes as unsigned integers"
    else:
        what = f"the code in row {start + row} has bits set above the {bits} bits of a code"
        rule = f"a code of {bits} bits lies from 0 to {(1 << bits) - 1}"
        remedy = "give the right --bits"
    return InputError(what, where=path, rule=rule, found=int(chunk[row]), remedy=remedy)


def _matrix(path: Path, values: NDArray[Any], bits: int | None) -> StoredCodes:
    columns = values.shape[1]
    as_columns = bits in (None, columns)
    zero_one = as_columns and values.dtype.kind in "biu" and _only(values, 0, 1)
    packed = values.dtype == np.uint8 and bits is not None and -(-bits // 8) == columns
    if zero_one or (as_columns and values.dtype.kind in "if" and _only(values, -1, 1)):
        check_bits(columns, where=path)
        form = Form.BITS if zero_one else Form.SIGNS
        kind = f"{form.value}, {columns} columns"
        return StoredCodes(path.name, form, kind, len(values), columns, values, path=path)
    if not packed or bits is None:
        raise _no_codes(path, values, bits)
    fill = 8 * columns - bits
    if fill:
        bad = np.flatnonzero(values[:, -1] & ((1 << fill) - 1))
        if len(bad):
            raise InputError(
                f"the code in row {bad[0]} has bits set above the {bits} bits of a code",
                where=path,
                rule=f"the last {fill} bits of the last byte are zero (bit order 'big')",
                found=f"last byte {values[bad[0], -1]}",
                remedy="give the right --bits, or pack with np.packbits(matrix, axis=1)",
            )
    return _packed(path, values, bits)


def _packed(path: Path, values: NDArray[np.uint8], bits: int) -> StoredCodes:
    if len(values) == 0:
        raise InputError("there are no codes in this file", where=path, rule="at least one record")
    kind = f"packed bytes, {bits} bits a code"
    return StoredCodes(path.name, Form.PACKED, kind, len(values), bits, values, path=path)


def _only(values: NDArray[Any], low: int, high: int) -> bool:
    """Tell whether every value is ``low`` or ``high``, reading a block at a time."""
    plain = values.view(np.uint8) if values.dtype.kind == "b" else values
    step = chunk_rows(plain)
    for start in range(0, len(plain), step):
        chunk = plain[start : start + step]
        if not ((chunk == low) | (chunk == high)).all():
            return False
    return True
