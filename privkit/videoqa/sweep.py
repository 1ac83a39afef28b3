"""Train every variant on every task: Figure 3 of the paper, and what its codes give away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from privkit.data.questions.record import QuestionSet
from privkit.errors import InputError
from privkit.videoqa.distributed import Processes
from privkit.videoqa.encode import encode
from privkit.videoqa.evaluate import Predictions, guess, predict
from privkit.videoqa.grid_cache import GridFeatures, cached_features
from privkit.videoqa.job_pool import run_jobs
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.model import check_memory, feature_shape
from privkit.videoqa.privacy import Probed, probe, probe_videos
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.trained import Trained, trained

__all__ = ["CLIPS", "LEVELS", "Job", "Outcome", "Sweep", "default_variants", "run_sweep"]

Tick = Callable[[str, int, int], None]

#: N of the paper's Figure 3.
LEVELS: tuple[int, ...] = (1, 2, 4, 10, 100, 1000)

#: The paper's 4×FeatComp: so many times the clips at test time, and the bits.
CLIPS = 4

#: The level at which the reconstruction baselines stand.
_RECONSTRUCTION_BITS = 10

#: The probes learn from the videos of the first and are scored on those of the second.
_PROBED = ("train", "test")


def default_variants(levels: Sequence[int] = LEVELS) -> tuple[Variant, ...]:
    """All methods: FeatComp at every level, the reconstruction baselines at 10 bits."""
    at = min(levels, key=lambda n: abs(n - _RECONSTRUCTION_BITS))
    out = [Variant(METHODS["featcomp"], bits) for bits in levels]
    for method in METHODS.values():
        if method.name != "featcomp":
            out.append(Variant(method, at if method.bottleneck else None))
    return tuple(out)


@dataclass(frozen=True)
class Job:
    """One training and its evaluation.

    Attributes:
        source: of the task.
        variant: what is trained.
        seed: of the training.
    """

    source: TaskSource
    variant: Variant
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What one job found.

    Attributes:
        job: the job.
        predictions: on the test split.
        more_clips: the same with :data:`CLIPS` times the clips; ``None`` but for FeatComp.
        secrets: by secret and probe, what is read from what is stored of unseen videos; empty
            where the set has no such labels, or nothing of the video is stored.
        best_step: the step whose weights were taken.
        seconds: of work.
    """

    job: Job
    predictions: Predictions
    more_clips: Predictions | None
    secrets: dict[tuple[str, str], Probed]
    best_step: int
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """All outcomes, and the tasks that they are about.

    Attributes:
        tasks: made ready.
        outcomes: in the order of tasks, variants and seeds.
    """

    tasks: list[Task]
    outcomes: list[Outcome]


def run_sweep(
    sources: Sequence[TaskSource],
    variants: Sequence[Variant],
    *,
    seeds: Sequence[int],
    workers: int,
    tick: Tick | None = None,
) -> Sweep:
    """Train and evaluate every variant on every task with every seed.

    What the cache holds is not trained again, so that a sweep that was killed goes on.

    Args:
        sources: of the tasks.
        variants: the methods and levels.
        seeds: of the trainings.
        workers: processes that train at a time, each on one core.
        tick: progress.

    Raises:
        InputError: a task cannot be made ready, has no test split, or its attributes cannot be
            read, or the bottlenecks do not fit into memory; that is found before anything is
            trained.
        TrainingError: a loss is not finite.
    """
    jobs = [Job(source, v, seed) for source in sources for v in variants for seed in seeds]
    _check_memory(jobs, workers)
    sets = [source.questions(tick) for source in sources]
    for questions in sets:
        _check(questions)
    tasks = [source.prepare(given, tick) for source, given in zip(sources, sets, strict=True)]
    for task in tasks:
        _check(task.questions)  # without the videos that cannot be decoded
    for source, task in zip(sources, tasks, strict=True):
        if any(v.method.name == "featcomp" for v in variants):
            _features_of_more_clips(source, task, tick)
    outcomes: dict[Job, Outcome] = {}
    ordered = _begins_first(jobs, dict(zip(sources, tasks, strict=True)))
    for job, outcome in run_jobs(ordered, _waits_for(ordered), _run, workers=workers):
        outcomes[job] = outcome
        if tick is not None:
            tick("trainings", len(outcomes), len(jobs))
    return Sweep(tasks, [outcomes[job] for job in jobs])


