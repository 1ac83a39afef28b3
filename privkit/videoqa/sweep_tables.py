"""A sweep in numbers: its tables and measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from privkit.capacity.supervision import SupervisionSize
from privkit.evaluation.intervals import CONFIDENCE, Interval
from privkit.result import Better, Measure, Table
from privkit.videoqa.evaluate import accuracy, accuracy_measures
from privkit.videoqa.paired import points
from privkit.videoqa.seeds import intervals_over, shown_where
from privkit.videoqa.sweep import CLIPS
from privkit.videoqa.sweep_cells import Cell, Cells, PairedCells, labels_of, outside_vocabulary
from privkit.videoqa.sweep_secrets import CHANCE, Reads, secret_names, strongest
from privkit.videoqa.task import Task

__all__ = ["measures_of", "tables_of"]


def tables_of(
    cells: Cells,
    tasks: Mapping[str, Task],
    reads: Reads,
    chance: Mapping[str, tuple[float, str]],
    compared: Mapping[str, Sequence[PairedCells]],
    supervision: Mapping[str, SupervisionSize],
) -> list[Table]:
    """Accuracy, its spread over seeds, by answer type, the secrets read, and the comparisons."""
    seeds = max(len(c.runs) for c in cells.values())
    rows = [
        _row(cells, tasks, label, lambda c: _share(accuracy(c.answers)))
        for label in labels_of(cells)
    ]
    rows.append(["Chance", "0", *(f"{100 * chance[t][0]:.1f}" for t in tasks)])
    # Beside the levels, as in the paper's figure; it is no code, so it has no bits of a video.
    rows.append(["Supervision size", "–", *(f"{supervision[t].bits:.1f} bits" for t in tasks)])
    columns = ["stored", "bits a video", *tasks]
    tables = [
        Table(
            "Accuracy, % of the test questions",
            columns,
            rows,
            note=f"{intervals_over(seeds)}. Chance: "
            f"{'; '.join(f'{t}: {how}' for t, (_, how) in chance.items())}. "
            "Supervision size: the compressed training questions with their answers, in bits a "
            f"question ({_compressed(supervision)}). "
            f"{CLIPS}×: {CLIPS} times the clips at test time, through one encoder."
            f"{_started(tasks)}",
        )
    ]
    if seeds > 1:
        tables.append(
            Table(
                "Spread over seeds, % of the test questions",
                columns,
                [_row(cells, tasks, label, _spread) for label in labels_of(cells)],
                note="Lowest and highest accuracy of a training, and their number.",
            )
        )
    kinds = [(t, k) for t in tasks for k in _types(cells, t) if len(_types(cells, t)) > 1]
    if kinds:
        tables.append(_type_table(cells, kinds, seeds))
    if reads:
        tables.append(_secret_table(cells, reads, seeds))
    if compared:
        tables.append(_comparison_table(compared, seeds))
    return tables


def _compressed(supervision: Mapping[str, SupervisionSize]) -> str:
    """How the questions were written and compressed, the same way for all tasks."""
    ways = (f"{size.serialisation}, {size.compressor}" for size in supervision.values())
    return "; ".join(dict.fromkeys(ways))


def _started(tasks: Mapping[str, Task]) -> str:
    """That the comparison leans towards codes, where they start from what floats have learned."""
    if not any(t.configuration.training.start_from_floats for t in tasks.values()):
        return ""
    return (
        " A model with a bottleneck starts from the answerer trained on floats: that answerer has "
        "had twice the passes of Floats and of the models that see no video."
    )


def _comparison_table(compared: Mapping[str, Sequence[PairedCells]], seeds: int) -> Table:
    return Table(
        "Compared on the same questions",
        ["task", "stored", "against", "points", "p"],
        [
            [pair.a.task, pair.a.label, pair.b.label, points(pair.found, ""), f"{pair.p:.2g}"]
            for pairs in compared.values()
            for pair in pairs
        ],
        note=f"Difference of the accuracies; {intervals_over(seeds)}; p of the exact sign test "
        f"over videos, adjusted by Holm over the tasks.{shown_where(seeds)}",
    )


def _row(cells: Cells, tasks: Iterable[str], label: str, show: Callable[[Cell], str]) -> list[str]:
    found = [cells.get((task, label)) for task in tasks]
    bits = dict.fromkeys(f"{c.bits:,}" for c in found if c is not None)
    return [label, " / ".join(bits), *("–" if c is None else show(c) for c in found)]


def _share(found: Interval) -> str:
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}-{100 * found.high:.1f})"


def _spread(cell: Cell) -> str:
    of_seeds = [100 * run.correct.mean() for run in cell.runs.values()]
    return f"{min(of_seeds):.1f} to {max(of_seeds):.1f} ({len(of_seeds)})"


def _types(cells: Cells, task: str) -> list[str]:
    return sorted({q.answer_type for c in cells.values() if c.task == task for q in c.questions})


def _of_type(cell: Cell, kind: str) -> Interval:
    rows: NDArray[np.bool_] = np.array([q.answer_type == kind for q in cell.answers.questions])
    return accuracy(cell.answers, where=rows)


def _type_table(cells: Cells, kinds: Sequence[tuple[str, str]], seeds: int) -> Table:
    rows = []
    for label in labels_of(cells):
        row = [label]
        for task, kind in kinds:
            cell = cells.get((task, label))
            row.append("–" if cell is None else _share(_of_type(cell, kind)))
        rows.append(row)
    columns = ["stored", *(f"{t}: {k}" for t, k in kinds)]
    return Table("Accuracy by answer type, %", columns, rows, note=f"{intervals_over(seeds)}.")


def _secret_table(cells: Cells, reads: Reads, seeds: int) -> Table:
    secrets = secret_names(reads)
    rows = []
    for task in dict.fromkeys(t for t, *_ in reads):
        guesses: dict[str, str] = {}
        for label in dict.fromkeys(v for t, v, _ in reads if t == task):
            row = [task, label, f"{cells[task, label].bits:,}"]
            for secret in secrets:
                found = reads.get((task, label, secret))
                if found is None:
                    row.append("–")
                    continue
                probe, share = strongest(found)
                row.append(f"{_share(share)} {probe}")
                if CHANCE in found.shares:
                    guesses[secret] = f"{100 * found.shares[CHANCE].value:.1f}"
            rows.append(row)
        rows.append([task, "Guessing", "0", *(guesses.get(secret, "–") for secret in secrets)])
    return Table(
        "What no question asks about, read from what is stored, % of unseen videos",
        ["task", "stored", "bits a video", *secrets],
        rows,
        note="The stronger of the probes, with its name; guessing names the most frequent value. "
        f"{intervals_over(seeds)}. "
        "A probe that fails does not show that nothing is there. "
        f"Of {CLIPS}×FeatComp, which stores {CLIPS} codes, only one code is probed, in the row of "
        "FeatComp.",
    )


def measures_of(
    cells: Cells,
    tasks: Mapping[str, Task],
    reads: Reads,
    chance: Mapping[str, tuple[float, str]],
    compared: Mapping[str, Sequence[PairedCells]],
    supervision: Mapping[str, SupervisionSize],
) -> list[Measure]:
    """Every number of the sweep, with its interval where it has one."""
    out = []
    for cell in cells.values():
        out += accuracy_measures(cell.answers, cell.where)
        out.append(Measure("bits stored", cell.bits, "bits a video", "neither", where=cell.where))
        out += [
            Measure(
                "accuracy of a seed",
                float(run.correct.mean()),
                "share",
                "higher is useful",
                n=len(run.correct),
                successes=int(run.correct.sum()),
                where={**cell.where, "seed": str(seed)},
            )
            for seed, run in cell.runs.items()
        ]
    for pair in (pair for pairs in compared.values() for pair in pairs):
        where = {"task": pair.a.task, "variant": pair.a.label, "against": pair.b.label}
        out.append(_share_measure("accuracy, paired difference", pair.found, where))
    for (trained, label, secret), found in reads.items():
        for probe, share in found.shares.items():
            where = {"task": trained, "variant": label, "secret": secret, "probe": probe}
            out.append(_share_measure("secret read", share, where, "lower protects"))
    for name, task in tasks.items():
        at = {"task": name}
        level, how = chance[name]
        outside, asked = outside_vocabulary(task)
        size = supervision[name]
        out += [
            Measure("chance", level, "share", "neither", n=asked, method=how, where=at),
            Measure("videos left out", len(task.left_out), "videos", "neither", where=at),
            Measure(
                "answers outside the vocabulary", outside, "questions", "neither", n=asked, where=at
            ),
            Measure(
                "supervision",
                size.bits,
                "bits a pair",
                "neither",
                n=size.pairs,
                method=f"{size.serialisation}, {size.compressor}",
                where=at,
            ),
        ]
    return out


def _share_measure(
    name: str, found: Interval, where: Mapping[str, str], better: Better = "higher is useful"
) -> Measure:
    return Measure(
        name,
        found.value,
        "share",
        better,
        n=found.n,
        successes=found.successes,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=found.method,
        where=where,
    )
