"""What surrounds a generated face: hair, ears, neck and clothes, glasses."""

from __future__ import annotations

import numpy as np

from privkit.data.face_parameters import HAIR_STYLES
from privkit.data.face_scene import Image, Scene, bump, outline

__all__ = ["draw_body", "draw_ears", "draw_glasses", "draw_hair", "draw_hair_behind"]

BODY_BELOW = 0.62
"""Height below which neck and clothes are drawn, in head units."""


def draw_hair_behind(scene: Scene) -> None:
    """Paints hair that falls behind the head."""
    look, style = scene.look, HAIR_STYLES[scene.look.hair]
    if style.back <= 0:
        return
    width = look["head_width"] + style.volume + 0.05 * np.clip(scene.y + 0.3, 0, 1)
    x = scene.x + 0.12 * np.sin(scene.shots["yaw"])
    wave = 0.03 * np.sin(scene.y * np.float32(look["hair_wave"]) * 1.5)
    side = np.where(scene.y < -0.2, outline(look, x, scene.y, style.volume)[1], 1)
    inside = np.minimum(np.minimum(width - np.abs(x) + wave, style.back - scene.y), side)
    shade = 0.55 + 0.5 * np.clip(inside * 4, 0, 1) * (0.6 + 0.4 * _strands(scene))
    scene.paint(look.hair_tone * shade, scene.cover(inside))


def draw_ears(scene: Scene) -> None:
    """Paints both ears; the head will cover their inner halves."""
    look, shots = scene.look, scene.shots
    long, skin = np.float32(look["ears"]), np.float32(look.skin)
    middle = np.float32(look["eye_height"] + 0.12) + 0.3 * np.sin(shots["pitch"])
    for side in (-1, 1):
        out = (look["head_width"] + look["ears_out"]) * np.cos(shots["yaw"])
        dx = scene.x - side * out + 0.18 * np.sin(shots["yaw"])
        dy = scene.y - middle
        r = np.sqrt((dx / (0.5 * long)) ** 2 + (dy / (1.15 * long)) ** 2)
        lit = 0.80 + 0.16 * side * shots["light_x"] - 0.28 * bump(dx, dy, 0.035, 0.09)
        scene.paint(skin * lit, scene.cover((1 - r) * long * 0.6))


def draw_body(scene: Scene) -> None:
    """Paints neck and clothes."""
    look, shots = scene.look, scene.shots
    first = int(np.argmax((scene.y > BODY_BELOW).any(axis=(0, 2))))
    part = (slice(None), slice(first, None), slice(None))
    x, y = scene.x[part], scene.y[part]
    lit = 0.80 + 0.5 * shots["light_x"] * x - 0.9 * x**2
    shadow = 1 - 0.45 * np.exp(-(((y - look["chin"]) * 5) ** 2))
    neck = scene.cover(
        np.minimum(
            look["neck"] - np.abs(x) + 0.5 * np.clip(y - 0.9, 0, 1) ** 2, y - BODY_BELOW - 0.05
        )
    )
    scene.image[part] += (look.skin * lit * shadow - scene.image[part]) * neck
    opening = 0.22 * np.clip(shots["collar"], -1, 1) - 0.1
    edge = 1.12 + np.where(np.abs(x) < 0.5, opening * (0.5 - np.abs(x)) * 2, 0) + 0.22 * x**2
    fold = 0.06 * np.sin(9 * x + 4 * y)
    cloth = np.clip(shots["clothes"], 0.06, 0.85) * (0.85 + fold + 0.3 * shots["light_x"] * x)
    rim = 1 - 0.35 * np.exp(-(((y - edge) * 18) ** 2))
    scene.image[part] += (cloth * rim - scene.image[part]) * scene.cover(y - edge)


def _strands(scene: Scene) -> Image:
    """Light and dark strands of hair in [-1, 1], the same for every picture of a person."""
    look = scene.look
    phase = np.random.default_rng(look.texture_seed).uniform(0, 6.28, 4).astype(np.float32)
    wave = np.float32(look["hair_wave"])
    bend = scene.u * 14 + 1.6 * np.sin(wave * scene.v + phase[0]) + look["hair_side"] * 4 * scene.v
    fine = np.sin(2.6 * bend + 1.3 * np.sin(wave * 2 * scene.v + phase[1]) + phase[2])
    return np.asarray(0.55 * np.sin(bend + phase[3]) + 0.45 * fine, np.float32)


