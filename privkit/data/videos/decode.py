"""Decoding a video file strictly, and choosing frames by timestamp.

Times count from the first frame that is shown. A frame is shown from its timestamp until the next
one's, so that GIFs with frames of different lengths, and containers that declare no length or a
wrong one (WebM, GIF), are sampled right.

A file that is cut off is an error, even where some frames decode: to learn silently from half a
video is worse than to stop. Bit errors that the decoder conceals without an error pass.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from privkit.data.videos.whole import whole_fault
from privkit.errors import InputError

__all__ = ["MAX_FRAMES", "MAX_PIXELS", "VideoFacts", "probe", "read_frames", "video_sha256"]

#: Most pixels of a frame: 8K video. A crafted file of some bytes can declare far more.
MAX_PIXELS = 7680 * 4320
#: Most frames: an hour at 30 a second; the clips of VideoQA last seconds.
MAX_FRAMES = 108_000

#: Only containers of videos: FFmpeg would also open playlists, which name other files and hosts.
_FORMATS = "gif,avi,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2"
_KINDS = "a GIF, MP4, AVI or WebM video"
_REMEDY = "replace the file or take it out of the data"
#: Seconds that a frame lasts where nothing says it.
_DEFAULT_DURATION = 0.1


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What decoding a whole video shows.

    Attributes:
        width: of a frame as shown, in pixels.
        height: likewise.
        frames: number of frames that decode.
        seconds: from the start of the first frame to the end of the last.
    """

    width: int
    height: int
    frames: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Shown:
    """A decoded frame, when it is first shown and until when, in seconds from the first frame."""

    start: float
    end: float
    frame: Any


def probe(path: Path) -> VideoFacts:
    """Decode the whole file and say what it holds.

    The answer is kept for a file that has not changed since, as training asks in every epoch.

    Raises:
        InputError: the file is missing, empty, cut off, no video, without a video stream, broken,
            or larger than :data:`MAX_PIXELS` a frame or :data:`MAX_FRAMES`.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _probe(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _probe(path: Path, _size: int, _changed: int) -> VideoFacts:
    frames, seconds, width, height = 0, 0.0, 0, 0
    for shown in _decode(path):
        if not frames:
            width, height = _upright_size(shown.frame)
        frames += 1
        seconds = shown.end
    return VideoFacts(width, height, frames, seconds)


def read_frames(path: Path, times: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The frames shown at some times: of each, the last frame that starts no later.

    Decodes from the start up to the last of the times, once. Before the first frame the first is
    taken, after the last the last; a video of one frame gives this frame at every time.

    Args:
        path: the video.
        times: seconds from the first frame, any shape, any order.

    Returns:
        RGB, ``(*times.shape, height, width, 3)``.

    Raises:
        InputError: see :func:`probe`; or a time is not finite, or there is none.
    """
    wanted = np.asarray(times, dtype=np.float64)
    if not wanted.size or not np.isfinite(wanted).all():
        raise InputError("the times of the frames are wrong", where=path, rule="finite seconds")
    order = np.argsort(wanted, axis=None, kind="stable")
    ordered = wanted.ravel()[order]
    out: NDArray[np.uint8] | None = None
    done, current = 0, None
    for shown in _decode(path):
        if out is None:
            width, height = _upright_size(shown.frame)
            out = np.empty((wanted.size, height, width, 3), np.uint8)
        if current is not None:
            # The half nanosecond keeps a time that is computed as k / rate on its own frame.
            until = int(np.searchsorted(ordered, shown.start - 5e-10))
            if until > done:
                out[order[done:until]] = _rgb(current.frame, out.shape[1:3])
                done = until
        if done == wanted.size:
            break
        current = shown
    if out is None or current is None:  # unreachable: _decode raises where no frame decodes
        raise _broken(path, "no frame decodes")
    if done < wanted.size:
        out[order[done:]] = _rgb(current.frame, out.shape[1:3])
    return out.reshape(*wanted.shape, *out.shape[1:])


def video_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(path: Path) -> Iterator[_Shown]:
    """The frames of a file in the order shown; raises what :func:`probe` says."""
    _check_file(path)
    try:
        # An absolute path: FFmpeg would read a name like "concat:a" or "http://…" as an address.
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
        with av.open(os.fspath(path.absolute()), options=options) as container:
            stream = _video_stream(path, container)
            yield from _shown(path, container, stream)
    except (av.error.FFmpegError, OSError) as error:
        raise _broken(path, getattr(error, "strerror", None) or str(error)) from error


def _check_file(path: Path) -> None:
    try:
        if not path.is_file():
            what = "this is a folder" if path.is_dir() else "the video is missing"
            raise InputError(what, where=path, rule=f"{_KINDS} file")
        with path.open("rb") as file:
            start = file.read(8)
            if not start:
                raise InputError("the video is empty", where=path, found="0 bytes", remedy=_REMEDY)
        if (fault := whole_fault(path, start)) is not None:
            raise _broken(path, fault)
    except OSError as error:
        raise _unreadable(path, error) from error


def _video_stream(path: Path, container: Any) -> Any:
    """The first video stream that is no cover picture, with the limits set."""
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & cover:
            _check_size(path, stream.codec_context.width, stream.codec_context.height)
            # For a frame size that changes on the way, before memory is taken for it.
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            return stream
    raise InputError("there is no video in this file", where=path, rule=_KINDS, remedy=_REMEDY)


def _shown(path: Path, container: Any, stream: Any) -> Iterator[_Shown]:
    count, first, end = 0, None, 0.0
    usual = 1 / float(stream.average_rate) if stream.average_rate else _DEFAULT_DURATION
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise _broken(path, "the file is cut off")
        for frame in packet.decode():
            count += 1
            _check_size(path, frame.width, frame.height)
            if count > MAX_FRAMES:
                raise InputError(
                    "the video is too long",
                    where=path,
                    rule=f"at most {MAX_FRAMES:,} frames",
                    remedy="cut it into clips",
                )
            time = frame.time
            if first is None:
                first = time or 0.0
            # Broken files have missing and backward timestamps; a frame never starts too early.
            start = end if time is None else max(time - first, 0.0)
            length = float(frame.duration * frame.time_base) if frame.duration else usual
            end = max(end, start + length)
            yield _Shown(start, end, frame)
    if not count:
        raise _broken(path, "no frame decodes")


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            "the frames are too large",
            where=path,
            rule=f"at most {MAX_PIXELS:,} pixels",
            found=f"{width} x {height}",
            remedy=_REMEDY,
        )


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError("the video cannot be read", where=path, found=error.strerror)


def _broken(path: Path, found: str) -> InputError:
    return InputError(
        "the video is broken or not a video",
        where=path,
        rule=f"{_KINDS}, whole",
        found=found,
        remedy=_REMEDY,
    )


def _quarter_turns(frame: Any) -> int:
    """Counterclockwise quarter turns that show a telephone's video upright."""
    turns: int = round(frame.rotation / 90) % 4
    return turns


def _upright_size(frame: Any) -> tuple[int, int]:
    """Width and height as shown."""
    size = frame.width, frame.height
    return size if _quarter_turns(frame) % 2 == 0 else size[::-1]


def _rgb(frame: Any, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame as upright RGB of ``shape``; one that changes its size on the way is scaled."""
    turns = _quarter_turns(frame)
    height, width = shape if turns % 2 == 0 else shape[::-1]
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
    return np.ascontiguousarray(np.rot90(pixels, turns))
