"""The figures of an inversion study: the paper's Figure 5, and who is recognised at which level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture
from privkit.result import Measure, Result

__all__ = ["draw_identification", "draw_levels", "draw_reconstructions", "level_in_file_name"]

_MARKERS = "os^Dv<>P"
#: Rows of pictures that a page of paper holds; more are drawn level by level.
_ROWS = 24
#: The attack of the paper, which is shown beside the strongest.
_OF_THE_PAPER = "mi_face"


def draw_levels(
    folder: Path,
    originals: NDArray[np.float32],
    made: Mapping[tuple[str, str], NDArray[np.float32]],
    recognised: Mapping[tuple[str, str], NDArray[np.bool_]],
    shape: tuple[int, int],
    result: Result,
    group: str,
    baselines: Sequence[str],
) -> list[Picture]:
    """Draw ``reconstructions.png``; of more rows than a page holds, a figure of each level beside.

    Then the first one shows of each level the strongest attack and the paper's.

    Args:
        folder: the run folder.
        originals: as for :func:`draw_reconstructions`, like all up to ``shape``.
        made: by (level, attack), ``(n, h·w)``.
        recognised: by (level, attack), ``(n,)``.
        shape: ``(h, w)``.
        result: holds the measure ``identity``, and what is to be written onto the pictures.
        group: the targets by whom the strongest attack is told.
        baselines: attacks that compete with none.
    """
    notices = result.notices

    def draw(keys: Sequence[tuple[str, str]], name: str) -> Picture:
        own = {key: made[key] for key in keys}
        return draw_reconstructions(folder, originals, own, recognised, shape, notices, name=name)

    if len(made) <= _ROWS:
        return [draw(list(made), "reconstructions")]
    share = {
        (m.where["level"], m.where["attack"]): m.value or 0.0
        for m in result.measures
        if m.name == "identity" and m.where.get("group") == group
    }
    of_level: dict[str, list[tuple[str, str]]] = {}
    for key in made:
        of_level.setdefault(key[0], []).append(key)
    shown: list[tuple[str, str]] = []
    for level, keys in of_level.items():
        strongest = max(keys, key=lambda key: (key[1] not in baselines, share.get(key, 0.0)))
        kept = {strongest, (level, _OF_THE_PAPER), *((level, name) for name in baselines)}
        shown += [key for key in keys if key in kept]
    first = draw(shown, "reconstructions")
    said = f"{first.caption} Of each level the strongest attack and {_OF_THE_PAPER}."
    return [
        replace(first, caption=said),
        *(
            draw(keys, f"reconstructions-{level_in_file_name(level)}")
            for level, keys in of_level.items()
        ),
    ]


def level_in_file_name(level: str) -> str:
    """``"1280 bits (40 floats)"`` as ``"1280-bits"``: a part of a file's name."""
    return level.partition(" (")[0].replace(" ", "-")


