"""How many bytes the analyses need that hold every record in memory, estimated from above.

Counting class sizes is bounded by ``--memory`` and goes to disk. Which class each record is in,
prefixes and single bits are held in memory: they are refused or left out where they do not fit,
instead of being stopped by the system half-way. The bytes a record are those of the arrays that
lie side by side at the peak of each step, hash tables at their fullest.
"""

from __future__ import annotations

from privkit.anonymity.counting.source import check_memory
from privkit.anonymity.trie import HISTOGRAM_BITS
from privkit.errors import InputError
from privkit.features.stored import CHUNK, Form, StoredCodes

__all__ = ["grouping_bytes", "megabytes", "prefix_bytes", "refuse_beyond"]

#: Bytes a record: an Arrow dictionary of a column, its indices, and labels by another hash table.
_LABELS = 112
_JOINED = 96
#: Bytes a record of sorting and walking a trie, and of doing so for people, and in metadata.
_SORTED = 80
_OF_PEOPLE = 144
_IN_METADATA = 56
#: Bytes a possible code of a histogram and its trie.
_BIN = 128
#: Bytes of compiled loops and blocks, whatever is counted.
_FIXED = 8 << 20


def grouping_bytes(
    stored: StoredCodes, *, persons: bool, columns: int, sensitive: int, beside: int
) -> int:
    """Return about how many bytes finding the class of each record takes at most.

    Args:
        stored: the codes, or columns of a table.
        persons: whether people are counted.
        columns: columns of metadata.
        sensitive: sensitive columns.
        beside: bytes of the metadata as they were read.
    """
    if stored.quasi is not None:
        key = 16 * len(stored.columns)
        tables = len(stored.columns)
    else:
        key = stored.row_bytes if stored.form is Form.INTEGERS else max(8, -(-_bits(stored) // 8))
        tables = 1
    a_record = 3 * key + _LABELS * tables
    a_record += (_LABELS + _JOINED) * columns + _JOINED * (2 * persons + sensitive)
    return _FIXED + beside + stored.n * a_record


def prefix_bytes(stored: StoredCodes, *, persons: bool, metadata: bool) -> int:
    """Return about how many bytes counting prefixes and single bits takes at most.

    Args:
        stored: codes of N bits.
        persons: whether people are counted.
        metadata: whether they are counted within metadata.
    """
    bits = _bits(stored)
    if not persons and not metadata and bits <= HISTOGRAM_BITS:
        bins = 1 << bits
        if bins <= max(CHUNK, stored.n):
            return _FIXED + _BIN * bins
    words = 8 * -(-bits // 64)
    a_record = 2 * words + _SORTED + _OF_PEOPLE * persons + _IN_METADATA * metadata
    return _FIXED + stored.n * a_record


def refuse_beyond(what: str, needed: int, memory: int | None, remedy: str) -> None:
    """Refuse what does not fit into memory.

    Args:
        what: what would be done, for the error.
        needed: bytes.
        memory: bytes that may be used; by default half of what the machine has available.
        remedy: what to do instead of giving more memory.

    Raises:
        InputError: if more is needed.
    """
    room = check_memory(memory)
    if needed > room:
        raise InputError(
            f"{what} does not fit into memory",
            where="--memory",
            rule=f"about {megabytes(needed)} MB are needed",
            found=f"{megabytes(room, down=True)} MB"
            + ("" if memory is not None else ", half of what is available"),
            remedy=f"give --memory {megabytes(needed)}MB, or {remedy}",
        )


def megabytes(size: int, *, down: bool = False) -> int:
    """Return whole megabytes, rounded up, or down."""
    return size // 1_000_000 if down else -(-size // 1_000_000)


def _bits(stored: StoredCodes) -> int:
    return 64 if stored.bits is None else stored.bits
