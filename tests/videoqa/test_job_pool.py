"""Jobs wait for what they start from, whatever the number of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from privkit.videoqa.job_pool import run_jobs

JOBS = ("late", "early", "alone", "later")
WAITS_FOR = {"late": "early", "later": "early"}


def length(job: str) -> int:
    return len(job)


def at_once(job: str) -> float:
    time.sleep(0.05)
    return time.monotonic()


def fails(job: str) -> int:
    if job == "early":
        raise ValueError("early failed")
    return 0


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_job_once_and_those_that_wait_after_the_first(workers: int) -> None:
    ended = dict(run_jobs(JOBS, WAITS_FOR, length, workers=workers))
    assert ended == {job: len(job) for job in JOBS}
    times = dict(run_jobs(JOBS, WAITS_FOR, at_once, workers=workers))
    assert times["early"] < min(times["late"], times["later"])


def test_one_process_keeps_the_order_of_what_need_not_wait() -> None:
    assert [job for job, _ in run_jobs(JOBS, WAITS_FOR, length, workers=1)] == [
        "early",
        "alone",
        "late",
        "later",
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_ends_it(workers: int) -> None:
    with pytest.raises(ValueError, match="early failed"):
        list(run_jobs(JOBS, WAITS_FOR, fails, workers=workers))


def threads(_job: str) -> tuple[int, ...]:
    import numpy as np
    import torch
    from threadpoolctl import threadpool_info

    np.linalg.norm(np.ones((2, 2)), 2)
    return (torch.get_num_threads(), *(one["num_threads"] for one in threadpool_info()))


def test_a_process_works_on_one_core() -> None:
    assert {n for _, each in run_jobs(JOBS[:1], {}, threads, workers=2) for n in each} == {1}


PARENT = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from test_job_pool import waits
from privkit.videoqa.job_pool import run_jobs
if __name__ == "__main__":
    list(run_jobs(("one", "two"), {}, waits, workers=2))
"""


def waits(job: str) -> None:
    Path(job).write_text(str(os.getpid()))
    time.sleep(60)


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, "parent.py", str(Path(__file__).parent)]
    with subprocess.Popen(command, cwd=tmp_path) as parent:
        until(lambda: all(written(tmp_path / job) for job in ("one", "two")))
        parent.kill()
    for job in ("one", "two"):
        worker = int((tmp_path / job).read_text())
        until(lambda worker=worker: not Path(f"/proc/{worker}/cmdline").is_file())


def written(path: Path) -> bool:
    return path.is_file() and bool(path.read_text())


def until(holds) -> None:
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
