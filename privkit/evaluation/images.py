"""How alike two pictures are: pixel error, PSNR and SSIM, each a value a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError

__all__ = ["Similarity", "pixel_mse", "similarity"]

#: Pixels lie in [-1, 1].
_RANGE = 2.0


@dataclass(frozen=True)
class Similarity:
    """Per picture, each ``(n,)``.

    Attributes:
        mse: mean squared pixel error, pixels in [-1, 1].
        psnr: peak signal-to-noise ratio in dB.
        ssim: structural similarity (Wang et al. 2004), 1 for equal pictures.
    """

    mse: NDArray[np.float64]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]


def pixel_mse(made: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared pixel error of each picture, ``(n,)``, of two arrays ``(n, h·w)``."""
    error: NDArray[np.float64] = ((made.astype(np.float64) - truth) ** 2).mean(1)
    return error


def similarity(
    made: NDArray[np.float32], truth: NDArray[np.float32], shape: tuple[int, int]
) -> Similarity:
    """Compare reconstructions with the pictures that they are meant to be.

    Args:
        made: ``(n, h·w)`` in [-1, 1].
        truth: ``(n, h·w)`` in [-1, 1].
        shape: ``(h, w)``, each at least 11 (the window of SSIM).

    Raises:
        InputError: the shapes differ.
    """
    if made.shape != truth.shape or made.ndim != 2 or made.shape[1] != shape[0] * shape[1]:
        raise InputError(
            "reconstructions and originals differ in shape",
            rule=f"(n, {shape[0] * shape[1]}) both",
            found=f"{made.shape} and {truth.shape}",
        )
    import torch
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    a = torch.from_numpy(made).reshape(-1, 1, *shape)
    b = torch.from_numpy(truth).reshape(-1, 1, *shape)
    psnr = peak_signal_noise_ratio(a, b, data_range=(-1.0, 1.0), reduction="none", dim=(1, 2, 3))
    ssim = structural_similarity_index_measure(a, b, data_range=_RANGE, reduction="none")
    return Similarity(
        pixel_mse(made, truth),
        np.asarray(psnr, dtype=np.float64),
        np.asarray(ssim, dtype=np.float64).reshape(-1),
    )
