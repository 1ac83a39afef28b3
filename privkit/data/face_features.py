"""The parts of a generated face that lie on the head itself."""

from __future__ import annotations

import numpy as np

from privkit.data.face_parameters import BEARDS
from privkit.data.face_scene import Image, Scene, bump

__all__ = ["draw_brows", "draw_eyes", "draw_head", "draw_mouth"]


def _eye_frame(scene: Scene) -> tuple[Image, Image]:
    """Position relative to the middle of the nearer eye: outwards and downwards."""
    across = np.abs(scene.u) - np.float32(scene.look["eye_apart"])
    down = scene.v - np.float32(scene.look["eye_height"]) + across * scene.look["eye_slant"]
    return across, down


def _relief(scene: Scene) -> Image:
    """Height of the face towards the camera, with nose, brows, cheeks, lips and chin."""
    look, u, v = scene.look, scene.u, scene.v
    across, down = _eye_frame(scene)
    tip = look["eye_height"] + look["nose_length"]
    along = np.clip((v - look["eye_height"] + 0.08) / (look["nose_length"] + 0.08), 0, 1)
    below = np.clip(1 - (v - tip) / 0.10, 0, 1)
    below = below * below * (3 - 2 * below)
    wide = look["nose_bridge"] + (0.8 * look["nose_width"] - look["nose_bridge"]) * along**2
    nose = look["nose_high"] * (0.2 + 0.8 * along) * along**0.5 * np.exp(-((u / wide) ** 2))
    ball = 0.05 * bump(u, v - tip + 0.03, look["nose_width"] * 0.7, 0.07)
    wings = bump(np.abs(u) - look["nose_width"], v - tip + 0.02, 0.045, 0.05)
    mouth = tip + look["mouth_gap"]
    lips = bump(u, v - mouth, look["mouth_width"], 0.11)
    height = scene.bulge + (nose + 0.06 * wings + ball) * below
    height += 0.05 * bump(across, down + look["brow_gap"], 0.17, 0.07)
    height -= 0.07 * look["eye_depth"] * bump(across + 0.04, down, 0.15, 0.10)
    height += 0.03 * bump(across, down, 0.11, 0.05)
    height += look["cheeks"] * bump(across - 0.06, v - tip + 0.08, 0.17, 0.15)
    height += 0.045 * lips - 0.03 * bump(u, v - mouth - 0.13, 0.16, 0.035)
    height += 0.05 * bump(u, v - look["chin"] + 0.16, 0.16, 0.11)
    return np.asarray(height, np.float32)


def draw_head(scene: Scene) -> None:
    """Paints the skin of the face under its light, with nostrils, folds and beard."""
    look, shots, u, v = scene.look, scene.shots, scene.u, scene.v
    light = scene.light(_relief(scene))
    tip = np.float32(look["eye_height"] + look["nose_length"])
    albedo = np.full_like(u, look.skin)
    smile = np.clip(shots["rise"], 0, 1.3)
    # The folds from the nose to the mouth deepen with a smile.
    fold = np.abs(u) - look["nose_width"] - 0.05 - 0.45 * np.clip(v - tip + 0.06, 0, 0.3)
    ends = np.clip(1 - np.abs(v - tip - 0.09) / 0.2, 0, 1)
    albedo *= 1 - (look["folds"] + 0.22 * smile) * np.exp(-((fold / 0.028) ** 2)) * ends
    nostrils = bump(np.abs(u) - 0.6 * look["nose_width"], v - tip - 0.03, 0.032, 0.018)
    albedo *= 1 - 0.6 * nostrils - 0.16 * bump(u, v - tip - 0.06, look["nose_width"], 0.03)
    _beard(scene, albedo, tip)
    image = albedo * light
    shine = np.clip(light - 0.92, 0, 1) * np.float32(0.5)
    scene.paint(image + shine, scene.cover(scene.inside))


def _beard(scene: Scene, albedo: Image, tip: np.float32) -> None:
    look, u, v = scene.look, scene.u, scene.v
    upper, lower = BEARDS[look.beard]
    if not upper:
        return
    mouth = tip + look["mouth_gap"]
    grain = 0.92 + 0.12 * np.sin(90 * u + 25 * np.sin(7 * v)) * np.sin(60 * v + 9 * u)
    lip = scene.cover((0.05 - np.abs(v - mouth + 0.085 - 0.35 * u**2)) * 0.5)
    lip *= np.clip((look["mouth_width"] + 0.06 - np.abs(u)) * 12, 0, 1)
    jaw = np.clip((v - (mouth - 0.02 - 0.9 * (np.abs(u) - 0.33))) * 5, 0, 1)
    jaw *= np.clip((np.abs(u) - look["mouth_width"]) * 8 + (v - mouth - 0.12) * 14, 0, 1)
    cover = np.maximum(upper * lip, lower * jaw) * grain
    albedo += (look.hair_tone * 0.9 + 0.04 - albedo) * np.clip(cover, 0, 0.95)


