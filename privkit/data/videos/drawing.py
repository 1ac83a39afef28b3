"""The frames of a generated video, drawn from its scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privkit.data.videos.figure import figure_layers, figure_place, paint
from privkit.data.videos.poses import pose_at, pose_steps
from privkit.data.videos.scene import Scene
from privkit.data.videos.surroundings import SIZE, draw_surroundings

__all__ = ["draw_scene"]

#: Largest pixel noise, of 255.
_NOISE = 4


def draw_scene(scene: Scene) -> NDArray[np.uint8]:
    """Draw all frames, without the losses of a video file.

    Returns:
        RGB, ``(16, 64, 64, 3)``; the same on every run with the same numpy build.
    """
    steps = [(action if step else "jump", step) for action, step in pose_steps(scene)]
    different = sorted(set(steps))
    poses = [pose_at(action, step) for action, step in different]
    frames = np.repeat(draw_surroundings(scene)[None], len(poses), axis=0)
    for n, pose in enumerate(poses):
        if pose.halo:
            frames[n] += pose.halo * _halo(scene)[..., None] * (_LIGHT - frames[n])
    cover = np.array([pose.cover for pose in poses], np.float32)
    for layer in figure_layers(scene, poses):
        paint(frames, layer, cover)
    frames *= np.float32(scene.brightness)
    frames += _noise(scene.noise)
    shades = np.clip(frames, 0, 255).astype(np.uint8)
    drawn: NDArray[np.uint8] = shades[[different.index(step) for step in steps]]
    return drawn


def _noise(seed: int) -> NDArray[np.float32]:
    """Pixel noise that stands still, as a camera's does in part; moving noise bloats a GIF."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-_NOISE, _NOISE, (SIZE, SIZE, 3)).astype(np.float32)


_LIGHT = np.array((255, 252, 225), np.float32)


def _halo(scene: Scene) -> NDArray[np.float32]:
    """A disc of light around the figure, ``(64, 64)`` in [0, 1]."""
    column, floor, _ = figure_place(scene)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    away = np.hypot(x - column, y - (floor - 16))
    halo: NDArray[np.float32] = np.clip((21 - away) / 4, 0, 1)
    return halo
