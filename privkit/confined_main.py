"""What a confined child runs: limits first, then one answer to each message.

It is run by its path and imports nothing of privkit, see :mod:`privkit.confined`.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection


def limit(memory: int) -> None:
    """Limit the addresses of this process, and let a crash write no core file."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory)):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def reply_to(answer: Callable[[bytes], bytes], message: bytes) -> bytes:
    """Return ``+`` and the answer, or ``-`` and one line that says what was raised."""
    try:
        return b"+" + answer(message)
    except Exception as error:  # everything that a library raises on a broken file
        text = " ".join(str(error).split()) or "no memory left"
        return f"-{type(error).__name__}: {text}".encode(errors="backslashreplace")


def main() -> None:
    """Answer until the parent closes its end."""
    script, receive, send, memory = sys.argv[1], *map(int, sys.argv[2:5])
    limit(memory)
    answer = runpy.run_path(script)["answer"]
    with Connection(receive, writable=False) as parent, Connection(send, readable=False) as back:
        while True:
            try:
                message = parent.recv_bytes()
            except EOFError:
                return
            back.send_bytes(reply_to(answer, message))


if __name__ == "__main__":
    main()
