"""Whether a GIF or a WebM file is whole: FFmpeg stops where it is cut off without a word.

The other containers need no look: their index is missing, or a packet is found to be cut.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["FAULTS", "gif_fault", "matroska_fault"]

#: Size of a Matroska element whose writer could not go back to fill it in.
_UNKNOWN = -1
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def gif_fault(path: Path) -> str | None:
    """Walk the blocks of a GIF from the header to the trailer (GIF89a specification).

    Bytes behind the trailer do not count. The pictures are not decoded.

    Returns:
        What is wrong, in words; ``None`` for a GIF that is whole.
    """
    data = path.read_bytes()
    try:
        place = 13 + _colours(data[10])
        while data[place] != _TRAILER:
            if data[place] == _EXTENSION:
                place = _behind(data, place + 2)
            elif data[place] == _IMAGE:
                # Place and size, flags, colours, the code size of the compressed pixels.
                place = _behind(data, place + 10 + _colours(data[place + 9]) + 1)
            else:
                return f"a GIF with an unknown block at byte {place:,}"
    except IndexError:
        return f"a GIF that is cut off after {len(data):,} bytes"
    return None


def _colours(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind(data: bytes, place: int) -> int:
    """Skip the sub-blocks that start at ``place``, each a length and so many bytes."""
    while data[place]:
        place += data[place] + 1
    return place + 1


def matroska_fault(path: Path) -> str | None:
    """Compare the declared size of a WebM or Matroska file with the file (RFC 8794, RFC 9559).

    A live recording declares none; that it is cut off cannot be seen.

    Returns:
        What is wrong, in words; ``None`` for a file that is whole.
    """
    have = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    try:
        size, place = _element_size(head, 4)
        # The header's content, then the identifier of the segment, which holds everything else.
        size, place = _element_size(head, place + size + 4)
    except IndexError:
        return f"a WebM that is cut off after {have:,} bytes"
    if size != _UNKNOWN and place + size > have:
        return f"a WebM of which {have:,} of {place + size:,} bytes are there"
    return None


def _element_size(data: bytes, place: int) -> tuple[int, int]:
    """The size that stands at ``place``, and the place behind it; the first 1 bit tells where."""
    length = 9 - data[place].bit_length()
    value = int.from_bytes(data[place : place + length], "big") & ((1 << 7 * length) - 1)
    data[place + length - 1]  # raises if it is cut
    return (_UNKNOWN if value == (1 << 7 * length) - 1 else value), place + length


FAULTS: dict[bytes, Callable[[Path], str | None]] = {
    b"GIF8": gif_fault,
    b"\x1a\x45\xdf\xa3": matroska_fault,
}
"""How to find out what is wrong with a file, by its first four bytes."""
