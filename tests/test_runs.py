"""Run folders: complete or absent, and never written over."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from privkit.cli.app import run
from privkit.errors import InputError
from privkit.runs import check_out, write_atomically, write_run, write_times


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def fill(folder: Path) -> None:
    (folder / "result.json").write_text("{}", encoding="utf-8")


def everything(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_runs_are_numbered(here: Path) -> None:
    assert [write_run("invert", None, fill) for _ in range(3)] == [
        Path(f"reports/invert-run-00{n}") for n in (1, 2, 3)
    ]
    assert write_run("kanon", None, fill) == Path("reports/kanon-run-001")
    assert (here / "reports/invert-run-003/result.json").read_text() == "{}"


def test_a_gap_is_filled_and_nothing_is_replaced(here: Path) -> None:
    taken = here / "reports"
    taken.mkdir()
    (taken / "invert-run-001").write_text("a file of that name")
    (taken / "invert-run-002").symlink_to("nowhere")
    (taken / "invert-run-004").mkdir()
    assert write_run("invert", None, fill) == Path("reports/invert-run-003")
    assert write_run("invert", None, fill) == Path("reports/invert-run-005")
    assert (taken / "invert-run-001").read_text() == "a file of that name"
    assert (taken / "invert-run-002").is_symlink()
    assert not list((taken / "invert-run-004").iterdir())


def test_a_folder_of_ones_own_is_made_with_its_parents(here: Path) -> None:
    assert write_run("invert", here / "a/b/c", fill) == here / "a/b/c"
    assert everything(here) == ["a", "a/b", "a/b/c", "a/b/c/result.json"]


def test_others_may_read_a_run(here: Path) -> None:
    assert write_run("invert", Path("out"), fill).stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("kind", ["folder", "full folder", "file", "dangling link", "link"])
def test_a_place_that_is_taken_is_refused(here: Path, kind: str) -> None:
    out = here / "out"
    if kind.endswith("folder"):
        out.mkdir()
    if kind == "full folder":
        (out / "result.json").write_text("earlier")
    if kind == "file":
        out.write_text("earlier")
    if kind.endswith("link"):
        (here / "target").mkdir() if kind == "link" else None
        out.symlink_to("target")
    before = everything(here)
    for refuse in (lambda: check_out(out), lambda: write_run("invert", out, pytest.fail)):
        with pytest.raises(InputError, match=r"exists already.*never overwrites.*--out"):
            refuse()
    assert everything(here) == before


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_a_run_that_fails_leaves_nothing(here: Path, error: BaseException) -> None:
    def broken(folder: Path) -> None:
        fill(folder)
        raise error

    with pytest.raises(type(error)):
        write_run("invert", here / "out", broken)
    assert everything(here) == []


def test_a_run_that_is_killed_leaves_no_folder_of_the_final_name(here: Path) -> None:
    program = (
        "import os, signal; from pathlib import Path; from privkit.runs import write_run\n"
        "def fill(folder):\n"
        "    (folder / 'half.json').write_text('{')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_run('invert', None, fill)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert all(p.name.startswith(".invert-unfinished-") for p in Path("reports").iterdir())
    assert write_run("invert", None, fill) == Path("reports/invert-run-001")


def test_a_parent_that_is_a_file_is_refused(here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(
        InputError, match=r"file: .* cannot be created; rule: the parent is a folder"
    ):
        check_out(here / "file" / "out")


def test_a_parent_that_may_not_be_written_is_refused(here: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; see the simulated one")
    here.chmod(0o555)
    try:
        with pytest.raises(InputError, match="cannot be created"):
            check_out(here / "out")
    finally:
        here.chmod(0o755)


@pytest.mark.parametrize("out", [Path("out"), Path("a/b/out"), None])
def test_a_parent_without_permission_is_refused_before_the_work(
    here: Path, out: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def denied(path: Path, mode: int) -> bool:
        asked.append((Path(path), mode))
        return False

    monkeypatch.setattr(os, "access", denied)
    with pytest.raises(InputError, match=r"cannot be created.*may write to"):
        check_out(out)
    assert asked == [(here, os.W_OK | os.X_OK)]


def race(out: Path | None) -> list[object]:
    """Two runs that are both complete before either takes its name."""
    both, results = threading.Barrier(2, timeout=10), []

    def together(folder: Path) -> None:
        fill(folder)
        both.wait()

    def one() -> None:
        try:
            results.append(write_run("invert", out, together))
        except InputError as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results, key=str)


def test_two_runs_race_for_the_next_number(here: Path) -> None:
    assert race(None) == [Path("reports/invert-run-001"), Path("reports/invert-run-002")]
    assert len(everything(here)) == 1 + 2 * 2


def test_two_runs_race_for_one_folder(here: Path) -> None:
    lost, won = race(here / "out")
    if isinstance(won, InputError):
        lost, won = won, lost
    assert won == here / "out"
    assert isinstance(lost, InputError)
    assert "exists already" in str(lost)
    assert everything(here) == ["out", "out/result.json"]


def test_a_name_that_is_taken_at_the_last_moment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "out").mkdir()
    (here / "out" / "result.json").write_text("earlier")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    monkeypatch.setattr("privkit.runs.check_out", lambda _: None)
    # With the looks switched off the rename itself must refuse.
    with pytest.raises(AssertionError, match="unreachable"):
        write_run("invert", here / "out", fill)
    assert (here / "out" / "result.json").read_text() == "earlier"


def test_a_file_is_replaced_whole(here: Path) -> None:
    path = here / "sub" / "net.safetensors"
    for text in ("old", "new"):
        write_atomically(path, lambda p, text=text: p.write_text(text) and None)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    write_atomically(path, lambda p: p.write_text("new") and None, mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert everything(here) == ["sub", "sub/net.safetensors"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_written_leaves_the_old_one(here: Path, error: BaseException) -> None:
    path = here / "net.safetensors"
    path.write_text("old")

    def broken(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, broken)
    assert path.read_text() == "old"
    assert everything(here) == ["net.safetensors"]


def test_times_are_rounded(here: Path) -> None:
    write_times(here, {"train": 1.23456})
    assert (here / "times.json").read_text() == '{\n  "train": 1.235\n}\n'


def test_a_full_disk_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, one_line: Callable[..., str]
) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("privkit.report.html.write_report", full)
    line = one_line("capacity", "--out", "out", "--json")
    assert f"{Path()}: No space left on device; remedy: free some space" in line
    assert everything(here) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small disk on Linux")
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_disk_that_is_really_full(small_disk: Path, one_line: Callable[..., str]) -> None:
    line = one_line("capacity", "--out", small_disk / "out", "--json")
    assert f"{small_disk}: No space left on device; remedy: free some space" in line
    assert everything(small_disk) == []
    assert run(["capacity", "--out", str(small_disk.parent / "out"), "--quiet"]) == 0
