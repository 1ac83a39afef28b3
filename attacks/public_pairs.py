"""Public photos with what the store holds of them: what decoders learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary, Photos

__all__ = ["pairs", "varied"]

#: A variant is moved by at most this share of the height and of the width ...
_SHIFT = 0.03
#: ... and its grey values are scaled by at most this share, and raised or lowered by as much.
_LIGHT = 0.1


def pairs(
    adversary: Adversary, photos: Photos, variants: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pictures ``(m, h·w)`` with what is stored of them, ``(m, width)``.

    An adversary with the encoder can make as many pairs as he likes: every photo also comes in so
    many variants. Without it there are only the photos whose stored features are known.

    Args:
        adversary: whose store it is.
        photos: to learn from.
        variants: of each photo.
        rng: draws the variants.
    """
    stored = adversary.store_of(photos)
    if adversary.network is None or variants == 0:
        return photos.pixels, stored
    more = varied(np.repeat(photos.pixels, variants, axis=0), adversary.shape, rng)
    return (
        np.concatenate([photos.pixels, more]),
        np.concatenate([stored, adversary.store(more)]),
    )


def varied(
    pixels: NDArray[np.float32], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """One variant of each picture: mirrored or not, shifted a little, lighter or darker.

    Args:
        pixels: ``(n, h·w)`` in [-1, 1].
        shape: ``(h, w)``.
        rng: draws.
    """
    n = len(pixels)
    images = pixels.reshape(n, *shape).copy()
    mirrored = rng.random(n) < 0.5
    images[mirrored] = images[mirrored, :, ::-1]
    down, right = (rng.integers(-reach, reach + 1, n) for reach in _reach(shape))
    for row in range(n):  # what a shift leaves empty repeats the edge
        y = np.clip(np.arange(shape[0]) - down[row], 0, shape[0] - 1)
        x = np.clip(np.arange(shape[1]) - right[row], 0, shape[1] - 1)
        images[row] = images[row][np.ix_(y, x)]
    contrast = rng.uniform(1 - _LIGHT, 1 + _LIGHT, (n, 1)).astype(np.float32)
    light = rng.uniform(-_LIGHT, _LIGHT, (n, 1)).astype(np.float32)
    relit: NDArray[np.float32] = np.clip(images.reshape(n, -1) * contrast + light, -1, 1)
    return relit


def _reach(shape: tuple[int, int]) -> tuple[int, int]:
    return round(_SHIFT * shape[0]), round(_SHIFT * shape[1])
