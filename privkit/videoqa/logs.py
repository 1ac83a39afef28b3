"""Files of a run: a training's history as CSV and TensorBoard events, and what was left out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from privkit.videoqa.configuration import TrainingConfig
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.starting import Loaded

__all__ = [
    "EventLog",
    "learning_rates",
    "write_events",
    "write_history",
    "write_initial_weights",
    "write_left_out",
]

_COLUMNS = (
    "phase",
    "step",
    "loss",
    "learning_rate",
    "bottleneck_learning_rate",
    "validation_accuracy",
)


def learning_rates(model: FewBitVideoQA, how: TrainingConfig) -> dict[str, float]:
    """The highest rates of the parts that learn now, as the history names them.

    ``learning_rate`` is that of the answerer, and of the backbone where it is trained as well;
    ``bottleneck_learning_rate`` that of the bottleneck. A part that is frozen has none: while a
    bottleneck learns to reconstruct, the answerer does not learn.
    """
    parts: tuple[tuple[str, float, tuple[nn.Module | None, ...]], ...] = (
        ("learning_rate", how.learning_rate, (model.answerer, model.backbone)),
        ("bottleneck_learning_rate", how.bottleneck_learning_rate, (model.stored,)),
    )
    return {
        name: rate
        for name, rate, modules in parts
        if any(p.requires_grad for m in modules if m is not None for p in m.parameters())
    }


class EventLog:
    """TensorBoard events, written while a training runs.

    Args:
        folder: of the events; several trainings that went on from each other may share it.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # seconds to import

        self._writer: Any = SummaryWriter(str(folder), flush_secs=10)

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Write a row of the history."""
        for name in _COLUMNS[2:]:
            if row.get(name) is not None:
                self._writer.add_scalar(f"{row['phase']}/{name}", row[name], row["step"])

    def close(self) -> None:
        """Write what is pending."""
        self._writer.close()


def write_events(folder: Path, history: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole history: each step once, wherever the training was killed and gone on with."""
    log = EventLog(folder)
    for row in history:
        log(row)
    log.close()


def write_history(path: Path, history: Iterable[Mapping[str, Any]]) -> None:
    """Write a history as CSV: phase, step, loss, the learning rates, validation accuracy.

    A cell is empty where a part does not learn, or where the split was not scored.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: row.get(name) for name in _COLUMNS} for row in history)


def write_left_out(path: Path, left_out: Mapping[str, str]) -> None:
    """Write the videos that were left out as CSV: video, why; no file where there is none."""
    _write_rows(path, ("video", "why"), list(left_out.items()))


def write_initial_weights(path: Path, loaded: Iterable[Loaded]) -> None:
    """Write what became of given weights as CSV: file, kind, what, weight; no file without any."""
    rows = [
        (entry.file, entry.kind, what, name)
        for entry in loaded
        for what in ("used", "unused", "missing")
        for name in getattr(entry.report, what)
    ]
    _write_rows(path, ("file", "kind", "what", "weight"), rows)


def _write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