def draw_brows(scene: Scene) -> None:
    """Paints both eyebrows."""
    look, shots = scene.look, scene.shots
    across, down = _eye_frame(scene)
    t = across / 0.19
    frown = np.clip(-shots["rise"], 0, 1)
    middle = -look["brow_gap"] - shots["brow_lift"] - look["brow_slant"] * across
    middle = middle + look["brow_arch"] * (t**2 - 0.6) - 0.20 * frown * across + 0.02 * frown
    thick = look["brow_thick"] * np.clip(1.15 - 0.45 * t - 0.5 * t**4, 0, 2)
    ends = np.clip((t + 1.15) * 5, 0, 1) * np.clip((1.2 - t) * 5, 0, 1)
    hairs = 0.93 + 0.07 * np.sin(140 * across + 60 * down)
    cover = np.clip((thick - np.abs(down - middle)) / (1.3 * scene.pixel) + 0.5, 0, 1)
    tone = np.minimum(0.7 * look.hair_tone + 0.03, 0.6 * look.skin)
    scene.paint(tone, cover * hairs * ends * look["brow_dark"] * scene.cover(scene.inside - 0.03))


def draw_eyes(scene: Scene) -> None:
    """Paints eyeballs, irises, lids and creases."""
    look, shots = scene.look, scene.shots
    across, down = _eye_frame(scene)
    t = across / np.float32(look["eye_width"])
    arch = np.clip(1 - t**2, 0, 1)
    opening = shots["lid_open"] * (1 - 0.22 * np.clip(shots["rise"], 0, 1))
    top = -look["eye_open"] * 1.15 * arch**0.7 * opening
    bottom = look["eye_open"] * 0.75 * arch * (0.35 + 0.65 * opening)
    wide = (1 - np.abs(t)) * look["eye_width"] * 0.7
    # Eyelids meet near the lower lid when the eye is closed.
    top = top + (bottom - top) * (1 - np.clip(opening * 4, 0, 1))
    white = scene.cover(np.minimum(np.minimum(down - top, bottom - down), wide))
    lit = 0.66 + 0.2 * np.sign(scene.u) * np.clip(shots["light_x"], -1, 1)
    shade = 1 - 0.45 * np.clip(1 - (down - top) / 0.035, 0, 1)
    side = across * np.sign(scene.u) - 0.05 * (shots["gaze"] - np.sin(shots["yaw"]) * 0.4)
    r = np.sqrt(side**2 + (down + 0.008) ** 2)
    ball = np.full_like(r, lit * (0.72 + 0.28 * look.skin))
    for size, tone in ((0.058, 0.04), (0.050, look["iris"]), (0.024, 0.02)):
        ball += (tone - ball) * scene.cover(size - r)
    ball *= shade
    ball += (0.95 - ball) * scene.cover(0.013 - np.hypot(side + 0.018, down + 0.028)) * 0.8
    near = np.clip((1.12 - np.abs(t)) * 6, 0, 1)
    edge = scene.cover(scene.inside - 0.02)
    lid = np.exp(-(((down - top) / 0.016) ** 2)) * near * (0.55 + 0.3 * look["lids"])
    crease = np.exp(-(((down - top * 1.25 + 0.038) / 0.013) ** 2)) * near * look["lids"] * 0.6
    under = np.exp(-(((down - bottom - 0.03) / 0.022) ** 2)) * near * 0.22
    scene.paint(ball, white * edge)
    scene.image *= 1 - edge * np.clip(0.9 * lid + crease + under, 0, 0.9)


def draw_mouth(scene: Scene) -> None:
    """Paints lips, teeth and the corners of the mouth."""
    look, shots = scene.look, scene.shots
    middle = np.float32(look["eye_height"] + look["nose_length"] + look["mouth_gap"])
    rise, part = shots["rise"] + look["mouth_corner"], shots["part"]
    wide = look["mouth_width"] * (1 + 0.22 * np.clip(rise, 0, 1.4) - 0.16 * part * (part > 0.6))
    t = scene.u / wide
    arch = np.clip(1 - t**2, 0, 1)
    line = scene.v - middle + 0.055 * rise * (t**2 - 0.35)
    gap_up, gap_down = 0.035 * part * arch, 0.13 * part * arch
    bow = 1 - 0.35 * np.exp(-((t / 0.16) ** 2))
    upper = gap_up + look["lip_upper"] * arch**0.8 * bow
    lower = gap_down + look["lip_lower"] * arch**0.7
    ends = (1 - np.abs(t)) * wide
    edge = scene.cover(scene.inside - 0.02)
    # Lips darken the skin beneath instead of replacing it, so its light stays.
    lips = scene.cover(np.minimum(np.minimum(line + upper, lower - line), ends)) * edge
    round_ = 0.10 * np.exp(-(((line - gap_down - 0.5 * look["lip_lower"]) / 0.025) ** 2))
    scene.image *= 1 - lips * (1 - look["lip_dark"] - round_ + 0.10 * (line < 0))
    hole = scene.cover(np.minimum(np.minimum(line + gap_up, gap_down - line), ends)) * edge
    teeth = np.clip((line + gap_up) / 0.01, 0, 1) * np.clip(
        (0.06 * arch**0.6 - line - gap_up) / 0.012, 0, 1
    )
    scene.paint(0.08 + 0.58 * teeth, hole * np.clip(part * 4, 0, 1))
    seam = np.exp(-((line / 0.012) ** 2)) * np.clip((1.08 - np.abs(t)) * 8, 0, 1)
    scene.image *= 1 - edge * 0.6 * seam * np.clip(1 - part * 3, 0, 1)
    corner = bump(np.abs(t) - 1, line / wide, 0.12, 0.10)
    scene.image *= 1 - edge * 0.35 * corner
