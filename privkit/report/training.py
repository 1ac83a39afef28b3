"""The figure of a training: its loss, the validations, and the learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_training"]

#: Whose rate it is, and its line; a phase keeps its colour of the loss.
_RATES = {
    "learning_rate": ("answerer", "-"),
    "bottleneck_learning_rate": ("bottleneck", "--"),
}


def draw_training(
    folder: Path, history: Sequence[Mapping[str, Any]], *, notices: Sequence[str] = ()
) -> list[Picture]:
    """Draw ``training.png``: the loss of the logged steps, every validation, and the rates.

    Args:
        folder: the run folder.
        history: rows with ``phase``, ``step``, ``loss``, ``validation_accuracy`` where the split
            was scored, and the rates of :func:`privkit.videoqa.logs.learning_rates`.
        notices: words that must stand on the picture.

    Returns:
        The figure with its caption; nothing for a method that is not trained.
    """
    if not history:
        return []
    scored = [row for row in history if row.get("validation_accuracy") is not None]
    phases = list(dict.fromkeys(row["phase"] for row in history))
    with new_figure(11.5, 3.4) as figure:
        left, middle, right = figure.subplots(1, 3)
        for colour, phase in zip(COLOURS, phases, strict=False):
            rows = [row for row in history if row["phase"] == phase]
            steps, losses = [r["step"] for r in rows], [r["loss"] for r in rows]
            left.plot(steps, losses, color=colour, label=f"{phase} phase", marker=".", ms=3, lw=1)
        left.set(xlabel="step", ylabel="training loss of the step's batch")
        left.set_ylim(bottom=0)
        if len(phases) > 1:
            left.legend()
        middle.plot(
            [row["step"] for row in scored],
            [100 * row["validation_accuracy"] for row in scored],
            color=COLOURS[1],
            marker="o",
            ms=4,
        )
        middle.set(xlabel="step", ylabel="right on the validation split (%)", ylim=(0, 100))
        _draw_rates(right, history, phases)
        path = save(figure, folder / "training.png", notices=notices)
    last = history[-1]
    best = max((row["validation_accuracy"] for row in scored), default=None)
    words = "" if best is None else f"; at best {best:.1%} of the validation questions are right"
    return [
        Picture(
            path,
            caption=(
                "Left: the loss of single batches, as logged. Middle: the validations; the weights "
                "of the best one are the model's. Right: the learning rates; a part without a line "
                "does not learn in that phase."
            ),
            alt=(
                f"The loss goes from {history[0]['loss']:.3g} to {last['loss']:.3g} over "
                f"{last['step']:,} steps{words}."
            ),
        )
    ]


def _draw_rates(axis: Axes, history: Sequence[Mapping[str, Any]], phases: Sequence[str]) -> None:
    """The rates of each phase on one logarithmic axis; steps count from 1 in every phase."""
    for colour, phase in zip(COLOURS, phases, strict=False):
        for name, (part, style) in _RATES.items():
            rows = [r for r in history if r["phase"] == phase and r.get(name) is not None]
            if rows:
                axis.plot(
                    [row["step"] for row in rows],
                    [row[name] for row in rows],
                    style,
                    color=colour,
                    lw=1.5,
                    label=f"{part}, {phase} phase" if len(phases) > 1 else part,
                )
    axis.set(xlabel="step", ylabel="learning rate", yscale="log")
    if axis.lines:
        axis.legend(fontsize=8)
