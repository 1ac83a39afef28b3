"""The figures of bit activation: the paper's Figure 4, and how much each frame moves the bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture
from privkit.videoqa.map_study import CONTROL, ShownVideo

__all__ = ["draw_curves", "draw_maps"]

_COLUMNS = 8
_STYLES = ("-", "--", ":", "-.")


def draw_maps(folder: Path, videos: Sequence[ShownVideo], notices: Sequence[str]) -> Picture:
    """Draw ``maps.png``: of each video a row of frames, and below it a row of maps for each task.

    Args:
        folder: the run folder.
        videos: at least one.
        notices: words to write onto the picture.
    """
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable

    tasks = list(videos[0].maps)
    columns = min(_COLUMNS, len(videos[0].maps[tasks[0]].frames))
    rows = [(video, task) for video in videos for task in (None, *tasks)]
    colours = mpl.colormaps["inferno"]
    with new_figure(2.2 + 1.05 * columns, 0.7 + 1.12 * len(rows)) as figure:
        axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axis, (video, task) in zip(axes, rows, strict=True):
            maps = video.maps[task or tasks[0]]
            chosen = np.linspace(0, len(maps.frames) - 1, columns).round().astype(int)
            frames = maps.frames.numpy()[chosen]
            heat = None if task is None else maps.maps.numpy()[chosen]
            if heat is not None:
                frames = _overlaid(frames, heat / (float(maps.maps.max()) or 1.0), colours)
            label = video.name if task is None else f"codes of\n{task}"
            times = [maps.times[n] for n in chosen] if task is None else []
            _row(axis, frames, label, times)
        bar = figure.colorbar(ScalarMappable(cmap=colours), ax=list(axes), shrink=0.5, aspect=30)
        bar.set_label("activation, relative to the largest of the row")
        path = save(figure, folder / "maps.png", notices=notices, dpi=130)
    return Picture(
        path,
        "Frames, and below them where they move the bits of the code to the values that they have "
        "(Grad-CAM, mean over the bits). Dark: nothing; bright: most. Rows are scaled one by one, "
        "so that frames of a row can be compared, and rows cannot.",
        f"{len(videos)} videos with {columns} frames each, and maps for {', '.join(tasks)}.",
    )


def _overlaid(frames: NDArray[np.float32], heat: NDArray[np.float32], colours: Any) -> Any:
    """Frames in grey under the colours of their maps, the brighter the more opaque."""
    grey = frames.mean(3, keepdims=True)
    opaque = 0.35 + 0.5 * heat[..., None]
    return (1 - opaque) * grey + opaque * colours(heat)[..., :3]


def _row(axis: Any, frames: NDArray[np.float32], label: str, times: Sequence[float]) -> None:
    """One strip of square pictures side by side; one axis draws much faster than one a picture."""
    count, side = frames.shape[:2]
    gap = max(1, side // 12)
    strip = np.ones((side, count * (side + gap) - gap, 3), np.float32)
    for n, frame in enumerate(frames):
        strip[:, n * (side + gap) : n * (side + gap) + side] = frame
    axis.imshow(strip)
    axis.grid(visible=False)
    axis.set_yticks([])
    axis.tick_params(length=0, labelsize=8)
    middles = [n * (side + gap) + side / 2 for n in range(len(times))]
    axis.set_xticks(middles, [f"{time:.1f} s" for time in times])
    axis.xaxis.tick_top()
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8, parse_math=False)


def draw_curves(folder: Path, videos: Sequence[ShownVideo], notices: Sequence[str]) -> Picture:
    """Draw ``frames.png``: how much each frame moves the bits, with the changes of the scene.

    Args:
        folder: the run folder.
        videos: densely sampled, at least one.
        notices: words to write onto the picture.
    """
    with new_figure(8.0, 0.8 + 2.2 * len(videos)) as figure:
        panels = figure.subplots(len(videos), 1, squeeze=False)[:, 0]
        for axes, video in zip(panels, videos, strict=True):
            for n, (task, maps) in enumerate(video.maps.items()):
                moved = maps.by_frame.double().numpy()
                mean = moved.mean()
                axes.plot(
                    maps.times,
                    moved / mean if mean > 0 else moved,
                    _STYLES[n % len(_STYLES)],
                    color="0.55" if task == CONTROL else COLOURS[n % len(COLOURS)],
                    linewidth=1 if task == CONTROL else 1.6,
                    label=task,
                )
            for n, change in enumerate(video.changes):
                axes.axvline(
                    change,
                    color="0.3",
                    linewidth=0.8,
                    linestyle=(0, (4, 3)),
                    label="scene changes" if n == 0 else None,
                )
            axes.set_title(video.name, fontsize=9, parse_math=False)
            axes.set(ylabel="activation of the frame\n(mean of the video = 1)", ylim=(0, None))
        panels[-1].set_xlabel("time (s)")
        panels[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        path = save(figure, folder / "frames.png", notices=notices)
    return Picture(
        path,
        "How much each frame moves the bits of the whole video's code: the sum of the frame's map, "
        "relative to the mean over the frames. Dashed lines: where a scene ends and another one "
        "begins.",
        f"Curves over time for {len(videos)} videos.",
    )
