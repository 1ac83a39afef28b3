"""``SpillFolder``: a folder for partitions on disk, with a lock and a journal.

The folder of a file that is counted has a name made of what identifies that run, so that the same
command finds it again after the process was killed. The lock keeps two live processes apart: the
second one takes a folder beside it. The journal holds how long each partition was after each
block; what lies beyond the last full line is cut off when the work is taken up again. After a
restart of the machine nothing is taken up, because what was written last may not have reached
the disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

__all__ = ["SpillFolder"]

_DAY = 24 * 3600
_JOURNAL = "journal"
_LOCK = "lock"


class SpillFolder:
    """A folder that this process alone writes to.

    Args:
        tmp: where to make it; ``None`` for the system's temporary folder.
        fingerprint: what identifies the run; ``None`` where nothing can be taken up later.

    Attributes:
        path: the folder.
        lasting: whether the run can be taken up again.
        blocks: blocks that an earlier process has already written to the partitions.
        lengths: shape ``(parts,)``, bytes of each partition by then; empty if there are none.
    """

    def __init__(self, tmp: Path | None, fingerprint: str | None) -> None:
        base = Path(tmp or tempfile.gettempdir())
        base.mkdir(parents=True, exist_ok=True)
        prefix = f"privkit-count-{os.getuid()}-"
        self.lasting = fingerprint is not None
        name = fingerprint or secrets.token_hex(16)
        paths = (base / f"{prefix}{name}{f'-{number}' if number else ''}" for number in count())
        self.path, lock = next((p, lock) for p in paths if (lock := _lock(p)) is not None)
        _remove_old(base, prefix)
        self.blocks, self.lengths = self._take_up()
        # Also when the interpreter ends or nobody holds this any longer.
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())

    def note(self, blocks: int, lengths: Sequence[int]) -> None:
        """Write down that so many blocks lie in the partitions, which are now so long."""
        if not self.lasting:
            return
        line = json.dumps({"boot": _boot(), "blocks": blocks, "lengths": list(lengths)})
        with (self.path / _JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(line + "\n")

    def part(self, number: int) -> Path:
        """Return the file of a partition."""
        return self.path / f"part-{number:04d}"

    def _take_up(self) -> tuple[int, list[int]]:
        """Cut the partitions back to the last full line of the journal; remove all else."""
        blocks, lengths = self._last_line()
        parts = [self.part(number) for number in range(len(lengths))]
        if any(
            length and (not part.is_file() or part.stat().st_size < length)
            for part, length in zip(parts, lengths, strict=True)
        ):
            blocks, lengths, parts = 0, [], []
        for part, length in zip(parts, lengths, strict=True):
            if part.exists():
                os.truncate(part, length)
        keep = {_LOCK, *(part.name for part in parts), *([_JOURNAL] if blocks else [])}
        for entry in self.path.iterdir():
            if entry.name not in keep:
                entry.unlink()
        if blocks:  # without what a killed process left of its last line
            (self.path / _JOURNAL).unlink()
            self.note(blocks, lengths)
        return blocks, lengths

    def _last_line(self) -> tuple[int, list[int]]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = (self.path / _JOURNAL).read_text(encoding="ascii")
            lines = text[: text.rfind("\n") + 1].splitlines()
            last = json.loads(lines[-1]) if lines else {"boot": ""}
            if last["boot"] == _boot():
                return int(last["blocks"]), [int(length) for length in last["lengths"]]
        return 0, []


def _lock(path: Path) -> int | None:
    """Make the folder or take one that is left over; ``None`` if another process holds it."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    # Never write into what somebody else has put there under this name.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return None
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:  # the other process has removed it in between
        return None
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if (path / _LOCK).stat().st_ino == os.fstat(lock).st_ino:
            return lock
    os.close(lock)
    return None


def _remove(path: Path, lock: int, process: int) -> None:
    if os.getpid() == process:  # not in a forked child, which has inherited all this
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _remove_old(base: Path, prefix: str) -> None:
    """Remove what killed processes left more than a day ago."""
    for path in base.glob(prefix + "*"):
        with suppress(OSError):
            newest = max(entry.stat().st_mtime for entry in (path, *path.iterdir()))
            if newest > time.time() - _DAY:
                continue
            lock = _lock(path)
            if lock is not None:
                _remove(path, lock, os.getpid())


@cache
def _boot() -> str:
    """Return what changes when the machine starts anew."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"
