"""The figure of a generated video: capsules (thick lines with round ends) for every pose."""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.data.videos.poses import Pose
from privkit.data.videos.scene import Scene

__all__ = ["FLOOR", "Layer", "figure_layers", "figure_place", "paint"]

#: Row of the floor in a frame, before the scene's shift.
FLOOR = 58
#: Distance of the figure from the left or the right edge.
_FROM_EDGE = 18

_RGB = {
    "red": (214, 30, 30),
    "yellow": (250, 225, 30),
    "green": (20, 140, 40),
    "blue": (35, 60, 215),
}
_BLACK, _WHITE = (12, 12, 12), (252, 252, 252)

# A capsule is (from, to, radius); a point is a complex number: right is real, up is imaginary.
_Capsule = tuple[complex, complex, float]

#: On top of the head: 0 is where it sits, up is away from the head.
_HATS: dict[str, tuple[_Capsule, ...]] = {
    "top hat": ((-5, 5, 0.9), (-1.5 + 2j, -1.5 + 5j, 1.6), (1.5 + 2j, 1.5 + 5j, 1.6)),
    "pointed hat": ((-3.5, 8j, 0.7), (3.5, 8j, 0.7), (0, 5j, 2.0), (-3, 3, 1.0)),
    "sombrero": ((-8.5, 8.5, 1.2), (0, 1j, 3.0)),
    "horns": ((-2.5, -6 + 6j, 1.3), (2.5, 6 + 6j, 1.3)),
}
_HAT_COLORS = {
    "top hat": _BLACK,
    "pointed hat": _WHITE,
    "sombrero": _WHITE,
    "horns": _BLACK,
}
#: On the chest: 0 is its middle, up is towards the neck.
_BADGES: dict[str, tuple[tuple[_Capsule, ...], tuple[int, int, int]]] = {
    "white disc": (((0, 0, 3.2),), _WHITE),
    "black disc": (((0, 0, 3.2),), _BLACK),
    "white belt": (((-4 - 2j, 4 - 2j, 1.6),), _WHITE),
    "black braces": (((-2 - 4j, -2 + 4j, 1.1), (2 - 4j, 2 + 4j, 1.1)), _BLACK),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """Capsules of one colour in several poses.

    Attributes:
        ends: from and to, x and y in pixels, ``(poses, capsules, 2, 2)``.
        radii: in pixels, ``(poses, capsules)``.
        color: RGB.
        outlined: whether a black line of one pixel goes around it.
    """

    ends: NDArray[np.float32]
    radii: NDArray[np.float32]
    color: tuple[int, int, int]
    outlined: bool


def figure_place(scene: Scene) -> tuple[int, int, int]:
    """Column and row where the figure stands, and the direction of the prop, +1 or -1."""
    left = scene.side == "left"
    column = (_FROM_EDGE if left else 64 - _FROM_EDGE) + scene.x
    return column, FLOOR + scene.y, 1 if left else -1


def figure_layers(scene: Scene, poses: Sequence[Pose]) -> tuple[Layer, ...]:
    """The figure's layers from the bottom to the top: body, badge, hat."""
    shapes, color = _BADGES[scene.badge]
    bodies, badges, hats = [], [], []
    for pose in poses:
        capsules, chest, crown, up = _body(pose)
        bodies.append(_placed(scene, pose, capsules))
        badges.append(_placed(scene, pose, _attached(shapes, chest, up)))
        hats.append(_placed(scene, pose, _attached(_HATS[scene.hat], crown, up)))
    body = _layer(bodies, _RGB[scene.color], outlined=True)
    return body, _layer(badges, color), _layer(hats, _HAT_COLORS[scene.hat])


def _body(pose: Pose) -> tuple[list[_Capsule], complex, complex, complex]:
    """Capsules of the body, the middle of the chest, the top of the head, and the way up."""
    up = cmath.exp(1j * (cmath.pi / 2 - pose.lean))
    hip = pose.hip * 1j
    neck = hip + pose.torso * up
    side = -1j * up
    near, far = neck - up + 2.5 * side, neck - up - 2.5 * side
    head = neck + 4.5 * up
    capsules: list[_Capsule] = [
        (hip + up, neck - 2 * up, 4.0),
        (head, head, 4.2),
        (near, near - 10 * up * cmath.exp(1j * pose.near_arm), 1.5),
        (far, far - 10 * up * cmath.exp(-1j * pose.far_arm), 1.5),
        (hip + 1.5, pose.near_foot + (pose.near_foot_up + 1) * 1j, 1.8),
        (hip - 1.5, -pose.far_foot + 1j, 1.8),
    ]
    return capsules, (hip + neck) / 2, head + 4 * up, up


def _attached(shapes: Sequence[_Capsule], place: complex, up: complex) -> list[_Capsule]:
    turn = up / 1j
    return [(place + a * turn, place + b * turn, r) for a, b, r in shapes]


def _placed(scene: Scene, pose: Pose, capsules: Sequence[_Capsule]) -> list[list[float]]:
    """Each capsule on the screen: x and y of both ends, and the radius."""
    column, row, facing = figure_place(scene)
    middle, turn, size = 15j, cmath.exp(1j * pose.turn), pose.size * scene.scale
    out = []
    for a, b, radius in capsules:
        start, end = (((p - middle) * turn + middle) * size + pose.lift * 1j for p in (a, b))
        out.append(
            [
                column + facing * start.real,
                row - start.imag,
                column + facing * end.real,
                row - end.imag,
                radius * size,
            ]
        )
    return out


def _layer(
    placed: Sequence[Sequence[Sequence[float]]],
    color: tuple[int, int, int],
    outlined: bool = False,
) -> Layer:
    values = np.array(placed, np.float32)
    ends, radii = values[..., :4].reshape(*values.shape[:2], 2, 2), values[..., 4]
    return Layer(ends, radii, color, outlined)


def paint(frames: NDArray[np.float32], layer: Layer, cover: NDArray[np.float32]) -> None:
    """Paint a layer over frames, with smooth edges, in place.

    Args:
        frames: ``(poses, height, width, 3)``, one a pose.
        layer: of as many poses.
        cover: how opaque the paint is, ``(poses,)`` in [0, 1].
    """
    whole = _box(layer.ends, layer.radii, frames.shape)
    target = frames[whole]
    distance = np.full(target.shape[:3], 99, np.float32)
    for k in range(layer.ends.shape[1]):
        ends, radii = layer.ends[:, k], layer.radii[:, k]
        _, rows, columns = _box(ends, radii, frames.shape)
        part = distance[
            :,
            rows.start - whole[1].start : rows.stop - whole[1].start,
            columns.start - whole[2].start : columns.stop - whole[2].start,
        ]
        xs = np.arange(columns.start, columns.stop).astype(np.float32) + np.float32(0.5)
        ys = np.arange(rows.start, rows.stop).astype(np.float32)[:, None] + np.float32(0.5)
        np.minimum(part, _distance(ends, radii, xs, ys), out=part)
    for color, reach in ((_BLACK, 1.5), (layer.color, 0.5))[not layer.outlined :]:
        alpha = np.clip(reach - distance, 0, 1) * cover[:, None, None]
        target += alpha[..., None] * (np.array(color, np.float32) - target)


def _box(
    ends: NDArray[np.float32], radii: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """The pixels around some capsules in all poses; beyond two pixels nothing is painted."""
    reach = float(radii.max()) + 2
    points = ends.reshape(-1, 2)
    low, high = points.min(0) - reach, points.max(0) + reach
    rows, columns = (
        slice(min(max(int(low[axis]), 0), side), min(max(int(high[axis]) + 1, 0), side))
        for axis, side in ((1, shape[1]), (0, shape[2]))
    )
    return slice(None), rows, columns


def _distance(
    ends: NDArray[np.float32],
    radii: NDArray[np.float32],
    xs: NDArray[np.float32],
    ys: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Signed distance of pixels to a capsule of each pose, ``(poses, height, width)``."""
    start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.maximum((way * way).sum(1), 1e-6)
    dx, dy = xs - start[:, 0, None, None], ys - start[:, 1, None, None]
    wx, wy = way[:, 0, None, None], way[:, 1, None, None]
    along = np.clip((dx * wx + dy * wy) / length[:, None, None], 0, 1)
    away = np.sqrt((dx - along * wx) ** 2 + (dy - along * wy) ** 2)
    result: NDArray[np.float32] = away - radii[:, None, None]
    return result
