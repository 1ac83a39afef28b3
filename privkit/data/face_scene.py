"""Coordinates, light and paint: what all parts of a generated face are drawn with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from privkit.data.face_parameters import Look, Shots

__all__ = ["PIXELS_A_UNIT", "Image", "Scene", "bump", "outline", "set_up"]

Image: TypeAlias = NDArray[Any]
"""One float32 value a pixel, shape ``(n, height, width)``."""

PIXELS_A_UNIT = 47.0
"""Half the height of a head in pixels, in a picture of 92 × 112."""


@dataclass
class Scene:
    """One person's pictures while they are being drawn.

    Attributes:
        look: the person.
        shots: what differs from picture to picture.
        pixel: width of a pixel in head units.
        x: position to the right of the middle of the head, roll and scale undone.
        y: position below the middle of the head.
        u: x on the head's surface as if it looked straight at the camera.
        v: y on the head's surface as if it looked straight at the camera.
        inside: signed distance from the outline of the head, positive inside.
        bulge: height of the bare head towards the camera.
        image: the grey values so far.
    """

    look: Look
    shots: Shots
    pixel: float
    x: Image
    y: Image
    u: Image
    v: Image
    inside: Image
    bulge: Image
    image: Image

    def cover(self, distance: Image) -> Image:
        """Share of each pixel that lies inside, from a signed distance (positive inside)."""
        share: Image = np.clip(distance * np.float32(1 / self.pixel) + np.float32(0.5), 0, 1)
        return share

    def paint(self, tone: Image | float, cover: Image) -> None:
        """Lays a tone over the picture where ``cover`` is 1."""
        self.image += (np.asarray(tone, np.float32) - self.image) * cover

    def light(self, height: Image) -> Image:
        """Brightness of a surface of that height under the pictures' lights."""
        step = np.float32(1 / self.pixel)
        slope_y, slope_x = np.gradient(height, axis=(1, 2))
        slope_x, slope_y = (np.clip(s * step, -2.5, 2.5) for s in (slope_x, slope_y))
        lx, ly = self.shots["light_x"], self.shots["light_y"]
        norm = 1 / np.sqrt(1 + lx**2 + ly**2)
        facing = (1 - slope_x * lx - slope_y * ly) * norm / np.sqrt(1 + slope_x**2 + slope_y**2)
        ambient = self.shots["ambient"]
        return np.asarray(ambient + (1.08 - ambient) * np.clip(facing, 0, 1), np.float32)


def bump(a: Image, b: Image, wide: float, high: float) -> Image:
    """A smooth hill of height 1 around (0, 0)."""
    hill: Image = np.exp(-((a * np.float32(1 / wide)) ** 2) - (b * np.float32(1 / high)) ** 2)
    return hill


def outline(look: Look, x: Image, y: Image, grow: float = 0.0) -> tuple[Image, Image]:
    """Level of the head's outline (1 on it) and the signed distance from it, positive inside.

    Args:
        look: the person.
        x: position to the right of the middle of the head, in head units.
        y: position below it.
        grow: how far the outline stands out from the skull, as hair does.
    """
    t = np.clip(y / np.float32(look["chin"] + 0.5 * grow), 0, None)
    top = np.clip(-y / np.float32(1 + grow), 0, None)
    width = np.maximum(np.float32(look["head_width"] + grow) * (1 - look["jaw_taper"] * t), 0.2)
    power, crown = np.float32(look["jaw_square"]), np.float32(look["crown"])
    lower, upper = t**power, top**crown
    level = (x / width) ** 2 + lower + upper
    fall = power * lower / np.maximum(t, 0.05) + crown * upper / np.maximum(top, 0.05)
    distance = (1 - level) / np.sqrt((2 * x / width**2) ** 2 + fall**2 + 0.3)
    return level, distance


def set_up(look: Look, shots: Shots, shape: tuple[int, int]) -> Scene:
    """Lays out coordinates and the backdrop for one person.

    Args:
        look: what stays the same.
        shots: what differs between the n pictures.
        shape: height and width in pixels.
    """
    height, width = shape
    pixel = 1 / (PIXELS_A_UNIT * min(height / 112, width / 92))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    px = (columns - (width - 1) / 2) * np.float32(pixel) - shots["shift_x"]
    py = (rows - 0.51 * (height - 1)) * np.float32(pixel) - shots["shift_y"]
    cos, sin, scale = np.cos(shots["roll"]), np.sin(shots["roll"]), 1 / shots["scale"]
    x, y = (cos * px + sin * py) * scale, (cos * py - sin * px) * scale
    level, inside = outline(look, x, y)
    # Flatter in front than an ellipsoid, as faces are.
    bulge = np.float32(0.72) * np.sqrt(np.clip(1 - 0.45 * level - 0.55 * level**2, 0, 1))
    u = x * np.cos(shots["yaw"]) - (bulge - 0.15) * np.sin(shots["yaw"])
    v = y * np.cos(shots["pitch"]) - (bulge - 0.25) * np.sin(shots["pitch"])
    tilt = np.float32(1) + shots["backdrop_tilt"] * px
    image = np.asarray(shots["backdrop"] * tilt - 0.03 * py, np.float32)
    return Scene(look, shots, pixel, x, y, u, v, inside, bulge, image)
