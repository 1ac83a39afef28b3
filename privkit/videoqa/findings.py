"""A sweep as a result: usefulness and privacy of the same codes, in numbers, tables and words.

Every sentence is computed. An interval says how far the test videos and, of several seeds, the
trainings carry a number; the spread over the seeds is told apart from it as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from privkit.capacity.supervision import supervision_bits
from privkit.result import Result
from privkit.videoqa.findings_bits import data_used, start_warnings
from privkit.videoqa.sweep import Outcome
from privkit.videoqa.sweep_cells import cells_of, chance_of, comparisons, labels_of
from privkit.videoqa.sweep_secrets import SecretRead, pooled_reads, secret_reads
from privkit.videoqa.sweep_tables import measures_of, tables_of
from privkit.videoqa.sweep_words import findings_of, warnings_of
from privkit.videoqa.task import Task

__all__ = ["SecretRead", "secret_reads", "sweep_result"]


def sweep_result(
    outcomes: Sequence[Outcome],
    tasks: Sequence[Task],
    *,
    privacy: Sequence[SecretRead] = (),
    command: str,
) -> Result:
    """The result of a sweep.

    Args:
        outcomes: of every task, variant and seed.
        tasks: the tasks, made ready.
        privacy: what probes read from what the same trainings store; may be empty.
        command: the command line, for the record.

    Raises:
        InputError: two seeds of a variant were tested on different questions.
    """
    by_name = {task.questions.task: task for task in tasks}
    cells = cells_of(outcomes, by_name)
    reads = pooled_reads(privacy, cells)
    seeds = sorted({o.job.seed for o in outcomes})
    levels = sorted({o.job.variant.bits for o in outcomes if o.job.variant.bits is not None})
    chance = {name: chance_of(task) for name, task in by_name.items()}
    compared = comparisons(cells, list(by_name))
    supervision = {
        name: supervision_bits(task.questions.split("train"))[0] for name, task in by_name.items()
    }
    return Result(
        command=command,
        configuration={
            "tasks": list(by_name),
            "levels": levels,
            "variants": labels_of(cells),
            "seeds": seeds,
            "settings": tasks[0].configuration.to_dict(),
            "device": outcomes[0].job.source.device,
        },
        seed=seeds[0],
        data=[data_used(task) for task in tasks],
        findings=findings_of(cells, list(by_name), reads, compared),
        warnings=[
            *warnings_of(cells, by_name, reads, chance, seeds),
            *start_warnings(tasks),
        ],
        measures=measures_of(cells, by_name, reads, chance, compared, supervision),
        tables=tables_of(cells, by_name, reads, chance, compared, supervision),
    )
