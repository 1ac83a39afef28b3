"""Deciding what form codes have, over all shards, and checking every value.

Which form an array has is decided by these rules, in this order, and by nothing else:

1. one dimension, whole numbers, none negative: one code a row (``uint16 integers``);
2. two dimensions, whole numbers or booleans, all 0 or 1, and ``bits`` not given or equal to the
   number of columns: one bit a column (``0/1 matrix``);
3. two dimensions, signed whole numbers or floats, all exactly -1 or +1, and ``bits`` not given
   or equal to the number of columns: one bit a column, +1 stands for 1 (``±1 matrix``);
4. two dimensions, uint8, ``bits`` given and ``ceil(bits / 8)`` equal to the number of columns:
   packed bytes.

Several shards are one array: they have equally many columns, values of one kind, and one form.
Whole numbers of different width, as uint16 and uint32, are of one N only where N is given.
Everything else is an error that names the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.features.codes import check_bits
from privkit.features.files import Files
from privkit.features.shards import Shard
from privkit.features.stored import IN_MEMORY, Form, StoredCodes, Stream

__all__ = ["one_bit_a_value", "refuse_unlike", "stored_arrays"]

CHOICES = (
    "codes are (n,) whole numbers, an (n, N) 0/1 matrix, an (n, N) ±1 matrix, "
    "or (n, ceil(N/8)) uint8 packed bytes with --bits N"
)
MAPPED = 256
"""Shards that are mapped at once; each holds a file open, and a process may hold about 1,000."""


def stored_arrays(files: Files, shards: Sequence[Shard], bits: int | None) -> StoredCodes:
    """Decide the form of the shards by the rules of this module and check every value.

    Args:
        files: where they lie.
        shards: one array a file.
        bits: N, where it is given.

    Raises:
        InputError: if a shard holds no codes, or others than the first shard.
    """
    bits = _agreed_bits(shards, bits)
    for shard in shards:
        if shard.dtype.kind not in "biuf" or len(shard.shape) not in (1, 2):
            raise _no_codes(shard, bits)
    refuse_unlike(shards)
    for shard in shards:
        if bits is None and shard.dtype.itemsize != shards[0].dtype.itemsize:
            raise _differs(
                shards[0],
                shard,
                shards[0].words(),
                shard.words(),
                remedy="if they hold codes of one N all the same, give it with --bits",
            )
    if not any(0 not in shard.shape for shard in shards):
        raise InputError(
            "there are no codes in this file",
            where=shards[0].path,
            rule="at least one record",
            found=shards[0].words(),
        )
    if len(shards[0].shape) == 1:
        shards, bits = _integers(shards, bits)
        form, kind = Form.INTEGERS, f"{shards[0].dtype.name} integers"
    else:
        form, bits = _matrix(shards, bits)
        kind = f"{form.value}, {shards[0].shape[1]} columns"
        if form is Form.PACKED:
            kind = f"{form.value}, {bits} bits a code"
    n = sum(shard.shape[0] for shard in shards)
    stored = StoredCodes(files.source, form, kind, n, bits, paths=files.paths)
    if len(shards) <= MAPPED and sum(s.nbytes for s in shards if s.array is None) <= IN_MEMORY:
        # The plain view: slices of a memmap subclass cost several microseconds more each.
        return replace(stored, arrays=tuple(np.asarray(shard.whole()) for shard in shards))
    return replace(stored, stream=_stream(shards))


def refuse_unlike(shards: Sequence[Shard]) -> None:
    """Refuse shards with other columns or other kinds of values than the first one has.

    Raises:
        InputError: if there is one.
    """
    for shard in shards:
        if _shape(shard) != _shape(shards[0]):
            raise _differs(shards[0], shard, shards[0].words(), shard.words())


def one_bit_a_value(shards: Sequence[Shard]) -> bool:
    """Tell whether rule 2 or 3 of this module holds for all shards, each of two dimensions."""
    return any(
        all(_FITS[form](shard, None) and _only(shard, low, high) for shard in shards)
        for form, (low, high) in _VALUES.items()
    )


def _stream(shards: Sequence[Shard]) -> Stream:
    def read(rows: int | None) -> Iterator[NDArray[Any]]:
        for shard in shards:
            yield from shard.blocks(rows)

    dtype = np.result_type(*(shard.dtype for shard in shards))
    return Stream(dtype, dtype.itemsize * prod(shards[0].shape[1:]), read)


def _agreed_bits(shards: Sequence[Shard], given: int | None) -> int | None:
    """Return the N that the files carry, which nobody may contradict, or the one given."""
    own = shards[0].bits
    for shard in shards[1:]:
        if shard.bits != own:
            raise _differs(shards[0], shard, f"bits {own}", f"bits {shard.bits}")
    if own is not None and given not in (None, own):
        raise InputError(
            "the number of bits contradicts the file",
            where=shards[0].path,
            rule=f"the file says that its codes have {own} bits",
            found=f"--bits {given}",
            remedy="leave --bits out",
        )
    return given if own is None else own


def _shape(shard: Shard) -> tuple[str, tuple[int, ...], bool]:
    """What all shards have in common: kind of values, columns, and whether they are packed."""
    return shard.dtype.kind, shard.shape[1:], shard.packed


def _differs(
    first: Shard,
    other: Shard,
    has: str,
    found: str,
    remedy: str = "name only the shards that belong together",
) -> InputError:
    return InputError(
        "this shard does not hold what the first one holds",
        where=other.path,
        rule=f"all shards have values of one kind, N and form, here {has} as in {first.path}",
        found=found,
        remedy=remedy,
    )


def _no_codes(shard: Shard, bits: int | None) -> InputError:
    found = shard.words()
    floats = shard.dtype.kind in "fc"
    if shard.dtype.kind == "f" and any(np.isnan(block).any() for block in shard.blocks()):
        found += ", with NaN"
    return InputError(
        "these values are not codes",
        where=shard.path,
        rule=CHOICES,
        found=found + (f", --bits {bits}" if bits is not None else ""),
        remedy="binarize the floats first" if floats else "store them in one of these forms",
    )


def _integers(shards: Sequence[Shard], bits: int | None) -> tuple[Sequence[Shard], int | None]:
    """Check integers; booleans become integers of one bit."""
    if shards[0].dtype.kind == "f":
        raise _no_codes(shards[0], bits)
    if shards[0].dtype.kind == "b":
        shards = [_bytes(shard) for shard in shards]
        bits = 1 if bits is None else bits
    for shard in shards:
        limit = None if bits is None or bits >= 8 * shard.dtype.itemsize else 1 << bits
        if shard.dtype.kind != "i" and limit is None:
            continue
        start = 0
        for block in shard.blocks():
            low, high = int(block.min()), int(block.max())
            if low < 0 or (limit is not None and high >= limit):
                raise _outside(shard, block, start, bits, negative=low < 0)
            start += len(block)
    return shards, bits


def _bytes(shard: Shard) -> Shard:
    """Look at booleans as the bytes they are stored in."""
    whole = np.asarray(shard.whole()).view(np.uint8)
    return Shard.of(shard.path, whole, bits=shard.bits)


def _outside(
    shard: Shard, block: NDArray[Any], start: int, bits: int | None, *, negative: bool
) -> InputError:
    row = int(np.argmin(block) if negative else np.argmax(block))
    if negative or bits is None:
        what, rule = f"the code in row {start + row} is negative", "a code is a whole number >= 0"
        remedy = "store codes as unsigned integers"
    else:
        what = f"the code in row {start + row} has bits set above the {bits} bits of a code"
        rule = f"a code of {bits} bits lies from 0 to {(1 << bits) - 1}"
        remedy = "give the right --bits"
    return InputError(what, where=shard.path, rule=rule, found=int(block[row]), remedy=remedy)


_FITS: dict[Form, Callable[[Shard, int | None], bool]] = {
    Form.BITS: lambda shard, bits: (
        not shard.packed and bits in (None, shard.shape[1]) and shard.dtype.kind in "biu"
    ),
    Form.SIGNS: lambda shard, bits: (
        not shard.packed and bits in (None, shard.shape[1]) and shard.dtype.kind in "if"
    ),
    Form.PACKED: lambda shard, bits: (
        bits is not None and shard.dtype == np.uint8 and -(-bits // 8) == shard.shape[1]
    ),
}
"""The forms in their order, and whether type and shape allow them."""

_VALUES: dict[Form, tuple[int, int]] = {Form.BITS: (0, 1), Form.SIGNS: (-1, 1)}


def _matrix(shards: Sequence[Shard], bits: int | None) -> tuple[Form, int]:
    columns = shards[0].shape[1]
    broken: tuple[Form, Shard] | None = None
    for form, fits in _FITS.items():
        if not all(fits(shard, bits) for shard in shards):
            continue
        if form is Form.PACKED and bits is not None:
            _check_filling(shards, bits)
            return form, bits
        wrong = next((i for i, s in enumerate(shards) if not _only(s, *_VALUES[form])), None)
        if wrong is None:
            return form, check_bits(columns, where=shards[0].path)
        if wrong > 0:
            broken = broken or (form, shards[wrong])
    if broken is None:
        raise _no_codes(shards[0], bits)
    form, shard = broken
    low, high = _VALUES[form]
    found = f"{shard.words()} with values other than {low} and {high}"
    raise _differs(shards[0], shard, f"a {form.value} of {columns} columns", found)


def _only(shard: Shard, low: int, high: int) -> bool:
    """Tell whether every value is ``low`` or ``high``."""
    for block in shard.blocks():
        plain = block.view(np.uint8) if block.dtype.kind == "b" else block
        if not ((plain == low) | (plain == high)).all():
            return False
    return True


def _check_filling(shards: Sequence[Shard], bits: int) -> None:
    """Refuse packed codes with a bit set after the last one of a code."""
    fill = 8 * shards[0].shape[1] - bits
    if not fill:
        return
    for shard in shards:
        start = 0
        for block in shard.blocks(1 << 16):
            bad = np.flatnonzero(block[:, -1] & ((1 << fill) - 1))
            if len(bad):
                row = start + bad[0]
                raise InputError(
                    f"the code in row {row} has bits set above the {bits} bits of a code",
                    where=shard.path,
                    rule=f"the last {fill} bits of the last byte are zero (bit order 'big')",
                    found=f"last byte {block[bad[0], -1]}",
                    remedy="give the right --bits, or pack with np.packbits(matrix, axis=1)",
                )
            start += len(block)
