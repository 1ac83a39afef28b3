"""The figure of a training: its loss, and the accuracy on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privkit.report.figures import COLOURS, new_figure, save
from privkit.report.html import Picture

__all__ = ["draw_training"]


def draw_training(
    folder: Path, history: Sequence[Mapping[str, Any]], *, notices: Sequence[str] = ()
) -> list[Picture]:
    """Draw ``training.png``: the loss of the logged steps, and every validation.

    Args:
        folder: the run folder.
        history: rows with ``phase``, ``step``, ``loss``, and ``validation_accuracy`` where the
            split was scored.
        notices: words that must stand on the picture.

    Returns:
        The figure with its caption; nothing for a method that is not trained.
    """
    if not history:
        return []
    scored = [row for row in history if row.get("validation_accuracy") is not None]
    phases = list(dict.fromkeys(row["phase"] for row in history))
    with new_figure(8.0, 3.4) as figure:
        left, right = figure.subplots(1, 2)
        for colour, phase in zip(COLOURS, phases, strict=False):
            rows = [row for row in history if row["phase"] == phase]
            steps, losses = [r["step"] for r in rows], [r["loss"] for r in rows]
            left.plot(steps, losses, color=colour, label=f"{phase} phase", marker=".", ms=3, lw=1)
        left.set(xlabel="step", ylabel="training loss of the step's batch")
        left.set_ylim(bottom=0)
        if len(phases) > 1:
            left.legend()
        right.plot(
            [row["step"] for row in scored],
            [100 * row["validation_accuracy"] for row in scored],
            color=COLOURS[1],
            marker="o",
            ms=4,
        )
        right.set(xlabel="step", ylabel="right on the validation split (%)", ylim=(0, 100))
        path = save(figure, folder / "training.png", notices=notices)
    last = history[-1]
    best = max((row["validation_accuracy"] for row in scored), default=None)
    words = "" if best is None else f"; at best {best:.1%} of the validation questions are right"
    return [
        Picture(
            path,
            caption=(
                "Left: the loss of single batches, as logged. Right: the validations; the weights "
                "of the best one are the model's."
            ),
            alt=(
                f"The loss goes from {history[0]['loss']:.3g} to {last['loss']:.3g} over "
                f"{last['step']:,} steps{words}."
            ),
        )
    ]
