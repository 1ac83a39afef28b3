"""The figures of reconstructions: one for few rows, one a level and an overview for many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.image import imread

from attacks.baselines import BASELINES
from privkit.report.html import Picture
from privkit.report.inversion import draw_levels
from privkit.result import Measure, Result

GROUP = "new photos"
LEVELS = ("1280 bits (40 floats)", "16 bits")


def drawn(folder: Path, attacks: list[str], strongest: dict[str, str]) -> list[Picture]:
    keys = [(level, attack) for level in LEVELS for attack in ["mean_face", *attacks]]
    shares = [
        Measure(
            "identity",
            # The baseline has the most of all, and competes with none.
            1.0 if attack == "mean_face" else 0.4 if strongest[level] == attack else 0.1,
            "share",
            "lower protects",
            where={"level": level, "attack": attack, "group": GROUP},
        )
        for level, attack in keys
    ]
    rng = np.random.default_rng(0)
    return draw_levels(
        folder,
        rng.uniform(-1, 1, (3, 12)).astype(np.float32),
        {key: rng.uniform(-1, 1, (3, 12)).astype(np.float32) for key in keys},
        {key: np.zeros(3, dtype=bool) for key in keys},
        (4, 3),
        Result("privkit invert", {}, 0, [], [], shares),
        GROUP,
        list(BASELINES),
    )


def test_few_rows_are_one_figure(tmp_path: Path) -> None:
    (picture,) = drawn(tmp_path, ["mi_face", "other"], dict.fromkeys(LEVELS, "other"))
    assert picture.path.name == "reconstructions.png"
    assert "by 5 combinations" in picture.alt
    assert "strongest" not in picture.caption


def test_many_rows_are_a_figure_a_level_after_the_strongest(tmp_path: Path) -> None:
    attacks = ["mi_face", *(f"attack_{n}" for n in range(15))]
    pictures = drawn(tmp_path, attacks, {LEVELS[0]: "attack_3", LEVELS[1]: "mi_face"})
    assert [p.path.name for p in pictures] == [
        "reconstructions.png", "reconstructions-1280-bits.png", "reconstructions-16-bits.png",
    ]  # fmt: skip
    # The mean face once; attack_3 and mi_face of the first level, mi_face of the second.
    assert "by 4 combinations" in pictures[0].alt
    assert pictures[0].caption.endswith("Of each level the strongest attack and mi_face.")
    assert all("by 17 combinations" in p.alt for p in pictures[1:])
    heights = [imread(p.path).shape[0] for p in pictures]
    assert heights[0] < 0.4 * heights[1]
