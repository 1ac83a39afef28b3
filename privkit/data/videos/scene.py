"""What a generated video shows: its words and its parameters, drawn from a seed.

Everything is drawn independently and uniformly but the second action, which is the first one's
partner with probability :data:`PARTNER_RATE`, so that a question alone tells something, as in real
sets. What no question asks about (identity, background, side) is independent of what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privkit.data.questions.record import Split
from privkit.errors import InputError

__all__ = [
    "ACTIONS",
    "BACKGROUNDS",
    "BADGES",
    "COLORS",
    "HATS",
    "NUMBERS",
    "PARTNER_RATE",
    "PLACES",
    "PROPS",
    "SIDES",
    "TIMES",
    "Scene",
    "partner",
    "scene_of",
    "split_of",
]

#: Raised with every change of what is drawn or asked, so that nothing computed from an older world
#: is taken for something of this one.
VERSION = 7

#: As an answer says them; neighbours 0-1, 2-3, … are partners.
ACTIONS = (
    "jump",
    "lie down",
    "crouch",
    "raise both arms",
    "kick a leg",
    "vanish",
    "shrink",
    "glow",
)
PARTNER_RATE = 0.3
COLORS = ("red", "yellow", "green", "blue")
PROPS = ("ball", "box", "star", "tree", "ladder")
NUMBERS = ("one", "two", "three")
PLACES = ("floor", "shelf")
SIDES = ("left", "right")
HATS = ("top hat", "pointed hat", "sombrero", "horns")
BADGES = ("white disc", "black disc", "white belt", "black braces")
BACKGROUNDS = ("plain", "gradient", "columns", "rows", "diagonals", "checks", "dots", "bricks")

TIMES = (2, 3, 4)
"""How often the first action may be done."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All parameters of one video; the words index the tuples of this module.

    Attributes:
        action: done ``times`` times, in the first part of the video.
        times: 2, 3 or 4.
        then: the action that is done once afterwards, another one.
        color: of the figure.
        prop: what is beside the figure.
        number: how many of it.
        place: where it is.
        side: where the figure stands; never asked about.
        hat: with the badge, who the figure is; never asked about.
        badge: see ``hat``.
        background: never asked about.
        x: shift of the figure in pixels.
        y: shift of the floor in pixels.
        scale: height of the figure relative to the usual one.
        tone: grey of the prop, RGB.
        brightness: factor of all pixels.
        noise: seed of the pixel noise.
    """

    action: str
    times: int
    then: str
    color: str
    prop: str
    number: str
    place: str
    side: str
    hat: str
    badge: str
    background: str
    x: int
    y: int
    scale: float
    tone: tuple[int, int, int]
    brightness: float
    noise: int

    @property
    def identity(self) -> int:
        """Who the figure is, 0 to 15: hat and badge."""
        return HATS.index(self.hat) * len(BADGES) + BADGES.index(self.badge)


def partner(action: str) -> str:
    """The action that likely follows ``action``; the partner's partner is ``action``."""
    return ACTIONS[ACTIONS.index(action) ^ 1]


def scene_of(seed: int, index: int) -> Scene:
    """Draw the ``index``-th scene of a seed; it depends on nothing else.

    Raises:
        InputError: a number is negative.
    """
    for name, value in (("seed", seed), ("index", index)):
        if value < 0:
            raise InputError(f"{name} is out of range", rule="at least 0", found=value)
    rng = np.random.default_rng([seed, index])

    def one(words: tuple[str, ...]) -> str:
        return words[int(rng.integers(len(words)))]

    action = one(ACTIONS)
    follower = partner(action)
    if rng.random() >= PARTNER_RATE:
        follower = one(tuple(a for a in ACTIONS if a not in (action, follower)))
    return Scene(
        action=action,
        times=int(rng.integers(TIMES[0], TIMES[-1] + 1)),
        then=follower,
        color=one(COLORS),
        prop=one(PROPS),
        number=one(NUMBERS),
        place=one(PLACES),
        side=one(SIDES),
        hat=one(HATS),
        badge=one(BADGES),
        background=one(BACKGROUNDS),
        x=int(rng.integers(-2, 3)),
        y=int(rng.integers(-1, 2)),
        scale=float(rng.uniform(0.92, 1.06)),
        tone=_tone(rng),
        brightness=float(rng.uniform(0.92, 1.06)),
        noise=int(rng.integers(2**62)),
    )


def _tone(rng: np.random.Generator) -> tuple[int, int, int]:
    """A dark grey with a slight tint: no figure and no background has it."""
    base = int(rng.integers(25, 70))
    red, green, blue = (base + int(d) for d in rng.integers(-14, 15, 3))
    return red, green, blue


def split_of(index: int) -> Split:
    """The split of the ``index``-th video: of each ten 7 train, 1 validation, 2 test.

    Scenes are drawn independently of their index, so this is a random split, and a larger set
    contains the smaller one, splits included.
    """
    place = index % 10
    return "train" if place < 7 else "validation" if place < 8 else "test"
