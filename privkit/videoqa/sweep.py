"""Train every variant on every task: Figure 3 of the paper, and what its codes give away."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from privkit.videoqa.encode import encode
from privkit.videoqa.evaluate import Predictions, guess, predict
from privkit.videoqa.grid_cache import cached_features
from privkit.videoqa.methods import METHODS, Variant
from privkit.videoqa.distributed import Processes
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.trained import trained

__all__ = ["CLIPS", "LEVELS", "Job", "Outcome", "default_variants", "run_jobs"]

Tick = Callable[[str, int, int], None]

#: N of the paper's Figure 3.
LEVELS: tuple[int, ...] = (1, 2, 4, 10, 100, 1000)

#: The paper's 4×FeatComp: so many times the clips at test time, and the bits.
CLIPS = 4

#: The level at which the reconstruction baselines stand.
_RECONSTRUCTION_BITS = 10


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
        more_clips: whether it is evaluated with :data:`CLIPS` times the clips as well.
    """

    source: TaskSource
    variant: Variant
    seed: int
    more_clips: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one job found.

    Attributes:
        job: the job.
        predictions: on the test split.
        more_clips: the same with :data:`CLIPS` times the clips; ``None`` where not asked for.
        codes: ``(videos, N)`` of 0 and 1 for all videos in the order of their names; ``None``
            where no code is stored.
        best_step: the step whose weights were taken.
        seconds: of work.
    """

    job: Job
    predictions: Predictions
    more_clips: Predictions | None
    codes: NDArray[np.uint8] | None
    best_step: int
    seconds: float


def run_jobs(jobs: Sequence[Job], *, workers: int, tick: Tick | None = None) -> list[Outcome]:
    """Run jobs, several at a time, each on one core; what is in the cache is not trained again.

    Args:
        jobs: their tasks' features must be in the cache, or every process computes them.
        workers: processes; with 1, everything happens in this one.
        tick: called with ``"trainings"``, jobs done and their number.

    Returns:
        The outcomes in the order of the jobs, whatever order they ended in.
    """
    if workers == 1:
        out = []
        for n, job in enumerate(jobs):
            out.append(run_job(job))
            if tick is not None:
                tick("trainings", n + 1, len(jobs))
        return out
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, initializer=_one_core) as pool:
        place = {pool.submit(run_job, job): n for n, job in enumerate(jobs)}
        found: dict[int, Outcome] = {}
        try:
            for future in as_completed(place):
                found[place[future]] = future.result()
                if tick is not None:
                    tick("trainings", len(found), len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[n] for n in range(len(jobs))]


def run_job(job: Job) -> Outcome:
    """Train, or take from the cache, and evaluate."""
    started = time.perf_counter()
    task = _opened(job.source)
    group = Processes(device=job.source.device)
    test = task.batches("test", job.variant)
    if not job.variant.method.trained:
        choices = None if task.vocabulary is None else len(task.vocabulary)
        found = guess(test, choices, seed=job.seed)
        return Outcome(job, found, None, None, 0, time.perf_counter() - started)
    result = trained(task, job.variant, seed=job.seed, group=group)
    predictions = predict(result.model, test, task.features, group)
    more = None
    if job.more_clips:
        more = predict(result.model, test, _more_clips(job.source), group)
    codes = None
    if job.variant.bits is not None:
        videos = sorted(task.features.row)
        stored = encode(result.model, videos, task.features, device=group.device)
        codes = stored.codes.to_matrix()
    seconds = time.perf_counter() - started
    return Outcome(job, predictions, more, codes, result.progress.best_step, seconds)


@lru_cache(maxsize=8)
def _opened(source: TaskSource) -> Task:
    """A process works on several jobs of one task."""
    return source.open()


@lru_cache(maxsize=8)
def _more_clips(source: TaskSource, tick: Tick | None = None):
    """Features of the test videos with more clips."""
    task = _opened(source)
    video = source.configuration.video
    names = {q.video for q in task.questions.split("test")}
    return cached_features(
        {name: task.questions.videos[name] for name in names},
        task.backbone,
        replace(video, clips=CLIPS * video.clips),
        cache=source.cache,
        device=source.device,
        tick=tick,
    )


def _one_core() -> None:
    """Two processes of two threads each are slower on two cores than two of one."""
    torch.set_num_threads(1)
