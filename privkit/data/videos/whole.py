"""Whether a video file is whole: FFmpeg stops without a word where it is cut off between packets.

Each container declares how far it goes; that is held against the file. What cannot be seen is a cut
between two fragments of an MP4, or anywhere in a live WebM, which declare no length.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["avi_fault", "gif_fault", "matroska_fault", "mp4_fault", "whole_fault"]

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


def avi_fault(path: Path) -> str | None:
    """Walk the RIFF chunks of an AVI file (OpenDML files have several).

    A size of 0, as a recorder leaves that could not go back to fill it in, is no size.

    Returns:
        What is wrong, in words; ``None`` for a file that is whole.
    """
    have, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place + 8 <= have:
            file.seek(place)
            head = file.read(8)
            size = int.from_bytes(head[4:], "little")
            if head[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):
                return None
            place += 8 + size
            if place > have:
                return f"an AVI of which {have:,} of {place:,} bytes are there"
            place += place % 2
    return None


def mp4_fault(path: Path) -> str | None:
    """Walk the outer boxes of an MP4 or MOV file (ISO/IEC 14496-12, section 4.2).

    Returns:
        What is wrong, in words; ``None`` for a file that is whole.
    """
    have, place, kind = path.stat().st_size, 0, b""
    with path.open("rb") as file:
        while place + 8 <= have:
            file.seek(place)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:  # the real size follows, in 64 bits
                size = int.from_bytes(head[8:], "big")
            if size == 0:  # up to the end of the file
                return None
            if size < 8:  # no box: whatever it is, FFmpeg judges it
                return None
            place += size
            if place > have:
                return f"an MP4 of which {have:,} of {place:,} bytes are there"
    if kind == b"moof":
        return f"an MP4 that is cut off after {have:,} bytes, behind the index of a fragment"
    return None


#: How to find out, by the first four bytes of a file, or for boxes by the four behind their size.
_BY_START: dict[bytes, Callable[[Path], str | None]] = {
    b"GIF8": gif_fault,
    b"\x1a\x45\xdf\xa3": matroska_fault,
    b"RIFF": avi_fault,
}
_BY_BOX = dict.fromkeys((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"), mp4_fault)


def whole_fault(path: Path, start: bytes) -> str | None:
    """Find out whether a file ends where its container says.

    Args:
        path: the file.
        start: its first eight bytes, or all of a shorter one.

    Returns:
        What is wrong, in words; ``None`` for a file that is whole, or of another kind.
    """
    look = _BY_START.get(start[:4]) or _BY_BOX.get(start[4:8])
    return None if look is None else look(path)
