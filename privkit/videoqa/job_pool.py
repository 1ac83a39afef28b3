"""Jobs in processes of one core each, where some jobs wait for what others leave in the cache."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import TypeVar

from privkit.workers import end_with_parent

__all__ = ["run_jobs"]

Job = TypeVar("Job", bound=Hashable)
Outcome = TypeVar("Outcome")


def run_jobs(
    jobs: Sequence[Job],
    waits_for: Mapping[Job, Job],
    run: Callable[[Job], Outcome],
    *,
    workers: int,
) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs, each once that which it waits for has ended.

    Args:
        jobs: in the order in which they should begin; a job that others wait for waits for none.
        waits_for: for some of the jobs, another one of them.
        run: does one; a function of a module, because it runs in other processes.
        workers: processes, each on one core; 1 runs all in this process, on all of its threads.

    Yields:
        Each job with its outcome, as they end.
    """
    if workers == 1:
        for job in sorted(jobs, key=lambda job: job in waits_for):  # stable: the order stays
            yield job, run(job)
        return
    behind: dict[Job, list[Job]] = {}
    for job, first in waits_for.items():
        behind.setdefault(first, []).append(job)
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers, context, initializer=_one_core) as pool:
        running: dict[Future[Outcome], Job] = {
            pool.submit(run, job): job for job in jobs if job not in waits_for
        }
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    yield job, future.result()
                    for later in behind.get(job, ()):
                        running[pool.submit(run, later)] = later
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_core() -> None:
    """Two processes of two threads each are slower on two cores than two of one."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)  # numpy's and scipy's linear algebra; stands until the process ends
    end_with_parent()
