"""Codes of N bits, packed eight to a byte, with N kept beside them.

Bit order, fixed: bit 0 of a code is the most significant bit of its first byte, as
``np.packbits(..., bitorder="big")`` writes it. Read as an integer, a code is big-endian: bit 0
weighs ``2**(N-1)``. The bits that fill the last byte up are zero, so that equal codes are equal
bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["MAX_BITS", "Codes", "check_bits", "integers_to_packed", "packed_to_integers"]

MAX_BITS = 65536
INTEGER_BITS = 64


def check_bits(bits: object, *, where: object = "bits") -> int:
    """Return ``bits`` if it is a whole number from 1 to 65536.

    Raises:
        InputError: if it is not.
    """
    whole = isinstance(bits, int | np.integer) and not isinstance(bits, bool)
    if not whole or not 1 <= int(bits) <= MAX_BITS:  # type: ignore[call-overload]
        raise InputError(
            "the number of bits cannot be used",
            where=where,
            rule=f"bits is a whole number from 1 to {MAX_BITS}",
            found=repr(bits),
            remedy="give the N of the codes, e.g. 10",
        )
    return int(bits)  # type: ignore[call-overload, no-any-return]


def packed_to_integers(packed: NDArray[np.uint8], bits: int) -> NDArray[np.uint64]:
    """Read packed codes of at most 64 bits as big-endian integers.

    Args:
        packed: shape ``(n, ceil(bits / 8))``.
        bits: N, at most 64.

    Returns:
        shape ``(n,)``, each below ``2**bits``.
    """
    width = packed.shape[1]
    wide = np.zeros((len(packed), 8), dtype=np.uint8)
    wide[:, 8 - width :] = packed
    values = wide.view(">u8")[:, 0].astype(np.uint64)
    return values >> np.uint64(8 * width - bits)


def integers_to_packed(values: NDArray[np.integer], bits: int) -> NDArray[np.uint8]:
    """Pack integers below ``2**bits``; the inverse of :func:`packed_to_integers`.

    Args:
        values: shape ``(n,)``, not negative; bits above 64 are filled with zeros in front.
        bits: N.

    Returns:
        shape ``(n, ceil(bits / 8))``.
    """
    width = -(-bits // 8)
    plain = values.astype(np.uint64)
    if bits <= INTEGER_BITS:
        shifted = plain << np.uint64(8 * width - bits)
        rows = shifted.astype(">u8")[:, None].view(np.uint8)
        return np.ascontiguousarray(rows[:, 8 - width :])
    matrix = np.zeros((len(plain), bits), dtype=np.uint8)
    matrix[:, bits - 64 :] = np.unpackbits(plain.astype(">u8")[:, None].view(np.uint8), axis=1)
    return np.packbits(matrix, axis=1)


@dataclass(frozen=True, eq=False)
class Codes:
    """``n`` codes of ``bits`` bits each, packed.

    Args:
        packed: shape ``(n, ceil(bits / 8))``, uint8, in the bit order of this module; the
            filling bits of the last byte are zero.
        bits: N, from 1 to 65536.

    Raises:
        InputError: if the shape, the type or a filling bit is wrong.
    """

    packed: NDArray[np.uint8]
    bits: int

    def __post_init__(self) -> None:
        bits = check_bits(self.bits)
        packed: NDArray[Any] = np.asarray(self.packed)
        width = -(-bits // 8)
        if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
            raise InputError(
                "the packed codes have the wrong type or shape",
                where="packed",
                rule=f"{bits} bits are packed into uint8 of shape (n, {width})",
                found=f"{packed.dtype} of shape {packed.shape}",
            )
        fill = 8 * width - bits
        bad = np.flatnonzero(packed[:, -1] & ((1 << fill) - 1))
        if len(bad):
            raise InputError(
                f"the code in row {bad[0]} has bits set above the {bits} bits of a code",
                where="packed",
                rule=f"the last {fill} bits of the last byte are zero",
                found=f"last byte {packed[bad[0], -1]}",
                remedy="pack with np.packbits(matrix, axis=1, bitorder='big'), or give the right N",
            )
        packed = np.ascontiguousarray(packed).view()
        packed.flags.writeable = False
        object.__setattr__(self, "packed", packed)
        object.__setattr__(self, "bits", bits)

    def __len__(self) -> int:
        return int(self.packed.shape[0])

    @classmethod
    def from_integers(cls, values: NDArray[np.integer] | Sequence[int], bits: int) -> Codes:
        """Pack integers, each read big-endian as one code.

        Args:
            values: shape ``(n,)``, from 0 to ``2**bits - 1``; Python integers where N > 64.
            bits: N.

        Raises:
            InputError: if a value is not a whole number or does not fit into N bits.
        """
        bits = check_bits(bits)
        # A list of large and small Python integers would become floats on its way through numpy.
        array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
        if array.dtype.kind in "iub" and array.ndim == 1:
            whole = array.astype(np.uint8) if array.dtype.kind == "b" else array
            bad = np.flatnonzero(_outside(whole, bits))
            if len(bad):
                raise _does_not_fit(int(whole[bad[0]]), int(bad[0]), bits)
            return cls(integers_to_packed(whole, bits), bits)
        if array.ndim != 1 or not all(isinstance(value, int) for value in array.tolist()):
            raise InputError(
                "the values are not codes",
                where="values",
                rule="one whole number a code, in one dimension",
                found=f"{array.dtype} of shape {array.shape}",
            )
        width = -(-bits // 8)
        rows = bytearray()
        for row, value in enumerate(array.tolist()):
            if not 0 <= value < 1 << bits:
                raise _does_not_fit(value, row, bits)
            rows += (value << (8 * width - bits)).to_bytes(width, "big")
        return cls(np.frombuffer(bytes(rows), dtype=np.uint8).reshape(-1, width), bits)

    @classmethod
    def from_matrix(cls, matrix: NDArray[np.generic]) -> Codes:
        """Pack a matrix of bits.

        Args:
            matrix: shape ``(n, bits)``, all values 0 or 1 (or False and True).

        Raises:
            InputError: if it has another shape or other values.
        """
        array = np.asarray(matrix)
        if array.ndim != 2 or array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            raise InputError(
                "the matrix is not a matrix of bits",
                where="matrix",
                rule="shape (n, bits), all values 0 or 1",
                found=f"{array.dtype} of shape {array.shape}",
            )
        bits = check_bits(array.shape[1], where="matrix")
        return cls(np.packbits(array.astype(np.uint8), axis=1, bitorder="big"), bits)

    @classmethod
    def from_packed(cls, packed: NDArray[np.uint8], bits: int) -> Codes:
        """Take packed bytes of shape ``(n, ceil(bits / 8))`` as they are, after checking them."""
        return cls(packed, bits)

    def to_integers(self) -> NDArray[np.uint64] | NDArray[np.object_]:
        """Return shape ``(n,)``: uint64 where N <= 64, Python integers in an object array above."""
        if self.bits <= INTEGER_BITS:
            return packed_to_integers(self.packed, self.bits)
        fill = 8 * self.packed.shape[1] - self.bits
        integers = np.empty(len(self), dtype=object)
        for row, code in enumerate(self.packed):
            integers[row] = int.from_bytes(code.tobytes(), "big") >> fill
        return integers

    def to_matrix(self) -> NDArray[np.uint8]:
        """Return the bits, shape ``(n, bits)``, 0 or 1."""
        return np.unpackbits(self.packed, axis=1, count=self.bits, bitorder="big")

    def to_signs(self) -> NDArray[np.float32]:
        """Return the bits as a decoder takes them, shape ``(n, bits)``, -1 or +1."""
        return self.to_matrix().astype(np.float32) * np.float32(2) - np.float32(1)

    def save(self, path: Path) -> None:
        """Write an npz file with the arrays ``packed`` and ``bits``; ``open_codes`` reads it."""
        if path.suffix.lower() != ".npz":
            raise InputError(
                "the codes cannot be saved under this name", where=path, rule="it ends with .npz"
            )
        with path.open("wb") as file:
            np.savez(file, packed=self.packed, bits=np.int64(self.bits))


def _outside(values: NDArray[np.integer], bits: int) -> NDArray[np.bool_]:
    """Mark the values that do not lie in ``[0, 2**bits)``."""
    low: NDArray[np.bool_] = values < 0
    if bits < 8 * values.dtype.itemsize:
        low |= values.astype(np.uint64) >> np.uint64(bits) != 0
    return low


def _does_not_fit(value: int, row: int, bits: int) -> InputError:
    return InputError(
        f"the code in row {row} has bits set above the {bits} bits of a code",
        where="values",
        rule=f"a code of {bits} bits lies from 0 to 2**{bits} - 1",
        found=value,
        remedy="give the right N",
    )