def _check_memory(jobs: Sequence[Job], workers: int) -> None:
    """Refuse levels that do not fit where the largest of them are trained at the same time."""
    bits = sorted((job.variant.bits for job in jobs if job.variant.bits), reverse=True)
    if bits:
        source = jobs[0].source  # the tasks of a sweep share their settings and their device
        check_memory(bits[:workers], feature_shape(source.configuration), device=source.device)


def _check(questions: QuestionSet) -> None:
    """Refuse what would end a sweep after hours of training."""
    if not questions.split("test"):
        splits = dict.fromkeys(q.split for q in questions.questions)
        raise InputError(
            "there is no test question",
            where=f"{questions.name} {questions.task}",
            rule="a test split, with videos that can be decoded",
            found=f"only {', '.join(splits)}",
            remedy="name the test file, or the folder that holds it too",
        )
    probe_videos(questions)


def _begins_first(jobs: Sequence[Job], tasks: Mapping[TaskSource, Task]) -> list[Job]:
    """Put the long jobs first, so that no core is idle at the end."""

    def steps(job: Job) -> int:
        questions = tasks[job.source].questions.split("train")
        return sum(len(q.options) or 1 for q in questions)

    return sorted(jobs, key=steps, reverse=True)


def _waits_for(jobs: Sequence[Job]) -> dict[Job, Job]:
    """The floats whose answerer a job starts from: two processes would both train them."""
    floats = {(job.source, job.seed): job for job in jobs if job.variant.method.name == "floats"}
    return {
        job: floats[job.source, job.seed]
        for job in jobs
        if job.variant.method.bottleneck
        and job.source.configuration.training.start_from_floats
        and (job.source, job.seed) in floats
    }


def _run(job: Job) -> Outcome:
    """Train, or take from the cache, and evaluate."""
    started = time.perf_counter()
    task = _opened(job.source)
    group = Processes(device=job.source.device)
    test = task.batches("test", job.variant)
    if not job.variant.method.trained:
        choices = None if task.vocabulary is None else len(task.vocabulary)
        found = guess(test, choices, seed=job.seed)
        return Outcome(job, found, None, {}, 0, time.perf_counter() - started)
    result = trained(task, job.variant, seed=job.seed, group=group)
    predictions = predict(result.model, test, task.features, group)
    more = None
    if job.variant.method.name == "featcomp":
        features = _features_of_more_clips(job.source, task)
        more = predict(result.model, test, features, group)
    secrets = _read_secrets(task, result, group)
    seconds = time.perf_counter() - started
    return Outcome(job, predictions, more, secrets, result.progress.best_step, seconds)


def _read_secrets(task: Task, result: Trained, group: Processes) -> dict[tuple[str, str], Probed]:
    """Probe what is stored of the test videos; the probes learn from the training videos."""
    if not result.variant.method.video:
        return {}
    usable, _ = probe_videos(task.questions)
    names = {split: sorted({v for one in usable for v in one.videos[split]}) for split in _PROBED}
    stored = {split: _stored(task, result, of, group) for split, of in names.items() if of}
    row = {split: {name: n for n, name in enumerate(of)} for split, of in names.items()}
    out: dict[tuple[str, str], Probed] = {}
    for one in usable:
        train, test = (stored[s][[row[s][v] for v in one.videos[s]]] for s in _PROBED)
        found = probe(train, one.labels["train"], test, one.labels["test"])
        out |= {(one.secret, way): read for way, read in found.items()}
    return out


def _stored(
    task: Task, result: Trained, videos: Sequence[str], group: Processes
) -> NDArray[np.float32]:
    """What is stored of each video, as numbers: ``(videos, floats)``, or ±1 of ``(videos, N)``."""
    if result.variant.bits is None:
        floats: NDArray[np.float32] = task.features.take(videos).flatten(1).numpy()
        return floats
    codes = encode(result.model, videos, task.features, device=group.device).codes
    return codes.to_signs()


@lru_cache(maxsize=8)
def _opened(source: TaskSource) -> Task:
    """A process works on several jobs of one task."""
    return source.open()


def _features_of_more_clips(
    source: TaskSource, task: Task, tick: Tick | None = None
) -> GridFeatures:
    """Features of the test videos with :data:`CLIPS` times the clips; kept in the cache."""
    video = source.configuration.video
    names = sorted({q.video for q in task.questions.split("test")})
    # A step of its own, or its time would be added to that of the plain features.
    own = tick and (lambda step, done, total: tick(f"{step}, {CLIPS}× clips", done, total))
    return cached_features(
        {name: task.questions.videos[name] for name in names},
        task.backbone,
        replace(video, clips=CLIPS * video.clips),
        cache=source.cache,
        device=source.device,
        tick=own,
    )
