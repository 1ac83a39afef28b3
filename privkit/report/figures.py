"""The one figure style: readable in print and by the colour-blind, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "new_figure", "save"]

#: Okabe and Ito's palette (2008), told apart by colour-blind readers and in grey print.
COLOURS: Sequence[str] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)

_STYLE: Any = {
    "figure.dpi": 100,
    "font.size": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "privkit",
}


@contextmanager
def new_figure(width: float = 8.0, height: float = 4.5) -> Iterator[Figure]:
    """Yield an empty figure of the given size in inches, in privkit's style.

    No global state is touched: pyplot, its backends and its figure list are not involved.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def save(figure: Figure, path: Path, *, notices: Sequence[str] = (), dpi: int = 160) -> Path:
    """Save a figure as PNG; notices (e.g. "generated faces") are written onto the picture.

    The file carries no date and no version, so the same figure gives the same bytes.
    """
    if notices:
        figure.supxlabel("\n".join(notices), fontsize=8, color="#A33A00", wrap=True)
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
    return path
