"""Task-specificity (the paper's Table 2): what codes learned for one task are worth for another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from privkit.data.questions.open import tasks_in
from privkit.errors import InputError
from privkit.videoqa.evaluate import Predictions
from privkit.videoqa.from_codes import answer_from_codes, end_to_end, trained_codes
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.task import Task, TaskSource

__all__ = ["GENERATED_TASKS", "Transfer", "run_transfer", "tasks_for"]

Tick = Callable[[str, int, int], None]

#: Of the generated set, those of the paper's Table 2.
GENERATED_TASKS: tuple[str, ...] = ("action", "transition", "frameqa")

#: What each task is answered with beside the codes: its own model, and models without the video.
_BESIDE = ("featcomp", "question-only", "options-only")


@dataclass(frozen=True)
class Transfer:
    """What was answered from which codes; a list holds one entry a seed.

    Attributes:
        tasks: every task is a source of codes and a target.
        bits: N.
        seeds: of the trainings.
        crossed: by (source, target): a new decoder and answerer, trained on the stored codes of
            the source's encoder alone.
        beside: by (method, target): the end-to-end model, question-only and options-only.
        seen: by (source, target): test videos of the target that the source's encoder was
            trained on.
        opened: the tasks, by name.
    """

    tasks: tuple[str, ...]
    bits: int
    seeds: tuple[int, ...]
    crossed: dict[tuple[str, str], list[Predictions]]
    beside: dict[tuple[str, str], list[Predictions]]
    seen: dict[tuple[str, str], int]
    opened: dict[str, Task]


def tasks_for(data: str, named: Sequence[str], *, at_least: int = 2) -> tuple[str, ...]:
    """The tasks that are named, or all of the data; the paper's three of the generated set.

    Raises:
        InputError: fewer than ``at_least``, or no questions in a known format.
    """
    if named:
        tasks = tuple(dict.fromkeys(named))
    else:
        tasks = GENERATED_TASKS if data == "generated" else tuple(tasks_in(Path(data)))
    if len(tasks) < at_least:
        raise InputError(
            "there is nothing to transfer to",
            where="--task",
            rule=f"at least {at_least} tasks",
            found=", ".join(tasks),
        )
    return tasks


def run_transfer(
    source: TaskSource,
    tasks: Sequence[str],
    *,
    bits: int,
    seeds: Sequence[int],
    tick: Tick | None = None,
) -> Transfer:
    """Train an encoder on each task, store the codes of all videos, and answer all tasks from them.

    The encoder sees the training questions of its own task only. The target's new decoder and
    answerer see the stored codes only.

    Args:
        source: where the tasks come from; its own task's name is not used.
        tasks: names.
        bits: N.
        seeds: of the trainings; the backbone stays the source's.
        tick: progress.

    Raises:
        InputError: a task cannot be opened.
    """
    opened = {name: replace(source, task=name).open(tick) for name in tasks}
    trainings = len(seeds) * (len(tasks) ** 2 + len(_BESIDE) * len(tasks))
    crossed: dict[tuple[str, str], list[Predictions]] = {}
    beside: dict[tuple[str, str], list[Predictions]] = {}
    done = 0

    def keep(
        into: dict[tuple[str, str], list[Predictions]], key: tuple[str, str], found: Predictions
    ) -> None:
        nonlocal done
        into.setdefault(key, []).append(found)
        done += 1
        if tick is not None:
            tick("trainings", done, trainings)

    device = source.device
    for seed in seeds:
        for target, task in opened.items():
            for name in _BESIDE:
                variant = Variant(METHODS[name], bits if METHODS[name].bottleneck else None)
                keep(beside, (name, target), end_to_end(task, variant, seed=seed, device=device))
        for learned in tasks:
            for target, task in opened.items():
                codes = trained_codes(opened[learned], bits, seed=seed, of=task, device=device)
                found = answer_from_codes(task, codes, seed=seed, device=device)
                keep(crossed, (learned, target), found)
    return Transfer(tuple(tasks), bits, tuple(seeds), crossed, beside, _seen(opened), opened)


def _seen(opened: dict[str, Task]) -> dict[tuple[str, str], int]:
    def videos(task: Task, test: bool) -> set[str]:
        questions = task.questions.split("test" if test else "train")
        return {q.video for q in questions}

    return {
        (learned, target): len(videos(source, test=False) & videos(task, test=True))
        for learned, source in opened.items()
        for target, task in opened.items()
        if learned != target
    }
