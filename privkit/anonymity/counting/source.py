"""Codes of every form as keys: integers where they have at most 64 bits, rows of words above."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.counting.integers import Integers
from privkit.anonymity.counting.keys import Block, Keys
from privkit.anonymity.counting.plain import COMPILED_FROM, as_words
from privkit.anonymity.counting.rows import Rows
from privkit.errors import InputError
from privkit.features.codes import Codes, integers_to_packed, packed_to_integers
from privkit.features.stored import Form, StoredCodes

__all__ = [
    "HISTOGRAM_BITS",
    "Progress",
    "as_array",
    "available_memory",
    "check_memory",
    "checked_keys",
    "fits_histogram",
    "key_blocks",
    "keys_of",
    "memory_needed",
    "stored_width",
]

Progress = Callable[[str, int, int], None]
"""Called with a step in words, how much of it is done and how much there is."""

HISTOGRAM_BITS = 16
"""Codes of so few bits are always counted by a histogram: 512 KiB."""
WIDEST_HISTOGRAM = 24
LEAST_MEMORY = 1 << 16
BLOCK_BYTES = 1 << 22
_SORTING = 34  # bytes a record that sorting a small input takes beyond a copy of it


def keys_of(width: int) -> Keys:
    """Return the kind of key for codes of so many bits."""
    if width > 64:
        return Rows(-(-width // 64))
    return Integers(32 if width <= 32 else 64)


def stored_width(stored: StoredCodes) -> int:
    """Return how many bits the keys of stored codes need, by N, the type or the largest value."""
    if stored.form is not Form.INTEGERS:
        return stored.bits or 64
    widest = 8 * stored.dtype.itemsize
    width = min(widest, stored.bits or widest)
    if width <= HISTOGRAM_BITS or stored.n < 1 << HISTOGRAM_BITS or stored.stream is not None:
        return width
    # Looking once more at mapped integers is cheap beside everything but a histogram.
    top = max(int(chunk.max()) for chunk in stored.chunks())
    return top.bit_length() if top >> WIDEST_HISTOGRAM == 0 else width


def fits_histogram(width: int, n: int, memory: int) -> bool:
    """Tell whether a histogram of ``2**width`` values is the way to count ``n`` records."""
    if width <= HISTOGRAM_BITS:
        return True
    return width <= WIDEST_HISTOGRAM and 1 << width <= n and 8 << width <= memory


def memory_needed(keys: Keys, n: int, copies: int) -> int:
    """Return the bytes that counting in memory takes, with so many copies of the keys."""
    return n * (keys.nbytes * copies + (_SORTING if n < COMPILED_FROM else 0))


def key_blocks(stored: StoredCodes, width: int, rows: int | None = None) -> Iterator[Block]:
    """Yield stored codes as keys, in blocks; a view of the file where its form allows that."""
    rows = rows or max(1, BLOCK_BYTES // stored.row_bytes)
    if stored.form is Form.INTEGERS:
        for chunk in stored.chunks(rows):
            yield integer_keys(chunk, width)
        return
    for packed in stored.packed_chunks(rows):
        yield packed_keys(packed, width)


def integer_keys(values: NDArray[Any], width: int) -> Block:
    """Bring integers that are not negative into the type of their keys."""
    kind = values.dtype
    # Any type will do for a histogram; the others are compiled for two types only.
    size = kind.itemsize if width <= HISTOGRAM_BITS else 4 if width <= 32 else 8
    target = np.dtype(f"u{size}")
    if kind.isnative and kind.itemsize == target.itemsize:
        plain = np.ascontiguousarray(values.view(target))
    else:
        plain = values.astype(target)
    return _read_only(plain)


def packed_keys(packed: NDArray[np.uint8], bits: int) -> Block:
    """Read packed codes as integers (at most 64 bits) or rows of words."""
    if bits > 64:
        return _read_only(as_words(packed))
    if bits <= 8:
        return _read_only(packed[:, 0] >> np.uint8(8 - bits))
    if bits <= 16:
        pairs = np.ascontiguousarray(packed).view(">u2")[:, 0]
        return _read_only(pairs.astype(np.uint16) >> np.uint16(16 - bits))
    integers = packed_to_integers(packed, bits)
    return _read_only(integers.astype(np.uint32) if bits <= 32 else integers)


def checked_keys(codes: object, bits: int) -> Block:
    """Check codes in memory and copy them as keys.

    Args:
        codes: ``(m,)`` integers, ``(m, bits)`` 0/1, ``(m, ceil(bits / 8))`` packed bytes or
            ``Codes``.
        bits: N.

    Raises:
        InputError: if they are nothing of this, or a code does not fit into N bits.
    """
    if isinstance(codes, Codes):
        if codes.bits != bits:
            raise _not_codes(f"Codes of {codes.bits} bits", bits)
        return packed_keys(codes.packed.copy(), bits)
    array = as_array(codes)
    found = f"{array.dtype} of shape {array.shape}"
    if array.ndim == 1 and array.dtype.kind in "biu":
        whole = array.astype(np.uint8) if array.dtype.kind == "b" else array
        if whole.size and (int(whole.min()) < 0 or int(whole.max()) >> bits):
            raise _not_codes(f"values from {whole.min()} to {whole.max()}", bits)
        if bits > 64:
            return packed_keys(integers_to_packed(whole, bits), bits)
        return integer_keys(whole.copy(), bits)
    if array.ndim != 2:
        raise _not_codes(found, bits)
    packed = array.dtype == np.uint8 and array.shape[1] == -(-bits // 8)
    # Only one bit a code can be either; 0 is the same code in both, and 128 is packed.
    if array.shape[1] == bits and not (packed and array.size and array.max() > 1):
        return packed_keys(Codes.from_matrix(array).packed, bits)
    if not packed:
        raise _not_codes(found, bits)
    return packed_keys(Codes.from_packed(array, bits).packed.copy(), bits)


def as_array(codes: Any) -> NDArray[Any]:
    """Look at codes as an array.

    A list of Python's whole numbers from 0 below ``2**64`` becomes uint64, which numpy does only
    where no other type would do; with others it makes floats or objects of it, by its own rules.
    """
    plain = isinstance(codes, list | tuple) and all(type(code) is int for code in codes)
    if plain and all(0 <= code < 1 << 64 for code in codes):
        return np.array(codes, dtype=np.uint64)
    return np.asarray(codes)


def check_memory(memory: int | None) -> int:
    """Return the bytes that counting may use: as given, or half of what is available.

    Raises:
        InputError: if they are too few to work with.
    """
    if memory is None:
        return available_memory() // 2
    if memory < LEAST_MEMORY:
        raise InputError(
            "this is too little memory to count with",
            where="--memory",
            rule=f"at least {LEAST_MEMORY} bytes (64 KiB)",
            found=memory,
        )
    return memory


def available_memory() -> int:
    """Return the bytes that this machine can still give, as far as the system tells."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:  # not Linux
        text = ""
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return 1024 * int(found[1]) if found else 1 << 32  # a plain guess that today's machines hold


def _read_only(block: Block) -> Block:
    """Return a view that cannot be written: one type, which is compiled once, for all sources."""
    view = block.view()
    view.flags.writeable = False
    return view


def _not_codes(found: str, bits: int) -> InputError:
    return InputError(
        f"these are not codes of {bits} bits",
        where="codes",
        rule=f"(m,) whole numbers from 0 to 2**{bits} - 1, an (m, {bits}) 0/1 matrix, or "
        f"(m, {-(-bits // 8)}) uint8 packed bytes",
        found=found,
        remedy="give the right number of bits",
    )
