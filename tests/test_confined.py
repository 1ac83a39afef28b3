"""A child that reads untrusted files: whatever happens to it is one line here."""

import time
from pathlib import Path

import pytest

from privkit.confined import Confined, ConfinedError

SCRIPT = """
import ctypes, os, sys, time
import numpy as np

def answer(message):
    return ACTIONS[message.decode()]()

def raises():
    raise ValueError("two\\nlines")

ACTIONS = {
    "echo": lambda: b"\\x00answer",
    "raises": raises,
    "crash": lambda: ctypes.string_at(0),
    "abort": lambda: os.abort(),
    "leave": lambda: sys.exit(3),
    "hang": lambda: time.sleep(60),
    "memory": lambda: bytes(np.ones(1 << 30, np.float64)[:1]),
    "cwd": lambda: str(os.getcwd() in sys.path or "" in sys.path).encode(),
}
"""
MEMORY = 3 << 30


@pytest.fixture
def script(tmp_path):
    (tmp_path / "reader.py").write_text(SCRIPT)
    return tmp_path / "reader.py"


def test_it_answers_many_times(script):
    with Confined(script, memory=MEMORY) as child:
        assert child.ask(b"echo", seconds=30) == b"\x00answer"
        with pytest.raises(ConfinedError, match=r"^ValueError: two lines$"):
            child.ask(b"raises", seconds=30)
        assert child.ask(b"echo", seconds=30) == b"\x00answer"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("crash", r"crashed \(signal 11\)"),
        ("abort", r"crashed \(signal 6\)"),
        ("leave", r"crashed \(exit code 3\)"),
        ("memory", "MemoryError|allocate"),
    ],
)
def test_how_it_ends_is_told(script, action, words):
    with Confined(script, memory=MEMORY) as child:
        with pytest.raises(ConfinedError, match=words) as caught:
            child.ask(action.encode(), seconds=30)
        assert "\n" not in str(caught.value)
        if action != "memory":
            with pytest.raises(ConfinedError):
                child.ask(b"echo", seconds=30)


def test_it_is_ended_in_time_and_with_its_parent(script):
    child = Confined(script, memory=MEMORY)
    child.ask(b"echo", seconds=30)
    start = time.monotonic()
    with pytest.raises(ConfinedError, match="took longer than 1 s"):
        child.ask(b"hang", seconds=1)
    assert time.monotonic() - start < 20
    assert child._process.returncode is not None
    with pytest.raises(ConfinedError):
        child.ask(b"echo", seconds=1)


def test_no_module_of_the_working_directory_is_imported(script, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken')")
    (tmp_path / "json.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    with Confined(script, memory=MEMORY) as child:
        assert child.ask(b"cwd", seconds=30) == b"False"


def test_nothing_is_left_open(script):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with Confined(script, memory=MEMORY) as child:
            child.ask(b"echo", seconds=30)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