def draw_hair(scene: Scene) -> None:
    """Paints the hair in front and on top, and its shadow on the forehead."""
    look, shots, style = scene.look, scene.shots, HAIR_STYLES[scene.look.hair]
    u, v = scene.u, scene.v
    strands = _strands(scene)
    volume = style.volume * (1 + 0.12 * shots["tousle"])
    angle = np.arctan2(scene.x, -scene.y)
    curls = style.curl * np.sin(angle * 11 + look.texture_seed % 7 + 0.5 * shots["tousle"])
    level, outer = outline(look, scene.x, scene.y - 0.02, style.volume)
    ragged = 0.004 * np.sin(angle * 29 + 6 * np.sin(angle * 7)) * np.clip(1 - scene.y, 0, 1)
    outer = outer + curls + ragged + (volume - style.volume)
    t = np.minimum(np.abs(u) / np.float32(look["head_width"]), 1.02)
    side = np.sign(look["hair_side"])
    line = style.hairline + look["hairline"] + style.temples * t**3
    line = line + style.parting * side * u * (1 - 0.5 * t) + 0.028 * strands + 0.5 * curls
    if style.bald:
        line = line - 1.2 * style.bald * np.exp(-((t / 0.74) ** 6))
    # Where the surface turns away at the outline, everything above the ears is hair.
    ear = np.float32(look["eye_height"] + 0.02 + (0.5 if style.back else 0.0))
    turned = np.minimum((t - 0.93) * 0.6, ear - v)
    inside = np.minimum(outer, np.maximum(line - v, turned))
    bulge = np.float32(0.8) * np.sqrt(np.clip(1 - level, 0, 1)) + np.float32(0.012) * strands
    if style.curl:
        bulge = bulge + 0.05 * np.sin(19 * u + 3 * np.sin(9 * v)) * np.sin(17 * v + look["chin"])
    light = scene.light(bulge)
    gloss = look["hair_shine"] * bump(u - 0.3 * shots["light_x"], v + 0.78, 0.5, 0.10)
    tone = look.hair_tone * (0.95 + 0.26 * strands) * light + gloss * (0.5 + 0.5 * light) * 0.6
    # The hair throws a soft shadow on the forehead.
    scene.image *= 1 - 0.25 * np.clip(1 - np.abs(line + 0.03 - v) / 0.05, 0, 1) * (inside > -0.07)
    scene.paint(np.asarray(tone, np.float32), scene.cover(inside * 0.6))


def draw_glasses(scene: Scene) -> None:
    """Paints frames and glare on the pictures in which glasses are worn."""
    look, shots = scene.look, scene.shots
    worn = shots["glasses"]
    if not worn.any():
        return
    # Lenses stand a little in front of the face, so they move further when it turns.
    u = scene.u - 0.10 * np.sin(shots["yaw"])
    v = scene.v - np.float32(look["eye_height"] + 0.02)
    across = np.abs(u) - np.float32(look["eye_apart"] + 0.01)
    high, wide, power = look["glasses_height"], look["glasses_width"], look["glasses_round"]
    wide = min(wide, look["eye_apart"] - 0.03)
    level = (np.abs(across / wide) ** power + np.abs(v / high) ** power) ** np.float32(1 / power)
    distance = (1 - level) * high
    rim = scene.cover(look["glasses_rim"] - np.abs(distance))
    bridge = scene.cover(np.minimum(0.014 - np.abs(v + 0.03 + 0.4 * u**2), -across - wide))
    arms = scene.cover(np.minimum(0.014 - np.abs(v + 0.03), across - wide))
    head = scene.cover(scene.inside)
    lens = scene.cover(distance)
    glare = np.clip(1 - np.abs(across + v + 0.3 * shots["light_x"]) / 0.05, 0, 1)
    scene.image += worn * lens * (0.03 + 0.16 * glare * (shots["gaze"] > 0))
    frame = np.maximum(rim, np.maximum(bridge, arms * head))
    scene.paint(np.asarray(look["glasses_tone"] + 0.15 * glare, np.float32), worn * frame * 0.9)
