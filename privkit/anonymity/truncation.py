"""Cutting codes to prefixes, all to one length or each to its own.

A prefix of its own length is stored as a code of N + 1 bits: the prefix, then a 1, then zeros.
The last 1 marks the end, so that every length and prefix has one form, and codes cut in this
way are counted like any others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import MAX_BITS, Codes

__all__ = ["decode_prefixes", "encode_prefixes", "truncate"]

BLOCK = 1 << 22
"""Bytes worked on at a time."""

#: The bits of a byte before bit ``b``, and bit ``b`` itself; bit 0 is the most significant.
_BEFORE = np.array([0xFF00 >> b & 0xFF for b in range(8)], dtype=np.uint8)
_AT = np.array([0x80 >> b for b in range(8)], dtype=np.uint8)
#: The position of the last 1 of a byte; that of 0 is never asked for.
_LAST_ONE = np.array([max((b for b in range(8) if v & (0x80 >> b)), default=0) for v in range(256)])


def truncate(codes: Codes, bits: int) -> Codes:
    """Keep the first ``bits`` bits of every code.

    Args:
        codes: ``n`` codes of N bits.
        bits: from 1 to N.

    Returns:
        ``n`` codes of ``bits`` bits.

    Raises:
        InputError: if ``bits`` does not lie from 1 to N.
    """
    if not 1 <= bits <= codes.bits:
        raise InputError(
            "the codes cannot be cut to this length",
            where="bits",
            rule=f"a whole number from 1 to {codes.bits}",
            found=bits,
        )
    packed = codes.packed[:, : -(-bits // 8)].copy()
    if bits % 8:
        packed[:, -1] &= _BEFORE[bits % 8]
    return Codes.from_packed(packed, bits)


def encode_prefixes(codes: Codes, lengths: NDArray[np.integer]) -> Codes:
    """Cut each code to its own length: prefix, then a 1, then zeros.

    Args:
        codes: ``n`` codes of N bits, fewer than the most that are supported.
        lengths: shape ``(n,)``, from 0 to N.

    Returns:
        ``n`` codes of N + 1 bits.

    Raises:
        InputError: if there is not one length for each code, from 0 to N.
    """
    lengths = np.asarray(lengths)
    good = lengths.shape == (len(codes),) and lengths.dtype.kind in "iu"
    if not good or (lengths.size and not 0 <= lengths.min() <= lengths.max() <= codes.bits):
        raise InputError(
            "these are not the lengths of prefixes",
            where="lengths",
            rule=f"one whole number from 0 to {codes.bits} for each of {len(codes)} codes",
            found=f"{lengths.dtype} of shape {lengths.shape}",
        )
    if codes.bits >= MAX_BITS:
        raise InputError(
            "prefixes of codes of so many bits cannot be stored",
            where="codes",
            rule=f"N + 1 bits are at most {MAX_BITS}",
            found=codes.bits,
        )
    width = codes.packed.shape[1]
    packed = np.zeros((len(codes), codes.bits // 8 + 1), dtype=np.uint8)
    columns = np.arange(packed.shape[1])
    for part in _blocks(packed):
        at, bit = np.divmod(lengths[part], 8)
        rows = packed[part]
        rows[:, :width] = codes.packed[part]
        rows[columns > at[:, None]] = 0
        own = np.arange(len(rows))
        rows[own, at] = rows[own, at] & _BEFORE[bit] | _AT[bit]
    return Codes.from_packed(packed, codes.bits + 1)


def decode_prefixes(stored: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Read codes written by :func:`encode_prefixes`.

    Args:
        stored: ``n`` codes of N + 1 bits.

    Returns:
        ``n`` codes of N bits, each its prefix filled up with zeros; and the lengths, ``(n,)``.

    Raises:
        InputError: if a code has no 1, so that its length is not known, or N is 0.
    """
    if stored.bits < 2:
        raise InputError(
            "these are not prefixes of codes", where="bits", rule="N + 1 >= 2", found=stored.bits
        )
    lengths = np.empty(len(stored), dtype=np.int64)
    packed = stored.packed.copy()
    for part in _blocks(packed):
        rows = packed[part]
        at = rows.shape[1] - 1 - np.argmax(rows[:, ::-1] != 0, axis=1)
        own = np.arange(len(rows))
        last = rows[own, at]
        if not last.all():
            raise InputError(
                f"the code in row {part.start + int(np.argmin(last))} is not a prefix with its end",
                where="codes",
                rule="the last 1 of a stored prefix marks its end",
                found="no bit is 1",
            )
        bit = _LAST_ONE[last]
        lengths[part] = 8 * at + bit
        rows[own, at] &= _BEFORE[bit]
    bits = stored.bits - 1
    return Codes.from_packed(packed[:, : -(-bits // 8)], bits), lengths


def _blocks(packed: NDArray[np.uint8]) -> list[slice]:
    step = max(1, BLOCK // packed.shape[1])
    return [slice(start, start + step) for start in range(0, len(packed), step)]
