"""Run the attacks of an audit one after the other: into a budget, and so that a kill loses none.

Each finished task is kept in a file of its own, written atomically, below a folder that is named
by everything that can change the outcome, and says which code made it. A run that was killed takes
them from there. What is kept may tell of people, reconstructions of their pictures among it: nobody
else may read it, and what the next run is given again, as the pictures themselves, is not kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.code import code_sha256
from privkit.audit.findings import Curve, NotRun
from privkit.audit.risks import RiskName
from privkit.evaluation.trials import Trials
from privkit.result import Table, plain_json
from privkit.runs import write_atomically

__all__ = ["Missed", "Task", "Tick", "Tried", "run_tasks"]

#: ``(step, done, total)``.
Tick = Callable[[str, int, int], None]

#: The form of a kept outcome; a change makes older ones unreadable on purpose.
_FORM = "privkit-tried/6"


@dataclass(frozen=True, eq=False)
class Tried:
    """What one task brought.

    Attributes:
        trials: by risk, what each attack did.
        notes: by risk, what has to be known to read them.
        tables: by risk, further numbers.
        curves: by risk, what to draw.
        pictures: by attack, reconstructions ``(k, h·w)`` to look at.
        recognised: by attack, whether each of them is, ``(k,)``; also of those that a task shows.
        lacks: by risk, what turned out to be missing.
    """

    trials: Mapping[RiskName, Sequence[Trials]] = field(default_factory=dict)
    notes: Mapping[RiskName, Sequence[str]] = field(default_factory=dict)
    tables: Mapping[RiskName, Sequence[Table]] = field(default_factory=dict)
    curves: Mapping[RiskName, Sequence[Curve]] = field(default_factory=dict)
    pictures: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    recognised: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    lacks: Mapping[RiskName, Sequence[NotRun]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """Something to try.

    Attributes:
        name: e.g. ``"reconstruction: decoder, seed 0"``; unique in an audit.
        risks: those that it serves.
        seconds: about how long it takes here.
        run: does it.
        control: which control it is; ``""`` for an attack on the store itself.
        of: the attribute, where a risk has several that are attacked one by one.
        shown: pictures of the material ``(k, h·w)`` to look at beside those that it makes.
    """

    name: str
    risks: tuple[RiskName, ...]
    seconds: float
    run: Callable[[], Tried]
    control: str = ""
    of: str = ""
    shown: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def with_shown(self, tried: Tried) -> Tried:
        """What it brought, with the pictures that are not kept."""
        return replace(tried, pictures={**self.shown, **tried.pictures})


@dataclass(frozen=True, eq=False)
class Missed:
    """A task that brought nothing.

    Attributes:
        task: which.
        why: in words.
        supply: what would help.
    """

    task: Task
    why: str
    supply: str


def run_tasks(
    tasks: Sequence[Task],
    *,
    key: Mapping[str, Any],
    folder: Path | None,
    budget: float,
    tick: Tick,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[dict[str, Tried], list[Missed]]:
    """Run the tasks in order while they fit.

    Args:
        tasks: the most important first.
        key: everything beside its name that decides a task's outcome.
        folder: keeps what is finished; ``None`` keeps nothing.
        budget: seconds for all of them. What an earlier run finished costs nothing.
        tick: told of progress.
        clock: seconds.

    Returns:
        What was tried, by the task's name, and the tasks that brought nothing, each with why: they
        did not fit, or they failed, as an attack of a third party or an encoder may on some input.
    """
    place = _private(folder, _digest(key)) if folder is not None else None
    started = clock()
    done: dict[str, Tried] = {}
    missed: list[Missed] = []
    for n, task in enumerate(tasks):
        path = place / f"{_digest({'task': task.name})}.npz" if place is not None else None
        kept = _load(path) if path is not None else None
        if kept is None and clock() - started + task.seconds > budget:
            why = f"it takes about {task.seconds:.0f} s, which the budget does not leave"
            missed.append(Missed(task, why, "a larger budget_minutes in the policy"))
        elif kept is not None:
            done[task.name] = task.with_shown(kept)
        else:
            try:
                tried = _run(task)
            except Exception as error:  # whatever it is, the other attacks are worth having
                why = " ".join(f"it failed: {type(error).__name__}: {error}".split())[:300]
                missed.append(Missed(task, why, "input on which it does not fail"))
            else:
                done[task.name] = task.with_shown(tried)
                if path is not None:
                    _save(path, tried)
        tick("attack", n + 1, len(tasks))
    return done, missed


def _run(task: Task) -> Tried:
    """Run with one thread for the linear algebra of numpy and scipy.

    Covariances are of some hundred numbers: on two cores two threads took four times as long, since
    each brings an OpenBLAS, whose waiting threads hold up the other's. What it costs, on many
    cores: products with a large store are not shared among them.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return task.run()


def _digest(key: Mapping[str, Any]) -> str:
    text = json.dumps(plain_json(key), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _private(folder: Path, name: str) -> Path:
    """A folder below ``folder`` that nobody else can look into."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = folder / name
    place.mkdir(mode=0o700, exist_ok=True)
    with suppress(PermissionError):  # another user's: the files are ours
        place.chmod(0o700)
    return place


def _save(path: Path, tried: Tried) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    heads: list[dict[str, str | int]] = []
    for risk, several in tried.trials.items():
        for trials in several:
            for name in Trials.ARRAYS:
                arrays[f"trials.{len(heads)}.{name}"] = getattr(trials, name)
            head: dict[str, str | int] = {"risk": risk, "folds": trials.folds}
            heads.append(head | {"attack": trials.attack, "measure": trials.measure})
    pictures, recognised = list(tried.pictures), list(tried.recognised)
    arrays |= {f"pictures.{n}": tried.pictures[name] for n, name in enumerate(pictures)}
    arrays |= {f"recognised.{n}": tried.recognised[name] for n, name in enumerate(recognised)}
    words = {
        "form": _FORM,
        "code": code_sha256(),
        "trials": heads,
        "pictures": pictures,
        "recognised": recognised,
        "notes": tried.notes,
        "tables": {risk: [asdict(t) for t in several] for risk, several in tried.tables.items()},
        "curves": {risk: [asdict(c) for c in several] for risk, several in tried.curves.items()},
        "lacks": {risk: [asdict(n) for n in several] for risk, several in tried.lacks.items()},
    }
    text = json.dumps(plain_json(words)).encode()
    arrays["words"] = np.frombuffer(text, dtype=np.uint8)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    write_atomically(path, write, mode=0o600)


def _load(path: Path) -> Tried | None:
    """What an earlier run kept; ``None`` where there is none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(file["words"].tobytes())
            if words["form"] != _FORM or words["code"] != code_sha256():
                return None
            trials: dict[RiskName, list[Trials]] = {}
            for n, head in enumerate(words["trials"]):
                arrays = {name: file[f"trials.{n}.{name}"] for name in Trials.ARRAYS}
                trials.setdefault(head.pop("risk"), []).append(Trials(**head, **arrays))
            return Tried(
                trials,
                words["notes"],
                {risk: [Table(**t) for t in several] for risk, several in words["tables"].items()},
                {risk: [Curve(**c) for c in several] for risk, several in words["curves"].items()},
                {name: file[f"pictures.{n}"] for n, name in enumerate(words["pictures"])},
                {name: file[f"recognised.{n}"] for n, name in enumerate(words["recognised"])},
                {risk: [NotRun(**n) for n in several] for risk, several in words["lacks"].items()},
            )
    except Exception:  # missing, cut off or changed: it is tried again
        return None
