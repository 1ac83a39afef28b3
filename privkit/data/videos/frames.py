"""From a video file to the tensor that a backbone reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from privkit.data.videos.decode import probe, read_frames
from privkit.data.videos.sampling import sample_times
from privkit.errors import InputError

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "load_clips", "prepare"]

#: Of RGB in [0, 1], as torchvision's published weights expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def prepare(
    frames: NDArray[np.uint8],
    size: int,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Tensor:
    """Resize so that the longer side is ``size``, pad with black at the bottom or right, normalise.

    As in ClipBERT's published code the padding is black *before* normalisation, so that a padded
    pixel is ``-mean / std``; the resize is bilinear, here with antialiasing, and rounds down.

    Args:
        frames: RGB, ``(n, height, width, 3)``.
        size: side of the square in pixels.
        mean: of R, G and B in [0, 1].
        std: likewise.

    Returns:
        ``(n, 3, size, size)``, float32.

    Raises:
        InputError: frames of another shape or type, or a size below 1.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise InputError(
            "these are no frames",
            rule="uint8 of shape (n, height, width, 3)",
            found=f"{frames.dtype} of shape {frames.shape}",
        )
    if size < 1:
        raise InputError("the size of a frame is out of range", rule="at least 1", found=size)
    n, height, width, _ = frames.shape
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255
    longer = max(height, width)
    # A strip of 1000:1 still keeps one row.
    new = max(1, height * size // longer), max(1, width * size // longer)
    if new != (height, width):
        pixels = interpolate(pixels, new, mode="bilinear", antialias=True, align_corners=False)
    square = pixels.new_zeros(n, 3, size, size)
    square[:, :, : new[0], : new[1]] = pixels
    return square.sub_(torch.tensor(mean).view(3, 1, 1)).div_(torch.tensor(std).view(3, 1, 1))


def load_clips(
    path: Path,
    *,
    size: int,
    clips: int,
    frames: int,
    rng: np.random.Generator | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Tensor:
    """Decode, sample and prepare the clips of a video.

    The file is decoded twice, once for its true length, which no container tells reliably; the
    length is remembered, see :func:`~privkit.data.videos.decode.probe`.

    Args:
        path: the video.
        size: side of the square frames in pixels.
        clips: T.
        frames: f, the frames of a clip.
        rng: draws the moments; ``None`` for the same ones every time.
        mean: see :func:`prepare`.
        std: see :func:`prepare`.

    Returns:
        ``(clips, frames, 3, size, size)``, float32.

    Raises:
        InputError: see :func:`~privkit.data.videos.decode.probe`, or a number is out of range.
    """
    times = sample_times(probe(path).seconds, clips, frames, rng=rng)
    shown = read_frames(path, times.ravel())
    return prepare(shown, size, mean, std).reshape(clips, frames, 3, size, size)
