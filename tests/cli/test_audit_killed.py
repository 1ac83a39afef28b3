"""An audit that is killed loses none of its finished attacks, and its answer is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from audit.stores import store


@pytest.mark.slow
def test_a_killed_audit_goes_on_where_it_stood(tmp_path: Path) -> None:
    material = store(0.5, people=40, records=5)
    np.save(tmp_path / "codes.npy", (material.features > 0).astype(np.uint8))
    people = [f"person {p}" for p in material.owners]
    (tmp_path / "people.csv").write_text("\n".join(["who", *people]) + "\n")
    environment = {**os.environ, "PRIVKIT_CACHE": str(tmp_path / "cache")}

    def audit(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "privkit", "audit", "--features", "codes.npy"]
        command += ["--person", "people.csv", "--quiet", "--out", name]
        return subprocess.Popen(command, cwd=tmp_path, env=environment)

    killed = audit("killed")
    deadline = time.monotonic() + 120
    while not (kept := list((tmp_path / "cache").rglob("*.npz"))):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed").exists()
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    assert audit("again").wait() == 1
    assert {path: path.stat().st_mtime_ns for path in kept} == stamps
    environment["PRIVKIT_CACHE"] = str(tmp_path / "other")
    assert audit("fresh").wait() == 1
    for name in ("audit.json", "trials.csv", "report.html"):
        again, fresh = (tmp_path / run / name for run in ("again", "fresh"))
        assert again.read_bytes() == fresh.read_bytes(), name
