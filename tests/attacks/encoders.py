"""Encoders of tiny pictures that a test can reason about, and scenes on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attacks.adversary import Adversary, Photos
from privkit.errors import InputError
from privkit.models.defenses import Defense
from privkit.models.encoder import Encoder, Through

#: Pictures of 8 x 6 pixels.
SHAPE = (8, 6)
PIXELS = 48


@dataclass(frozen=True)
class Linear:
    """Features that are linear in the pixels; with ``signs`` only their signs are stored."""

    matrix: np.ndarray
    differentiable: bool = True
    signs: bool = False

    def store(self, pixels: np.ndarray) -> np.ndarray:
        feature = pixels @ self.matrix
        return np.where(feature > 0, 1, -1).astype(np.float32) if self.signs else feature

    def relaxed(self, pixels: Tensor, through: Through = "tanh") -> Tensor:
        if not self.differentiable:
            raise InputError("a black box gives no gradient")
        feature = pixels @ torch.from_numpy(self.matrix)
        return torch.tanh(feature) if self.signs else feature


def linear(
    width: int, *, seed: int = 0, differentiable: bool = True, signs: bool = False
) -> Linear:
    matrix = np.random.default_rng(seed).standard_normal((PIXELS, width)) / np.sqrt(PIXELS)
    return Linear(matrix.astype(np.float32), differentiable, signs)


def smooth_photos(people: int, photos: int, *, seed: int) -> Photos:
    """Smooth pictures of a few patterns, mixed by person and by photo."""
    y, x = np.meshgrid(np.linspace(0, 1, SHAPE[0]), np.linspace(0, 1, SHAPE[1]), indexing="ij")
    patterns = np.stack(
        [np.cos(np.pi * (a * y + b * x)).ravel() for a in range(3) for b in range(3) if a + b]
    )
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((people, 1, len(patterns)))
    mixed = own + 0.3 * rng.standard_normal((people, photos, len(patterns)))
    pixels = np.clip(0.12 * mixed.reshape(-1, len(patterns)) @ patterns, -1, 1)
    n = people * photos
    person = np.repeat(np.arange(people), photos) + 1000 * seed
    return Photos(pixels.astype(np.float32), person, np.arange(n) + 10_000 * seed)


def adversary_of(
    network: Encoder | None, defense: Defense | None = None, auxiliary: Photos | None = None
) -> Adversary:
    return Adversary(
        network,
        defense,
        auxiliary=smooth_photos(12, 8, seed=1) if auxiliary is None else auxiliary,
        gallery=smooth_photos(3, 2, seed=2),
        shape=SHAPE,
        people=3,
        classes=np.arange(0),
    )
