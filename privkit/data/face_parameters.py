"""The parameters from which the generated faces are drawn: one look a person, one pose a picture.

Lengths are in head units: half the height of the head, from crown (-1) to chin (+1), is 1; x runs
to the right of the picture and y downwards. Tones are grey values in [0, 1]. Every person and every
picture has a random stream of its own, so the i-th person looks the same however many people and
pictures are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BEARDS", "EXPRESSIONS", "HAIR_STYLES", "HairStyle", "Look", "Shots"]

Column: TypeAlias = NDArray[np.float32]
"""One number a picture, shape ``(n, 1, 1)``, so that it meets pixels by broadcasting."""


@dataclass(frozen=True)
class HairStyle:
    """The outline of a hair style, in head units.

    Attributes:
        hairline: height of the hairline above the nose.
        temples: how far the hairline falls from there to the temples.
        volume: how far the hair stands out from the skull.
        back: height to which hair behind the head falls; at most 0 means none is seen.
        parting: how much the hairline slants from one side to the other.
        curl: depth of curls in the outline.
        bald: width of a bare crown; 0 for none.
    """

    hairline: float
    temples: float
    volume: float
    back: float = 0.0
    parting: float = 0.0
    curl: float = 0.0
    bald: float = 0.0


HAIR_STYLES: dict[str, HairStyle] = {
    "short": HairStyle(-0.56, 0.55, 0.06),
    "cropped": HairStyle(-0.62, 0.42, 0.02),
    "side parting": HairStyle(-0.52, 0.60, 0.11, parting=0.30),
    "fringe": HairStyle(-0.36, 0.52, 0.12),
    "curly": HairStyle(-0.50, 0.62, 0.20, curl=0.06),
    "long": HairStyle(-0.60, 1.05, 0.13, back=1.5, parting=0.10),
    "bob": HairStyle(-0.37, 1.00, 0.16, back=0.85),
    "tied back": HairStyle(-0.66, 0.62, 0.03, parting=-0.08),
    "receding": HairStyle(-0.74, 0.62, 0.03, bald=0.42),
    "bald": HairStyle(-0.80, 0.68, 0.01, bald=0.85),
}
"""Hair style by name."""

HAIR_CHANCES = (0.19, 0.08, 0.15, 0.13, 0.12, 0.11, 0.07, 0.05, 0.06, 0.04)
BEARDLESS = frozenset({"long", "bob", "tied back"})

BEARDS: dict[str, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "stubble": (0.3, 0.25),
    "moustache": (0.9, 0.0),
    "full beard": (0.9, 0.85),
}
"""Beard by name: cover of the upper lip, cover of the chin and jaw."""

EXPRESSIONS: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "smile": (1.0, 0.25),
    "open mouth": (0.1, 1.0),
    "frown": (-0.5, 0.0),
}
"""Expression by name: how far the corners of the mouth rise, how far the lips part."""


@dataclass(frozen=True)
class Look:
    """What stays the same in every picture of a person."""

    hair: str
    beard: str
    skin: float
    hair_tone: float
    numbers: dict[str, float]
    """Lengths and strengths by name; see ``RANGES``."""
    glasses_chance: float
    texture_seed: int

    def __getitem__(self, name: str) -> float:
        return self.numbers[name]

    @classmethod
    def of_person(cls, seed: int, person: int) -> Look:
        """Draws the look of one person.

        Args:
            seed: seed of the whole set.
            person: 0-based number of the person.
        """
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person,)))
        styles = list(HAIR_STYLES)
        hair = styles[int(rng.choice(len(styles), p=HAIR_CHANCES))]
        beard = list(BEARDS)[int(rng.choice(4, p=(0.56, 0.16, 0.11, 0.17)))]
        numbers = {name: float(rng.uniform(low, high)) for name, (low, high) in RANGES.items()}
        skin = float(0.34 + 0.42 * rng.beta(2.2, 1.3))
        hair_tone = float(rng.choice([0.07, 0.14, 0.24, 0.40, 0.62], p=(0.3, 0.25, 0.2, 0.15, 0.1)))
        return cls(
            hair=hair,
            beard="none" if hair in BEARDLESS else beard,
            skin=skin,
            hair_tone=min(hair_tone * float(rng.uniform(0.8, 1.2)), 0.9 * skin),
            numbers=numbers,
            glasses_chance=float(rng.choice([0.0, 0.5, 0.95], p=(0.62, 0.25, 0.13))),
            texture_seed=int(rng.integers(2**31)),
        )


RANGES: dict[str, tuple[float, float]] = {
    "head_width": (0.62, 0.77),
    "jaw_square": (2.0, 4.2),
    "jaw_taper": (0.04, 0.30),
    "chin": (0.83, 0.99),
    "crown": (2.0, 2.7),
    "eye_height": (-0.17, -0.06),
    "eye_apart": (0.26, 0.335),
    "eye_width": (0.125, 0.165),
    "eye_open": (0.045, 0.080),
    "eye_slant": (-0.10, 0.12),
    "eye_depth": (0.3, 1.0),
    "iris": (0.05, 0.45),
    "lids": (0.1, 0.6),
    "brow_gap": (0.13, 0.20),
    "brow_thick": (0.016, 0.042),
    "brow_slant": (-0.12, 0.12),
    "brow_arch": (0.0, 0.06),
    "brow_dark": (0.35, 0.9),
    "nose_length": (0.33, 0.47),
    "nose_width": (0.085, 0.145),
    "nose_bridge": (0.045, 0.075),
    "nose_high": (0.10, 0.20),
    "mouth_corner": (-0.2, 0.45),
    "mouth_gap": (0.17, 0.24),
    "mouth_width": (0.20, 0.31),
    "lip_upper": (0.035, 0.065),
    "lip_lower": (0.050, 0.100),
    "lip_dark": (0.45, 0.75),
    "cheeks": (0.0, 0.08),
    "folds": (0.0, 0.22),
    "ears": (0.10, 0.17),
    "ears_out": (-0.02, 0.035),
    "neck": (0.36, 0.50),
    "hairline": (-0.06, 0.06),
    "hair_side": (-1.0, 1.0),
    "hair_wave": (2.0, 6.0),
    "hair_shine": (0.05, 0.25),
    "glasses_width": (0.17, 0.24),
    "glasses_height": (0.10, 0.17),
    "glasses_round": (2.2, 5.0),
    "glasses_rim": (0.012, 0.026),
    "glasses_tone": (0.03, 0.5),
}
"""Smallest and largest value of each number of a look, drawn uniformly."""


@dataclass(frozen=True)
class Shots:
    """What differs from picture to picture of one person; every number has shape ``(n, 1, 1)``."""

    glasses: NDArray[np.bool_]
    expression: NDArray[np.str_]
    eyes_closed: NDArray[np.bool_]
    numbers: dict[str, Column]
    noise_seeds: tuple[np.random.SeedSequence, ...]

    def __getitem__(self, name: str) -> Column:
        return self.numbers[name]

    @classmethod
    def of_person(cls, seed: int, person: int, photos: int, look: Look) -> Shots:
        """Draws pose, light, expression and so on for each picture of a person.

        Args:
            seed: seed of the whole set.
            person: 0-based number of the person.
            photos: how many pictures.
            look: the person's look; it says how often glasses are worn.
        """
        names = list(EXPRESSIONS)
        sittings = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person, 0, 1)))
        days = sittings.standard_normal((2, len(SPREADS)))
        glasses, expression, closed, rows, noise = [], [], [], [], []
        for photo in range(photos):
            source = np.random.SeedSequence(seed, spawn_key=(person, photo))
            rng = np.random.default_rng(source)
            glasses.append(bool(rng.random() < look.glasses_chance))
            expression.append(names[int(rng.choice(4, p=(0.44, 0.32, 0.15, 0.09)))])
            closed.append(bool(rng.random() < 0.07))
            own = rng.standard_normal(len(SPREADS))
            share = np.array([SESSION_SHARES.get(name, 0.0) for name in SPREADS])
            day = days[int(rng.integers(len(days)))]
            normal = np.clip(np.sqrt(share) * day + np.sqrt(1 - share) * own, -2.2, 2.2)
            rise, part = EXPRESSIONS[expression[-1]]
            row = {name: mean + sd * z for (name, (mean, sd)), z in zip(
                SPREADS.items(), normal, strict=True
            )}  # fmt: skip
            rows.append(
                {
                    **row,
                    "rise": rise * row["strength"],
                    "part": part * row["strength"],
                    "lid_open": 0.0 if closed[-1] else row["lid_open"],
                    "glasses": float(glasses[-1]),
                }
            )
            noise.append(np.random.SeedSequence(seed, spawn_key=(person, photo, 0)))
        numbers = {
            name: np.array([row[name] for row in rows], np.float32).reshape(-1, 1, 1)
            for name in rows[0]
        }
        return cls(
            glasses=np.array(glasses),
            expression=np.array(expression),
            eyes_closed=np.array(closed),
            numbers=numbers,
            noise_seeds=tuple(noise),
        )


SPREADS: dict[str, tuple[float, float]] = {
    "yaw": (0.0, 0.12),
    "pitch": (0.0, 0.06),
    "roll": (0.0, 0.035),
    "scale": (1.0, 0.025),
    "shift_x": (0.0, 0.025),
    "shift_y": (0.0, 0.025),
    "light_x": (0.0, 0.38),
    "light_y": (-0.45, 0.18),
    "exposure": (1.15, 0.07),
    "ambient": (0.42, 0.05),
    "backdrop": (0.30, 0.05),
    "backdrop_tilt": (0.0, 0.04),
    "clothes": (0.42, 0.22),
    "collar": (0.0, 1.0),
    "gaze": (0.0, 0.25),
    "lid_open": (0.95, 0.10),
    "brow_lift": (0.0, 0.015),
    "strength": (1.0, 0.2),
    "blur": (0.45, 0.12),
    "tousle": (0.0, 0.6),
}
"""Mean and standard deviation of each number of a picture; angles are in radians."""

SESSION_SHARES: dict[str, float] = {
    "light_x": 0.7,
    "light_y": 0.7,
    "exposure": 0.6,
    "ambient": 0.8,
    "backdrop": 0.8,
    "backdrop_tilt": 0.8,
    "clothes": 0.95,
    "collar": 0.95,
    "tousle": 0.7,
    "blur": 0.5,
}
"""Share of the variance that is common to the pictures of one sitting; a person sits twice."""
