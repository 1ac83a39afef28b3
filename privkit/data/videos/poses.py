"""How the figure of a generated video holds itself, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from privkit.data.videos.scene import Scene

__all__ = ["FRAMES", "Pose", "pose_at", "pose_steps"]

#: Frames of a video; the first action takes the first eleven, two thirds of the time, so that a
#: mean over frames tells which action came first.
FRAMES = 16
_FIRST = 11
#: Poses between rest and peak are rounded to quarters, so that few different ones are drawn.
_STEPS = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the parts of the figure are: pixels above the floor, radians; the field's rest value.

    Attributes:
        lift: of the whole figure off the floor.
        hip: height of the hip.
        torso: length from hip to neck.
        lean: angle of the torso, towards the prop.
        near_arm: angle of the arm on the prop's side, from hanging (0) to straight up (pi).
        far_arm: the other arm.
        near_foot: place of the foot on the prop's side, ahead of the hip.
        near_foot_up: its height.
        far_foot: place of the other foot, behind the hip.
        turn: angle of the whole figure about its middle, away from the prop.
        size: factor of the whole figure, about the point where it stands.
        cover: how much of what is behind the figure it hides.
        halo: how bright the light around the figure is.
    """

    lift: float = 0.0
    hip: float = 12.0
    torso: float = 10.0
    lean: float = 0.0
    near_arm: float = 0.35
    far_arm: float = 0.35
    near_foot: float = 3.5
    near_foot_up: float = 0.0
    far_foot: float = 3.5
    turn: float = 0.0
    size: float = 1.0
    cover: float = 1.0
    halo: float = 0.0


_REST = Pose()
_PEAKS: dict[str, Pose] = {
    "jump": replace(_REST, lift=15, near_foot=1, far_foot=1),
    "crouch": replace(_REST, hip=4, torso=7, near_foot=7, far_foot=7, near_arm=0.9, far_arm=0.9),
    "raise both arms": replace(_REST, near_arm=2.5, far_arm=2.5),
    "kick a leg": replace(_REST, near_foot=13, near_foot_up=11, lean=-0.3),
    "lie down": replace(_REST, turn=1.57, lift=-11),
    "shrink": replace(_REST, size=0.5),
    "vanish": replace(_REST, cover=0.05),
    "glow": replace(_REST, halo=1.0),
}


def pose_steps(scene: Scene) -> list[tuple[str, int]]:
    """The action and the step from rest (0) to peak (4) of each frame.

    The strength is ``sin(pi * phase)``, amplified and cut, so that the peak is held: of 8 frames
    spread over the video at least two are at the first action's peak and one at the second's.
    """
    first = (np.arange(_FIRST) + 0.5) / _FIRST * scene.times % 1
    rest = FRAMES - _FIRST
    phases = np.concatenate([first, (np.arange(rest) + 0.5) / rest])
    strength = np.minimum(2.5 * np.sin(np.pi * phases), 1.0)
    steps = [int(s) for s in np.rint(strength * _STEPS)]
    return [(scene.action if i < _FIRST else scene.then, s) for i, s in enumerate(steps)]


@cache
def pose_at(action: str, step: int) -> Pose:
    """The pose on the way from rest (step 0) to the action's peak (step 4)."""
    peak, part = _PEAKS[action], step / _STEPS
    return Pose(
        *(
            (1 - part) * getattr(_REST, field.name) + part * getattr(peak, field.name)
            for field in fields(Pose)
        )
    )
