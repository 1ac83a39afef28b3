"""The memory of a process at its peak, read from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Peak", "anonymous", "watched"]

EVERY = 0.005  # seconds


class Peak:
    """What was seen; ``before`` is what the process held when the watch began, in bytes."""

    def __init__(self, before: int) -> None:
        self.before = self.most = before


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Watch a process and those that it starts, for the time of a ``with`` block."""
    peak, done = Peak(anonymous(pid)), threading.Event()

    def watch() -> None:
        while not done.wait(EVERY):
            peak.most = max(peak.most, anonymous(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        done.set()
        watching.join()


def anonymous(pid: int) -> int:
    """RssAnon of a process and of those that it started, in bytes: without mapped files."""
    total = 0
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        total += next(
            1024 * int(line.split()[1]) for line in status.splitlines() if line[:8] == "RssAnon:"
        )
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                total += anonymous(int(child))
    except (OSError, StopIteration):
        return total
    return total
