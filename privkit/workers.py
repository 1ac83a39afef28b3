"""Worker processes: how many, and what each does first."""

from __future__ import annotations

import multiprocessing
import os
import threading

__all__ = ["end_with_parent", "usable_cores"]


def end_with_parent() -> None:
    """Let this worker end when the process that started it has ended, even by ``kill -9``.

    A worker of :class:`concurrent.futures.ProcessPoolExecutor` would otherwise finish its job and
    wait for the next one for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)  # nobody is left to clean up for; what is on the disk is written atomically


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
