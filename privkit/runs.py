"""Run folders: one a run, written beside its final place and moved there when complete.

A run that is killed leaves no half-written folder under the final name, and an earlier run is
never overwritten.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path

from privkit.errors import InputError

__all__ = ["RUNS", "check_out", "write_atomically", "write_run", "write_times"]

#: Below the working directory; kept results of the project lie beside the runs.
RUNS = Path("reports")


def check_out(out: Path | None) -> None:
    """Refuse a bad ``--out`` before hours of work, not after.

    Raises:
        InputError: ``out`` exists already, or its parent cannot be written to.
    """
    if out is not None and (out.exists() or out.is_symlink()):
        raise InputError(
            "the output folder exists already",
            where=out,
            rule="a run never overwrites an earlier one",
            remedy="name a new folder with --out, or leave --out away",
        )
    parent = (out.parent if out is not None else RUNS).absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            "the output folder cannot be created",
            where=parent,
            rule="the parent is a folder that you may write to",
            remedy="name another place with --out",
        )


def write_run(command: str, out: Path | None, fill: Callable[[Path], None]) -> Path:
    """Let ``fill`` write a run into an empty folder, then move it to its final place.

    Args:
        command: short name of the command, e.g. ``"invert"``; names the default folder
            ``reports/invert-run-001``.
        out: the final folder, which must not exist; ``None`` for the next free default.
        fill: called with a temporary folder on the same file system.

    Returns:
        The final folder.

    Raises:
        InputError: see :func:`check_out`.
    """
    check_out(out)
    parent = out.parent if out is not None else RUNS
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{command}-unfinished-", dir=parent))
    try:
        work.chmod(0o755)  # mkdtemp's 0700 would hide the report from the people it is for
        fill(work)
        return _move(work, command, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            error.filename = str(parent)  # a full disk does not say which one it is
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(work: Path, command: str, out: Path | None) -> Path:
    """Rename ``work`` to ``out`` or to the next free default name."""
    candidates: Iterable[Path] = (
        [out] if out is not None else (RUNS / f"{command}-run-{n:03d}" for n in count(1))
    )
    for final in candidates:
        if os.path.lexists(final):
            continue
        try:
            work.rename(final)
        except OSError as error:  # another run took the name between the look and the move
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            continue
        return final
    check_out(out)  # raises: it appeared while we worked
    raise AssertionError("unreachable: check_out raises when the folder exists")


def write_atomically(path: Path, write: Callable[[Path], None], *, mode: int = 0o644) -> None:
    """Call ``write`` with a temporary path beside ``path``, then rename it into place.

    Until it is complete only the user can read it, then whom ``mode`` lets.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.name}.", suffix=f".unfinished{path.suffix}", dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_times(folder: Path, seconds: Mapping[str, float]) -> None:
    """Write wall-clock seconds by step; apart from the result, which must not change by them."""
    text = json.dumps({k: round(v, 3) for k, v in seconds.items()}, indent=2) + "\n"
    (folder / "times.json").write_text(text, encoding="utf-8")
