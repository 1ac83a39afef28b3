"""Whether prefixes and single bits can be counted of a file, and whether they are unasked."""

from __future__ import annotations

from privkit.anonymity.counting.source import check_memory
from privkit.anonymity.grouped import Beside
from privkit.anonymity.needed_memory import megabytes, prefix_bytes, refuse_beyond
from privkit.anonymity.prefix_input import known
from privkit.anonymity.words import number
from privkit.errors import InputError
from privkit.features.stored import Form, StoredCodes

__all__ = ["check_prefixes", "prefixes_wanted"]

#: Bits of all codes up to which prefixes and the part of each bit are counted unasked: seconds.
_SMALL = 1 << 29


def check_prefixes(stored: StoredCodes, beside: Beside, memory: int | None) -> None:
    """Refuse to count prefixes and single bits where that was asked for and cannot be done.

    Raises:
        InputError: if N is not known, this is a table of columns, or the memory is too little.
    """
    if stored.form is Form.TABLE:
        raise InputError(
            "columns have no prefixes",
            where="--prefixes",
            rule="prefixes and single bits are those of codes of N bits",
            found=stored.kind,
            remedy="leave --prefixes out, or name one column of whole numbers and give --bits",
        )
    known(stored)
    needed = _prefix_bytes(stored, beside)
    refuse_beyond("counting prefixes and bits", needed, memory, "leave --prefixes out")


def prefixes_wanted(
    stored: StoredCodes, beside: Beside, asked: bool, memory: int | None
) -> tuple[bool, list[str]]:
    """Tell whether prefixes and single bits are counted, and if not, why, in a sentence.

    Args:
        stored: the codes.
        beside: what is known beside them.
        asked: whether they were asked for.
        memory: bytes to use; by default half of what the machine has available.

    Raises:
        InputError: if they were asked for and cannot be counted.
    """
    if asked:
        check_prefixes(stored, beside, memory)
        return True, []
    if stored.form is Form.TABLE or stored.bits is None:
        return False, []
    needed, room = _prefix_bytes(stored, beside), check_memory(memory)
    said = "Prefixes and the part of each bit were not counted: "
    if needed > room:
        return False, [
            f"{said}they need about {number(megabytes(needed))} MB of memory, and "
            f"{number(megabytes(room, down=True))} MB may be used; give more --memory."
        ]
    if stored.n * stored.bits > _SMALL:
        return False, [
            f"{said}{number(stored.n)} codes of {stored.bits} bits are more than is done unasked; "
            "give --prefixes."
        ]
    return True, []


def _prefix_bytes(stored: StoredCodes, beside: Beside) -> int:
    metadata = beside.metadata is not None
    return prefix_bytes(stored, persons=beside.persons is not None, metadata=metadata)
