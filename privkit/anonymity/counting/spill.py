"""``Spill``: keys that do not fit into memory, divided by hash into partitions on disk.

Every partition is then counted by itself: in memory where it fits; else in one table, where it
has few different keys; else divided again by further bits of the hash. When all bits are used up,
all keys of a partition are equal, so that this ends for any input.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np

from privkit.anonymity.counting.folder import SpillFolder, interrupted
from privkit.anonymity.counting.keys import Block, Keys, power_of_two
from privkit.anonymity.counting.sizes import Sizes
from privkit.anonymity.counting.source import Progress
from privkit.errors import InputError

__all__ = ["Spill", "spill_rows"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BLOCK = 8  # what part of the memory a block may be
_PIECE = 1 << 12
_FEWEST, _MOST = 4, 7  # bits of partitions a level: 128 files are open at a time, at most
_IN_MEMORY = 2.5  # times its size is what counting a partition in memory takes
_SLACK = 1 << 24  # bytes to leave free on the disk


def spill_rows(keys: Keys, memory: int) -> int:
    """Return how many keys make a block: it is divided in memory, and written part by part."""
    return max(1, memory // _BLOCK // keys.nbytes)


class Spill:
    """Partitions of keys on disk.

    Args:
        keys: the kind of key.
        memory: bytes that it may use.
        tmp: where to make its folder; ``None`` for the system's temporary folder.
        n: records to come; ``None`` where that is not known.
        fingerprint: what is counted, for taking it up again; ``None`` where it cannot be.

    Attributes:
        bits: bits of the hash by which a level divides; what lies on disk already decides, since
            partitions of any number are counted within any memory.
        done: the first so many records, which are in the partitions already.

    Raises:
        InputError: if the disk has no room for ``n`` records, or ``tmp`` cannot be written to.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        memory: int,
        tmp: Path | None = None,
        n: int | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self.keys = keys
        self.memory = memory
        self.n = 0
        # Enough partitions for each to fit; where n is not known, as many as can be written in
        # pieces of some KiB.
        wanted = memory / _BLOCK / _PIECE if n is None else _IN_MEMORY * n * keys.nbytes / memory
        self.bits = min(_MOST, max(_FEWEST, power_of_two(wanted).bit_length() - 1))
        self._folder = SpillFolder(tmp, fingerprint)
        self._lengths = self._folder.lengths or [0] * (1 << self.bits)
        self.bits = len(self._lengths).bit_length() - 1
        self.done = sum(self._lengths) // keys.nbytes
        self._files = ExitStack()
        self._open: list[FileIO] = []
        if n is not None:
            with self._tidy():
                self._check_space(n * keys.nbytes - sum(self._lengths))

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self.close()
        if isinstance(error, KeyboardInterrupt):
            raise interrupted() from None

    def close(self) -> None:
        """Remove everything from the disk."""
        self._files.close()
        self._folder.close()

    def add(self, block: Block) -> None:
        """Divide a block of at most ``spill_rows`` keys and append its parts.

        Raises:
            InputError: if the disk is full; everything has been removed by then.
        """
        with self._tidy():
            if not self._open:
                self._open = [
                    self._files.enter_context(self._folder.part(i).open("ab", buffering=0))
                    for i in range(1 << self.bits)
                ]
            self._append(block, 0, self._open, self._lengths)
            self._folder.note(self._lengths)

    def blocks(self) -> Iterator[Block]:
        """Yield all keys, partition by partition."""
        for number in range(1 << self.bits):
            yield from self._read(self._folder.part(number))

    def count(self, sizes: Sizes, progress: Progress | None = None) -> None:
        """Count every partition; they stay where they are.

        Raises:
            InputError: if the disk is full; everything has been removed by then.
        """
        with self._tidy():
            parts = 1 << self.bits
            for number in range(parts):
                self._count_part(self._folder.part(number), 1, sizes)
                if progress is not None:
                    progress("count partitions", number + 1, parts)

    def _count_part(self, path: Path, level: int, sizes: Sizes) -> None:
        nbytes = path.stat().st_size if path.exists() else 0
        if not nbytes:
            return
        if nbytes * _IN_MEMORY <= self.memory:
            keys = self.keys.take(np.fromfile(path, dtype=np.uint8))
            self.keys.count([keys], self.bits, level, sizes)
            return
        if level >= self.keys.levels(self.bits):
            sizes.add(np.array([nbytes // self.keys.nbytes]))
            return
        tallied = self.keys.tally(self._read(path), self.memory // 2)
        if tallied is not None:
            sizes.add(tallied)
            return
        self._check_space(nbytes)
        parts = [path.with_name(f"{path.name}-{number:04d}") for number in range(1 << self.bits)]
        with ExitStack() as stack:
            files = [stack.enter_context(part.open("wb", buffering=0)) for part in parts]
            for block in self._read(path):
                self._append(block, level, files, [0] * len(files))
        if level > 1:  # the partitions of the first level may be taken up or read again
            path.unlink()
        for part in parts:
            self._count_part(part, level + 1, sizes)
            part.unlink(missing_ok=True)

    def _append(self, block: Block, level: int, files: list[FileIO], lengths: list[int]) -> None:
        ordered, bounds = self.keys.split(block, self.bits, level)
        data = ordered.data.cast("B")
        for number, file in enumerate(files):
            start, stop = (int(b) * self.keys.nbytes for b in bounds[number : number + 2])
            lengths[number] += stop - start
            while start < stop:  # the system may write less than it was given
                start += file.write(data[start:stop])

    def _read(self, path: Path) -> Iterator[Block]:
        """Yield the keys of a partition in blocks."""
        if not path.exists():
            return
        count = spill_rows(self.keys, self.memory) * self.keys.nbytes
        with path.open("rb", buffering=0) as file:
            while (data := np.fromfile(file, dtype=np.uint8, count=count)).size:
                yield self.keys.take(data)

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.path).free
        if needed + _SLACK > free:
            raise InputError(
                "there is no room on the disk for what does not fit into memory",
                where=self.path.parent,
                rule=f"{needed + _SLACK:,} bytes have to be free",
                found=f"{free:,} bytes",
                remedy="name a folder on another disk with --tmp, or allow more with --memory",
            )

    @contextmanager
    def _tidy(self) -> Iterator[None]:
        """Leave nothing behind when it goes wrong, and say so."""
        try:
            yield
        except KeyboardInterrupt:
            self.close()
            raise interrupted() from None
        except OSError as error:
            self.close()
            if error.errno not in _FULL:
                raise
            raise InputError(
                "the disk is full; everything written while counting has been removed again",
                where=self.path.parent,
                rule="what does not fit into memory is written to disk",
                found=error.strerror,
                remedy="name a folder on another disk with --tmp, or allow more with --memory",
            ) from error
        except BaseException:
            self.close()
            raise
