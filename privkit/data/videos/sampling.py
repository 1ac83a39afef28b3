"""Which moments of a video a model sees."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["sample_times"]


def sample_times(
    seconds: float, clips: int, frames: int, *, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Spread the frames of T clips over a video (Lei et al., *ClipBERT*, CVPR 2021, section 3).

    The video is cut into ``clips`` equal segments, each of these into ``frames`` equal parts, and
    one moment is taken of each part: its middle, or a uniformly drawn one.

    Args:
        seconds: length of the video.
        clips: T, the number of clips.
        frames: f, the frames of a clip.
        rng: draws the moments, as in training; ``None`` for the middles.

    Returns:
        Seconds from the start, ``(clips, frames)``, increasing, in [0, seconds).

    Raises:
        InputError: the length is not finite and positive, or a number is below 1.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError("the length of the video is wrong", rule="more than 0 s", found=seconds)
    for name, value in (("clips", clips), ("frames", frames)):
        if value < 1:
            raise InputError(f"{name} is out of range", rule="at least 1", found=value)
    parts = clips * frames
    within = np.full(parts, 0.5) if rng is None else rng.random(parts)
    times = (np.arange(parts) + within) * (seconds / parts)
    # A draw just below 1 may round up to the end, which belongs to no frame.
    return np.minimum(times, np.nextafter(seconds, 0.0)).reshape(clips, frames)
