"""The answers of a sweep by task and variant, what is compared with what, and chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from privkit.data.questions.record import Question
from privkit.data.questions.vocabulary import normalise
from privkit.errors import InputError
from privkit.evaluation.guessing import shown
from privkit.evaluation.intervals import Interval
from privkit.evaluation.multiplicity import holm
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.methods import METHODS
from privkit.videoqa.paired import Paired, over_seeds, paired
from privkit.videoqa.sweep import CLIPS, Outcome
from privkit.videoqa.task import Task

__all__ = [
    "MORE_CLIPS",
    "Cell",
    "Cells",
    "PairedCells",
    "cell_of",
    "cells_of",
    "chance_of",
    "compare_pairs",
    "comparisons",
    "featcomp_cells",
    "labels_of",
    "main_cell",
    "outside_vocabulary",
]

#: What 4×FeatComp is called among the methods.
MORE_CLIPS = f"{CLIPS}x-clips"

_MAIN_BITS = 10
_FLOAT_BITS = 16


@dataclass(frozen=True)
class Cell:
    """The answers of one variant on one task.

    Attributes:
        task: its name.
        label: of the variant.
        method: a key of ``METHODS``, or :data:`MORE_CLIPS`.
        bits: stored a video; 0 where nothing of the video is.
        runs: the answers of each seed's training, in the order of the seeds.
    """

    task: str
    label: str
    method: str
    bits: int
    runs: Mapping[int, Predictions]

    @cached_property
    def answers(self) -> Predictions:
        """Of all seeds, one after the other."""
        return over_seeds(list(self.runs.values()))

    @property
    def questions(self) -> Sequence[Question]:
        """That were asked, the same for every seed."""
        return next(iter(self.runs.values())).questions

    @property
    def where(self) -> dict[str, str]:
        """The task, variant and method, as a measure names them."""
        return {"task": self.task, "variant": self.label, "method": self.method}


class PairedCells(NamedTuple):
    """Accuracy of ``a`` minus that of ``b`` on the same questions.

    ``p`` is of the exact sign test over videos, adjusted by Holm for the tests beside it.
    """

    a: Cell
    b: Cell
    compared: Paired
    p: float

    @property
    def found(self) -> Interval:
        """The difference."""
        return self.compared.difference

    @property
    def shown(self) -> bool:
        """Whether a difference is shown, for other videos and for other seeds."""
        return self.compared.shows(self.p)


#: Task and label to the cell.
Cells = Mapping[tuple[str, str], Cell]


def cells_of(outcomes: Sequence[Outcome], tasks: Mapping[str, Task]) -> Cells:
    """The answers by task and label, rows of the paper's Figure 3 in their order.

    Raises:
        InputError: two seeds of a variant were tested on different questions.
    """
    gathered: dict[tuple[str, str], list[tuple[str, int, int, Predictions]]] = {}
    for outcome in sorted(outcomes, key=lambda o: o.job.seed):
        variant, seed = outcome.job.variant, outcome.job.seed
        task = outcome.predictions.questions[0].task
        bits = variant.bits
        if bits is None:
            floats = math.prod(tasks[task].features.shape)
            bits = _FLOAT_BITS * floats if variant.method.video else 0
        one = (variant.method.name, bits, seed, outcome.predictions)
        gathered.setdefault((task, variant.label), []).append(one)
        if outcome.more_clips is not None:
            more = (MORE_CLIPS, CLIPS * bits, seed, outcome.more_clips)
            gathered.setdefault((task, f"{CLIPS}×{variant.label}"), []).append(more)
    rank = [*METHODS, MORE_CLIPS]
    order = sorted(gathered, key=lambda key: (rank.index(gathered[key][0][0]), gathered[key][0][1]))
    return {key: _cell(*key, gathered[key]) for key in order}


def _cell(task: str, label: str, found: Sequence[tuple[str, int, int, Predictions]]) -> Cell:
    method, bits, _, first = found[0]
    asked = [q.question_id for q in first.questions]
    for *_, predictions in found:
        if [q.question_id for q in predictions.questions] != asked:
            raise InputError(
                "seeds were tested on different questions",
                where=f"{task}, {label}",
                rule="one test split for all seeds, so that they can be pooled and compared",
            )
    return Cell(task, label, method, bits, {seed: p for _, _, seed, p in found})


def labels_of(cells: Cells) -> list[str]:
    """The variants, in the order of the cells."""
    return list(dict.fromkeys(label for _, label in cells))


def featcomp_cells(cells: Cells, task: str) -> list[Cell]:
    """FeatComp by bits."""
    return [c for (name, _), c in cells.items() if name == task and c.method == "featcomp"]


def cell_of(cells: Cells, task: str, method: str) -> Cell | None:
    """A method's first cell of a task; ``None`` where there is none."""
    return next((c for c in cells.values() if c.task == task and c.method == method), None)


def main_cell(cells: Cells, task: str) -> Cell | None:
    """FeatComp at 10 bits, or the level nearest to it."""
    return min(featcomp_cells(cells, task), key=lambda c: abs(c.bits - _MAIN_BITS), default=None)


def compare_pairs(pairs: Iterable[tuple[Cell, Cell]]) -> list[PairedCells]:
    """Each pair on the seeds that both have; Holm's adjustment over all of them."""
    out = []
    for a, b in pairs:
        seeds = [seed for seed in a.runs if seed in b.runs]
        if seeds:
            of_both = [over_seeds([cell.runs[seed] for seed in seeds]) for cell in (a, b)]
            out.append((a, b, paired(*of_both)))
    adjusted = holm([found.p for *_, found in out])
    return [PairedCells(a, b, found, p) for (a, b, found), p in zip(out, adjusted, strict=True)]


def comparisons(cells: Cells, tasks: Sequence[str]) -> dict[str, list[PairedCells]]:
    """What is compared with what, task by task; the key begins a sentence."""
    pairs: dict[str, list[tuple[Cell, Cell]]] = {}

    def compare(a: Cell | None, b: Cell | None) -> None:
        if a is not None and b is not None:
            pairs.setdefault(f"{a.label} against {b.label}", []).append((a, b))

    for task in tasks:
        main = main_cell(cells, task)
        compare(main, cell_of(cells, task, "floats"))
        compare(main, cell_of(cells, task, "question-only"))
        for method in ("reconstruction-only", "task+reconstruction"):
            other = cell_of(cells, task, method)
            same = [c for c in featcomp_cells(cells, task) if other and c.bits == other.bits]
            compare(other, same[0] if same else None)
        for more in (c for c in cells.values() if (c.task, c.method) == (task, MORE_CLIPS)):
            compare(more, cells[task, more.label.removeprefix(f"{CLIPS}×")])
    return {name: compare_pairs(of_tasks) for name, of_tasks in pairs.items()}


def chance_of(task: Task) -> tuple[float, str]:
    """The level that needs neither video nor question, and how it was reckoned."""
    test = task.questions.split("test")
    if task.questions.multiple_choice:
        return float(np.mean([1 / len(q.options) for q in test])), "1 / options, mean"
    counts = Counter(normalise(q.answer) for q in task.questions.split("train"))
    most = min(counts, key=lambda answer: (-counts[answer], answer))
    share = float(np.mean([normalise(q.answer) == most for q in test]))
    return share, f"always '{shown(most)}', the most frequent training answer"


def outside_vocabulary(task: Task) -> tuple[int, int]:
    """Test questions whose answer is not in the vocabulary, and all."""
    test = task.questions.split("test")
    if task.vocabulary is None:
        return 0, len(test)
    return sum(task.vocabulary.index(q.answer) is None for q in test), len(test)
