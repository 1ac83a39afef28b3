"""What stands around the figure of a generated video: background, floor, shelf and prop."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from privkit.data.videos.figure import FLOOR, figure_place
from privkit.data.videos.scene import NUMBERS, Scene

__all__ = ["SIZE", "draw_surroundings"]

#: Side of a frame in pixels.
SIZE = 64
#: Row on which a prop stands, by its place, before the scene's shift.
_ROWS = {"floor": FLOOR, "shelf": 37}
#: Columns from the figure to the middle of the props.
_TO_PROPS = 30
_WOOD = (222, 200, 165)

#: 9 × 9 silhouettes.
_PROPS = {
    "ball": """
        ..#####..
        .#######.
        #########
        #########
        #########
        #########
        #########
        .#######.
        ..#####..""",
    "box": """
        #########
        #.......#
        #.......#
        #.......#
        #.......#
        #.......#
        #.......#
        #.......#
        #########""",
    "star": """
        ....#....
        ....#....
        ...###...
        #########
        .#######.
        ..#####..
        .###.###.
        .##...##.
        #.......#""",
    "tree": """
        ....#....
        ...###...
        ..#####..
        .#######.
        #########
        ...###...
        ...###...
        ...###...
        ...###...""",
    "ladder": """
        ##.....##
        ##.....##
        #########
        ##.....##
        ##.....##
        #########
        ##.....##
        ##.....##
        ##.....##""",
}

#: Two tones of each background: muted, so that no figure or prop is lost on it.
_TONES = {
    "plain": ((150, 140, 125), (150, 140, 125)),
    "gradient": ((110, 125, 150), (185, 190, 200)),
    "columns": ((125, 150, 140), (155, 178, 168)),
    "rows": ((150, 130, 150), (178, 160, 178)),
    "diagonals": ((160, 150, 110), (186, 178, 142)),
    "checks": ((118, 118, 118), (152, 152, 152)),
    "dots": ((120, 140, 165), (165, 180, 198)),
    "bricks": ((165, 125, 110), (190, 160, 148)),
}


def draw_surroundings(scene: Scene) -> NDArray[np.float32]:
    """The picture without the figure, RGB, ``(64, 64, 3)`` in 0 to 255."""
    picture = _background(scene.background).copy()
    column, floor, facing = figure_place(scene)
    picture[floor:] *= 0.62
    middle = column - scene.x + facing * _TO_PROPS
    shelf = _ROWS["shelf"] + scene.y
    picture[shelf : shelf + 2, max(middle - 15, 0) : middle + 15] = _WOOD
    number = NUMBERS.index(scene.number) + 1
    bottom = _ROWS[scene.place] + scene.y
    # Ten pixels each, and half of the figure's shift, so that three just fit beside it.
    start = middle - (10 * number - 1) // 2 + scene.x // 2
    for left in range(start, start + 10 * number, 10):
        picture[bottom - 9 : bottom, left : left + 9][_silhouette(scene.prop)] = scene.tone
    return picture


@cache
def _silhouette(prop: str) -> NDArray[np.bool_]:
    return np.array([[c == "#" for c in row.strip()] for row in _PROPS[prop].split()])


@cache
def _background(name: str) -> NDArray[np.float32]:
    y, x = np.indices((SIZE, SIZE))
    shares = {
        "plain": np.zeros((SIZE, SIZE)),
        "gradient": y / (SIZE - 1),
        "columns": x // 6 % 2,
        "rows": y // 6 % 2,
        "diagonals": (x + y) // 7 % 2,
        "checks": (x // 8 + y // 8) % 2,
        "dots": (x % 10 - 4.5) ** 2 + (y % 10 - 4.5) ** 2 < 7,
        "bricks": (y % 8 == 0) | ((x + y // 8 * 6) % 12 == 0),
    }
    share = shares[name].astype(np.float32)[..., None]
    first, second = (np.array(tone, np.float32) for tone in _TONES[name])
    picture: NDArray[np.float32] = first + (second - first) * share
    return picture
