"""Writing frames as MP4 (H.264) and GIF, byte for byte the same on one machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.scene import Scene
from privkit.errors import InputError

__all__ = ["RATE", "write_gif", "write_long_video", "write_mp4"]

#: Frames a second of a generated video.
RATE = 10
#: One thread: how x264 divides its work would depend on the machine. crf 18: nearly without loss.
#: No macroblock tree: with it, a few of a hundred frames so small came out otherwise from one call
#: to the next, by what lay in memory.
_X264 = {"preset": "veryfast", "crf": "18", "threads": "1", "x264-params": "mbtree=0"}


def write_mp4(path: Path, frames: NDArray[np.uint8], *, fps: int = RATE) -> None:
    """Write RGB frames ``(n, height, width, 3)``, sides even, as an MP4 of H.264 4:2:0."""
    with av.open(os.fspath(path.absolute()), "w", format="mp4") as container:
        stream = _stream(container, "libx264", frames, fps, "yuv420p")
        stream.options = _X264
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_gif(path: Path, frames: NDArray[np.uint8], *, fps: int = RATE) -> None:
    """Write RGB frames ``(n, height, width, 3)`` as a GIF, with 255 colours chosen for all frames.

    The colours are the median cut of all frames together, without dithering, which would flicker.
    """
    n, height, width, _ = frames.shape
    flat = Image.fromarray(frames.reshape(n * height, width, 3))
    # One colour is left for the transparency by which the encoder stores unchanged pixels.
    small = flat.quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colors = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:255, 0] = 255
    palette[: len(colors), 1:] = colors
    indices = np.asarray(small, np.uint8).reshape(n, height, width)
    with av.open(os.fspath(path.absolute()), "w", format="gif") as container:
        stream = _stream(container, "gif", frames, fps, "pal8")
        for picture in indices:
            pair: Any = (picture, palette)
            frame = av.VideoFrame.from_ndarray(pair, format="pal8")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _stream(container: Any, codec: str, frames: NDArray[np.uint8], fps: int, pixels: str) -> Any:
    stream = container.add_stream(codec, rate=fps)
    stream.height, stream.width = frames.shape[1:3]
    stream.pix_fmt = pixels
    return stream


def write_long_video(path: Path, scenes: Sequence[Scene], *, fps: int = RATE) -> list[int]:
    """Write several scenes one after the other as one MP4.

    Returns:
        The numbers of the frames with which a new scene starts, without the first frame.

    Raises:
        InputError: no scene is given.
    """
    if not scenes:
        raise InputError("there is nothing to write", where=path, rule="at least one scene")
    parts = [draw_scene(scene) for scene in scenes]
    write_mp4(path, np.concatenate(parts), fps=fps)
    return [int(start) for start in np.cumsum([len(part) for part in parts])[:-1]]
