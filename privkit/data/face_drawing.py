"""Draws the generated faces: a shaded surface with skin, eyes, mouth, hair and glasses on it.

All pictures of a person are drawn at once. The data flow, from far to near::

    backdrop ─► hair behind ─► ears ─► neck, clothes ─► head ─► hair in front ─► glasses ─► sensor
                                                         │
             outline ─► height (nose, lips, brows, …) ─► normals ─► light × albedo

Edges are made smooth by their signed distance, not by drawing at a higher resolution.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from privkit.data.face_features import draw_brows, draw_eyes, draw_head, draw_mouth
from privkit.data.face_parameters import Look, Shots
from privkit.data.face_scene import PIXELS_A_UNIT, Scene, set_up
from privkit.data.face_surroundings import (
    draw_body,
    draw_ears,
    draw_glasses,
    draw_hair,
    draw_hair_behind,
)

__all__ = ["draw_person"]


def draw_person(look: Look, shots: Shots, shape: tuple[int, int] = (112, 92)) -> NDArray[np.uint8]:
    """Draws all pictures of one person.

    Args:
        look: what stays the same.
        shots: pose, light, expression and so on of each of the n pictures.
        shape: height and width in pixels.

    Returns:
        Grey pictures, shape ``(n, height, width)``.
    """
    scene = set_up(look, shots, shape)
    for layer in LAYERS:
        layer(scene)
    return _sensor(scene)


def _sensor(scene: Scene) -> NDArray[np.uint8]:
    """Exposure, blur, noise and rounding, as a camera adds them."""
    shots = scene.shots
    image = np.clip(scene.image * shots["exposure"], 0, 1) ** np.float32(0.9)
    out = np.empty(image.shape, np.uint8)
    for i, seed in enumerate(shots.noise_seeds):
        noise = np.random.default_rng(seed).standard_normal(image.shape[1:], np.float32)
        blurred = gaussian_filter(
            image[i], float(shots["blur"][i, 0, 0]) / (PIXELS_A_UNIT * scene.pixel)
        )
        out[i] = np.clip(np.rint((blurred + 0.012 * noise) * 240 + 6), 0, 255)
    return out


LAYERS: tuple[Callable[[Scene], None], ...] = (
    draw_hair_behind,
    draw_ears,
    draw_body,
    draw_head,
    draw_eyes,
    draw_brows,
    draw_mouth,
    draw_hair,
    draw_glasses,
)
"""What is drawn, from far to near."""
