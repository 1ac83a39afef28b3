"""``SpillFolder``: a folder for partitions on disk, with a lock and a journal.

The folder of a file that is counted has a name made of what is counted, never of how much memory
there is, which by default is another amount each second: so the same command finds it again after
the process was killed. The lock keeps two live processes apart: the second one takes a folder
beside it. The journal holds how long each partition was after each block, and so also into how
many partitions the keys are divided and how many have been; what lies beyond the last full line
is cut off when the work is taken up again. After a restart of the machine nothing is taken up,
because what was written last may not have reached the disk.
"""

from __future__ import annotations

import errno
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

from privkit.errors import InputError

__all__ = ["SpillFolder", "check_tmp", "interrupted", "remove_left"]

_DAY = 24 * 3600
_JOURNAL = "journal"
_LOCK = "lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class SpillFolder:
    """A folder that this process alone writes to.

    Args:
        tmp: where to make it; ``None`` for the system's temporary folder.
        fingerprint: what is counted, without a hyphen; ``None`` where nothing can be taken up
            later.

    Attributes:
        path: the folder.
        lasting: whether the run can be taken up again.
        lengths: shape ``(parts,)``, bytes of each partition that an earlier process has written;
            empty if there are none.

    Raises:
        InputError: if ``tmp`` is no folder that can be written to.
    """

    def __init__(self, tmp: Path | None, fingerprint: str | None) -> None:
        check_tmp(tmp)
        self.lasting = fingerprint is not None
        name = fingerprint or secrets.token_hex(16)
        base = _base(tmp)
        try:
            base.mkdir(parents=True, exist_ok=True)
            paths = (
                base / f"{_prefix()}{name}{f'-{number}' if number else ''}" for number in count()
            )
            self.path, lock = next((p, lock) for p in paths if (lock := _lock(p)) is not None)
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise _no_folder(base, error.strerror) from error
        _remove_old(base)
        if fingerprint is not None:
            remove_left(tmp, fingerprint)
        self.lengths = self._take_up()
        # Also when the interpreter ends or nobody holds this any longer.
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())

    def note(self, lengths: Sequence[int]) -> None:
        """Write down that a whole block lies in the partitions, which are now so long."""
        if not self.lasting:
            return
        line = json.dumps({"boot": _boot(), "lengths": list(lengths)})
        with (self.path / _JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(line + "\n")

    def part(self, number: int) -> Path:
        """Return the file of a partition."""
        return self.path / f"part-{number:04d}"

    def _take_up(self) -> list[int]:
        """Cut the partitions back to the last full line of the journal; remove all else."""
        lengths = self._last_line()
        parts = [self.part(number) for number in range(len(lengths))]
        if any(
            length and (not part.is_file() or part.stat().st_size < length)
            for part, length in zip(parts, lengths, strict=True)
        ):
            lengths, parts = [], []
        for part, length in zip(parts, lengths, strict=True):
            if part.exists():
                os.truncate(part, length)
        keep = {_LOCK, *(part.name for part in parts), *([_JOURNAL] if lengths else [])}
        for entry in self.path.iterdir():
            if entry.name not in keep:
                entry.unlink()
        if lengths:  # without what a killed process left of its last line
            (self.path / _JOURNAL).unlink()
            self.note(lengths)
        return lengths

    def _last_line(self) -> list[int]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = (self.path / _JOURNAL).read_text(encoding="ascii")
            lines = text[: text.rfind("\n") + 1].splitlines()
            last = json.loads(lines[-1]) if lines else {"boot": ""}
            if last["boot"] == _boot():
                return [int(length) for length in last["lengths"]]
        return []


def check_tmp(tmp: Path | None) -> None:
    """Refuse a ``--tmp`` that cannot be written to before the work, not after.

    Raises:
        InputError: if it is no folder, or one that may not be written to.
    """
    if tmp is None:
        return
    there = _base(tmp)
    while not there.exists() and there != there.parent:  # it is made when it is needed
        there = there.parent
    if not there.is_dir():
        raise _no_folder(tmp, f"{there} is a file" if there.is_file() else "no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _no_folder(tmp, f"{there} may not be written to")


def interrupted() -> KeyboardInterrupt:
    """Return what says, after Ctrl-C, that a folder has been removed."""
    return KeyboardInterrupt(
        "interrupted while counting; everything written while counting has been removed"
    )


def remove_left(tmp: Path | None, fingerprint: str) -> None:
    """Remove what killed processes left of counting this, unless a live one is at it."""
    base = _base(tmp)
    name = f"{_prefix()}{fingerprint}"
    for path in (base / name, *base.glob(f"{name}-*")):
        if path.is_dir():
            _remove_unheld(path)


def _base(tmp: Path | None) -> Path:
    return Path(tempfile.gettempdir() if tmp is None else tmp)


def _prefix() -> str:
    return f"privkit-count-{os.getuid()}-"


def _no_folder(tmp: Path, found: object) -> InputError:
    return InputError(
        "there is no folder for what does not fit into memory",
        where=f"--tmp {tmp}",
        rule="a folder that you may write to",
        found=found,
        remedy="name another one",
    )


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


def _remove_unheld(path: Path) -> None:
    """Remove a folder, unless a live process holds it; this one's lock keeps it out as well."""
    with suppress(OSError):
        lock = _lock(path)
        if lock is not None:
            _remove(path, lock, os.getpid())


def _remove_old(base: Path) -> None:
    """Remove what killed processes left more than a day ago."""
    for path in base.glob(_prefix() + "*"):
        with suppress(OSError):
            newest = max(entry.stat().st_mtime for entry in (path, *path.iterdir()))
            if newest <= time.time() - _DAY:
                _remove_unheld(path)


@cache
def _boot() -> str:
    """Return what changes when the machine starts anew."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"
