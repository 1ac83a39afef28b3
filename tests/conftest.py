"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# Before numpy and torch are imported: of the tests' small matrices, the threads wait for each
# other, and several processes of tests share the cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest

from privkit.cli.app import run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache; networks are shared within a session."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("PRIVKIT_CACHE", str(base / "cache"))


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("PRIVKIT_DATA")
    if not folder or not (Path(folder) / "att_faces").is_dir():
        pytest.skip("PRIVKIT_DATA does not hold the AT&T Faces (att_faces/)")
    return Path(folder)


@pytest.fixture
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRIVKIT_DATA", raising=False)


@pytest.fixture
def one_line(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail with exit code 2 and one line on stderr; return the line."""

    def check(*arguments: object, code: int = 2) -> str:
        capsys.readouterr()
        assert run([str(a) for a in arguments]) == code
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("privkit: error:")]
        assert len(lines) == 1, err
        assert "Traceback" not in err
        assert out == ""
        return lines[0]

    return check