def draw_reconstructions(
    folder: Path,
    originals: NDArray[np.float32],
    made: Mapping[tuple[str, str], NDArray[np.float32]],
    recognised: Mapping[tuple[str, str], NDArray[np.bool_]],
    shape: tuple[int, int],
    notices: Sequence[str],
    *,
    name: str = "reconstructions",
) -> Picture:
    """Draw ``reconstructions.png``: originals, then a row for each level and attack.

    Args:
        folder: the run folder.
        originals: ``(n, h·w)`` in [-1, 1].
        made: by (level, attack), ``(n, h·w)``.
        recognised: by (level, attack), ``(n,)``.
        shape: ``(h, w)``.
        notices: words to write onto the picture.
        name: of the file, without its ending.
    """
    baseline = next((key for key in made if key[1] == "mean_face"), None)
    rows: list[tuple[str, NDArray[np.float32], NDArray[np.bool_] | None]] = [
        ("original", originals, None)
    ]
    if baseline is not None:
        rows.append(("mean face (baseline)", made[baseline], recognised[baseline]))
    rows += [
        (f"{level}\n{attack}", pictures, recognised[level, attack])
        for (level, attack), pictures in made.items()
        if attack != "mean_face"
    ]
    columns = len(originals)
    height = 0.85 * shape[0] / shape[1]
    with new_figure(2.2 + 0.85 * columns, height * len(rows) + 0.6) as figure:
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for row, (label, pictures, right) in enumerate(rows):
            for column in range(columns):
                axis = axes[row, column]
                axis.imshow(pictures[column].reshape(shape), cmap="gray", vmin=-1, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.grid(visible=False)
                hit = right is not None and bool(right[column])
                for spine in axis.spines.values():
                    spine.set(visible=hit, color=COLOURS[2], linewidth=3)
            axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        figure.suptitle(
            "New photos rebuilt from what was stored; green frame: the right person is recognised",
            fontsize=9,
        )
        path = save(figure, folder / f"{name}.png", notices=notices, dpi=110)
    return Picture(
        path,
        "New photos of people whom the network knows, and what each attack rebuilds from each "
        "stored feature. A green frame means that the independent evaluator recognises the right "
        "person. A picture that does not look like a face may still name the person.",
        f"{columns} original faces and their reconstructions by {len(rows) - 1} combinations of "
        "stored feature and attack.",
    )


def draw_identification(
    folder: Path, result: Result, group: str, people: int, baselines: Sequence[str]
) -> Picture:
    """Draw ``identification.png``: share of targets identified by level and attack.

    Args:
        folder: the run folder.
        result: holds the measures ``rank-1`` and ``identity``.
        group: which targets.
        people: number of candidates; the chance line is one of them.
        baselines: attacks that are drawn as lines, not as points.
    """
    shares = [
        m
        for m in result.measures
        if m.name in ("rank-1", "identity") and m.where.get("group") == group
    ]
    levels = list(dict.fromkeys(m.where["level"] for m in shares))
    attacks = [a for a in dict.fromkeys(m.where["attack"] for m in shares) if a not in baselines]
    ceiling = result.measure("identity of real unseen photos")
    with new_figure(8.5, 4.6) as figure:
        axis = figure.add_subplot()
        for n, attack in enumerate(attacks):
            own = {m.where["level"]: m for m in shares if m.where["attack"] == attack}
            run = [place for place, level in enumerate(levels) if level in own]
            x = np.array(run) + (n - (len(attacks) - 1) / 2) * min(0.13, 0.6 / len(attacks))
            value, low, high = _ends([own[levels[place]] for place in run])
            axis.errorbar(
                x,
                100 * value,
                yerr=100 * np.vstack([value - low, high - value]),
                fmt=_MARKERS[n % len(_MARKERS)],
                color=COLOURS[n % len(COLOURS)],
                capsize=3,
                label=attack,
            )
        axis.axhline(100 / people, color="0.3", linestyle=":", label=f"chance, 1 of {people}")
        axis.axhline(
            100 * float(ceiling.value or 0.0),
            color="0.3",
            linestyle="--",
            label="evaluator on real photos",
        )
        axis.set(
            xticks=np.arange(len(levels)),
            xticklabels=[level.replace(" (", "\n(") for level in levels],
            xlim=(-0.5, len(levels) - 0.5),
            ylim=(-2, 104),
            xlabel="what is stored of a face",
            ylabel=f"person right, % of {group}",
            title="Who is identified from what is stored",
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        path = save(figure, folder / "identification.png", notices=result.notices)
    return Picture(
        path,
        f"Share of {group} whose person is named, or recognised on the reconstruction where one is "
        "made, with 95% intervals over people. Dotted: guessing. Dashed: what the "
        "independent evaluator reaches on real photos.",
        "Points with intervals for each attack at each level, with chance and ceiling lines; the "
        "numbers are in the tables below.",
    )


def _ends(measures: Sequence[Measure]) -> tuple[NDArray[np.float64], ...]:
    """Value, low and high of each measure."""
    rows = [(m.value, m.low, m.high) for m in measures]
    return tuple(np.array(rows, dtype=np.float64).T)
