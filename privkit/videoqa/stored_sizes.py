"""The bytes that videos take in every form in which they could be stored, measured on files."""

from __future__ import annotations

import bz2
import lzma
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from privkit.data.videos.decode import probe, read_frames
from privkit.errors import InputError
from privkit.evaluation.intervals import Interval, mean_over_people
from privkit.videoqa.encode import StoredVideos
from privkit.videoqa.grid_cache import GridFeatures
from privkit.videoqa.task import Task

__all__ = ["MPEG4_QUANTISER", "Size", "measure_sizes", "reencode"]

Tick = Callable[[str, int, int], None]

#: Of every frame, from 2 (best) to 31; FFmpeg's own choice without a target lies about there.
MPEG4_QUANTISER = 5
#: Bytes of decoded frames that are held at a time.
_HELD = 2**29


@dataclass(frozen=True)
class Size:
    """What one way of storing all videos takes.

    Attributes:
        name: what is stored.
        total: bytes of all videos, without ``header``.
        header: bytes of the files that do not grow with the videos.
        measured: videos whose bytes were measured.
        mean: bytes a video with its interval, where fewer than all were measured.
    """

    name: str
    total: float
    header: int
    measured: int
    mean: Interval | None = None


def measure_sizes(
    task: Task,
    stored: StoredVideos,
    tiny: Path,
    scratch: Path,
    *,
    mpeg4_videos: int,
    seed: int,
    tick: Tick | None = None,
) -> list[Size]:
    """Write the videos in every form and measure the files.

    Args:
        task: with its videos.
        stored: their codes.
        tiny: folder of the tiny set.
        scratch: folder for the other files, which are removed.
        mpeg4_videos: most videos that are encoded as MPEG-4.
        seed: draws them where there are more.
        tick: progress.
    """
    count, name = len(stored.videos), f"codes of {stored.codes.bits:,} bits"
    tight = np.packbits(stored.codes.to_matrix().ravel())
    payload = tight.tobytes()
    rows = stored.codes.packed.nbytes
    whole = sum(path.stat().st_size for path in tiny.iterdir())
    scratch.mkdir()
    np.save(scratch / "tight.npy", tight, allow_pickle=False)
    (scratch / "codes.bz2").write_bytes(bz2.compress(payload, 9))
    (scratch / "codes.xz").write_bytes(lzma.compress(payload, preset=9))
    sizes = [
        Size(
            f"{name}, bit after bit",
            len(payload),
            _bytes(scratch / "tight.npy") - len(payload),
            count,
        ),
        Size(f"{name}, in whole bytes (codes.npy)", rows, _bytes(tiny / "codes.npy") - rows, count),
        Size(f"{name}, bit after bit, bz2", _bytes(scratch / "codes.bz2"), 0, count),
        Size(f"{name}, bit after bit, xz", _bytes(scratch / "codes.xz"), 0, count),
        Size("tiny set: codes, names and questions", whole, 0, count),
        *_float_sizes(task, scratch),
        Size("videos as they are", sum(map(_bytes, _files(task).values())), 0, count),
        _mpeg4_size(_files(task), scratch, mpeg4_videos, seed, tick),
    ]
    shutil.rmtree(scratch)
    return sizes


def _bytes(path: Path) -> int:
    return path.stat().st_size


def _files(task: Task) -> Mapping[str, Path]:
    return {name: task.questions.videos[name] for name in sorted(task.features.row)}


def _float_sizes(task: Task, scratch: Path) -> list[Size]:
    features = task.features
    if not isinstance(features, GridFeatures):
        raise InputError(
            "there are no stored features to measure",
            rule="a frozen backbone, whose features are kept",
            found="training from frames",
        )
    rows = [features.row[name] for name in sorted(features.row)]
    floats: NDArray[np.float16] = features.x[rows]
    np.save(scratch / "floats.npy", floats, allow_pickle=False)
    np.savez_compressed(scratch / "floats.npz", floats=floats)
    plain = _bytes(scratch / "floats.npy")
    return [
        Size("float16 features (.npy)", floats.nbytes, plain - floats.nbytes, len(rows)),
        Size("float16 features, deflated (.npz)", _bytes(scratch / "floats.npz"), 0, len(rows)),
    ]


def _mpeg4_size(
    videos: Mapping[str, Path], scratch: Path, most: int, seed: int, tick: Tick | None
) -> Size:
    names = sorted(videos)
    if len(names) > most:
        drawn = np.random.default_rng(seed).choice(len(names), most, replace=False)
        names = [names[n] for n in sorted(drawn)]

    def encoded(number: int) -> int:
        out = scratch / f"{number}.mp4"
        reencode(videos[names[number]], out)
        size = _bytes(out)
        out.unlink()
        return size

    found: list[int] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # FFmpeg works outside Python's lock
        for size in pool.map(encoded, range(len(names))):
            found.append(size)
            if tick is not None:
                tick("encode as MPEG-4", len(found), len(names))
    title = f"videos as MPEG-4 (quantiser {MPEG4_QUANTISER})"
    if len(names) == len(videos):
        return Size(title, sum(found), 0, len(names))
    mean = mean_over_people(found, names)
    return Size(title, mean.value * len(videos), 0, len(names), mean)


def reencode(path: Path, out: Path) -> None:
    """Encode a video as MPEG-4 part 2 in an MP4 file, at its size and mean frame rate, no sound.

    Raises:
        InputError: the video cannot be read or written.
    """
    facts = probe(path)
    rate = max(1, round(facts.frames / facts.seconds))
    times: NDArray[np.float64] = np.arange(facts.frames, dtype=np.float64)
    times = (times + 0.5) * (facts.seconds / facts.frames)
    part = max(1, _HELD // (facts.width * facts.height * 3))
    try:
        with av.open(os.fspath(out.absolute()), "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=rate)
            # 4:2:0 has one colour for two by two pixels.
            stream.width, stream.height = (
                facts.width + facts.width % 2,
                facts.height + facts.height % 2,
            )
            stream.pix_fmt = "yuv420p"
            quantiser = str(MPEG4_QUANTISER)
            stream.options = {"qmin": quantiser, "qmax": quantiser, "threads": "1"}
            for start in range(0, facts.frames, part):
                for pixels in read_frames(path, times[start : start + part]):
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except av.error.FFmpegError as error:
        raise InputError("the video cannot be encoded", where=path, found=error) from error
