"""Reading untrusted files in a process of its own, so that a crash there is one line here.

Some libraries read files in C++ that was not written for hostile ones (FAISS, ONNX Runtime). They
are used in a child process with a limit on its memory and on its time. What comes back is bytes,
never pickled objects. Where the system has no such limits (Windows), the child still keeps a
crash apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import IO

__all__ = ["Confined", "ConfinedError", "memory_for"]

_MAIN = Path(__file__).with_name("confined_main.py")
_BASE = 3 << 30
"""Bytes of addresses that Python, numpy and the library take before they read anything."""


class ConfinedError(Exception):
    """The child could not answer; the text says why in one line."""


def memory_for(path: Path) -> int:
    """Return the bytes of memory that a child may use to read a file: four times its size, too."""
    return _BASE + 4 * path.stat().st_size


class Confined:
    """A child process that answers messages.

    Args:
        script: a Python file with a function ``answer(message: bytes) -> bytes``; it imports
            nothing of privkit, so that it starts quickly.
        memory: bytes of addresses that the child may use.

    Used as a context, it ends the child at the end.
    """

    def __init__(self, script: Path, *, memory: int) -> None:
        mine, theirs = os.pipe(), os.pipe()  # to the child, from the child
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # -P: no file that lies in the working directory is taken for a module.
        command = [sys.executable, "-P", str(_MAIN), str(script), str(mine[0]), str(theirs[1])]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [*command, str(memory)],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=(mine[0], theirs[1]),
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        finally:
            os.close(mine[0])
            os.close(theirs[1])
        self._send = Connection(mine[1], readable=False)
        self._receive = Connection(theirs[0], writable=False)

    def ask(self, message: bytes, *, seconds: float) -> bytes:
        """Send a message and wait for the answer.

        Raises:
            ConfinedError: the child raised, crashed, ran out of memory or took too long.
        """
        try:
            self._send.send_bytes(message)
            if not self._receive.poll(seconds):
                self.close()
                raise ConfinedError(f"it took longer than {seconds:.0f} s")
            reply = self._receive.recv_bytes()
        except (EOFError, OSError, ValueError) as error:  # ValueError: closed after a crash before
            raise ConfinedError(self._ended()) from error
        if reply[:1] != b"+":
            raise ConfinedError(reply[1:].decode(errors="replace")[:300])
        return reply[1:]

    def close(self) -> None:
        """End the child."""
        self._send.close()
        self._receive.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _ended(self) -> str:
        """Say how the child ended without an answer."""
        try:
            code = self._process.wait(5)
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
        except (subprocess.TimeoutExpired, ValueError):
            return "its reader has ended"
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"its reader crashed ({how}){f': {lines[-1][:200]}' if lines else ''}"

    def __enter__(self) -> Confined:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_receive") and not self._receive.closed:
            self.close()
