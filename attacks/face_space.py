"""Pictures with a Gaussian prior: other people's faces, and what the encoder looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.feature_cost import device_of, relaxed_store

__all__ = ["FaceSpace", "eigenfaces", "with_own_directions"]

#: Directions that the encoder looks at less than this, beside the strongest, are left out: they
#: are rounding, or directions that are in the space already.
_NEGLIGIBLE = 1e-5

#: The encoder is differentiated at so many pictures, and at each so many sums of its numbers.
_PLACES = 8
_SUMS = 32


@dataclass(frozen=True)
class FaceSpace:
    """Pictures ``mean + z · basis`` with independent standard normal z.

    Attributes:
        mean: ``(h·w,)``.
        basis: ``(dimensions, h·w)``, orthogonal rows, each as long as the deviation along it.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    def pictures(self, z: NDArray[np.float32], *, gain: float = 1.0) -> NDArray[np.float32]:
        """The pictures of coordinates ``(n, dimensions)``, ``(n, h·w)`` in [-1, 1].

        Args:
            z: the coordinates.
            gain: how far the difference from the mean face is exaggerated.
        """
        return np.clip(self.mean + (np.float32(gain) * z) @ self.basis, -1, 1)


def eigenfaces(pixels: NDArray[np.float32], components: int) -> FaceSpace:
    """The space of the first principal components of photos (Turk and Pentland 1991).

    Args:
        pixels: ``(n, h·w)``, at least 2.
        components: at most so many; n - 1 at most.
    """
    mean, axes, deviations, _ = _components(pixels, components)
    return FaceSpace(mean, deviations[:, None] * axes)


def with_own_directions(
    adversary: Adversary,
    pixels: NDArray[np.float32],
    components: int,
    spread: float,
    rng: np.random.Generator,
) -> FaceSpace:
    """Eigenfaces, and the directions in which a picture changes what the encoder computes.

    The few photos of others do not span what the encoder looks at. What eigenfaces leave of a
    photo is taken to be equal in all other directions (probabilistic principal components, Tipping
    and Bishop 1999). Of those directions the posterior mean has only such that change the feature:
    the encoder's gradients.

    Args:
        adversary: with a differentiable encoder.
        pixels: ``(n, h·w)``, photos of others.
        components: how many eigenfaces.
        spread: the variance in all other directions, in units of what it is in the photos. An
            eigenface of lower variance is raised to it.
        rng: draws.
    """
    mean, axes, deviations, rest = _components(pixels, components)
    gradients = _gradients(adversary, mean, pixels, rng)
    gradients -= (gradients @ axes.T) @ axes
    _, length, own = np.linalg.svd(gradients, full_matrices=False)
    own = own[length > _NEGLIGIBLE * max(length[0], np.finfo(np.float32).tiny)]
    deviation = np.float32(np.sqrt(rest * spread))
    basis = [np.maximum(deviations, deviation)[:, None] * axes, deviation * own]
    return FaceSpace(mean, np.concatenate(basis).astype(np.float32))


def _components(
    pixels: NDArray[np.float32], components: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], float]:
    """Mean, unit axes, deviations along them, and the mean variance of the other directions."""
    mean = pixels.mean(0)
    _, length, axes = np.linalg.svd(pixels - mean, full_matrices=False)
    variance = length**2 / (len(pixels) - 1)
    kept = min(components, len(pixels) - 1)
    others = max(1, pixels.shape[1] - kept)
    rest = max(float(variance[kept:].sum()) / others, float(np.finfo(np.float32).tiny))
    return mean, axes[:kept], np.sqrt(variance[:kept]), rest


def _gradients(
    adversary: Adversary,
    mean: NDArray[np.float32],
    pixels: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Gradients of what is stored at the mean face and at some photos, ``(k, h·w)``.

    A gradient vanishes where a number is saturated, which differs from photo to photo. Of many
    stored numbers random sums are differentiated: they span the same directions.
    """
    store = relaxed_store(adversary, "tanh")
    device = device_of(adversary.encoder())
    photos = rng.permutation(len(pixels))[: _PLACES - 1]
    found = []
    for place in (mean, *pixels[photos]):
        pictures = torch.from_numpy(np.tile(place, (_SUMS, 1))).to(device).requires_grad_()
        stored = store(pictures)
        sums = rng.standard_normal((_SUMS, stored.shape[1]), dtype=np.float32)
        (gradient,) = torch.autograd.grad(
            (stored * torch.from_numpy(sums).to(device)).sum(), pictures
        )
        found.append(gradient.cpu().numpy())
    return np.concatenate(found)
