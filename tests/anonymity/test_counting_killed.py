"""A process that is killed, interrupted or has no room while it counts on disk."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter as Truth
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.anonymity import count_classes
from privkit.anonymity.counting import spill
from privkit.anonymity.counting.counter import Counter
from privkit.anonymity.counting.folder import SpillFolder
from privkit.anonymity.counting.source import LEAST_MEMORY, keys_of
from privkit.anonymity.counting.spill import Spill
from privkit.errors import InputError
from privkit.features import open_codes


def sizes(found):
    return sorted(found.sizes.tolist())


def truth(records):
    return sorted(Truth(records).values())


COUNT = """
import os, signal, sys
from pathlib import Path
from privkit.anonymity import count_classes
from privkit.features import open_codes

def progress(step, done, total):
    if step == sys.argv[3] and done >= total // 2:
        os.kill(os.getpid(), int(sys.argv[4]))

try:
    count_classes(open_codes(Path(sys.argv[1])), memory=1 << 19, tmp=Path(sys.argv[2]),
                  progress=progress)
except KeyboardInterrupt as error:
    sys.exit(str(error))
"""


INTERRUPTING = """
import os, signal, sys
from privkit.anonymity.counting.spill import Spill
from privkit.cli.app import run

plain = Spill.add
def add(self, block):
    plain(self, block)
    os.kill(os.getpid(), signal.SIGINT)
Spill.add = add
sys.exit(run({arguments!r}))
"""


@pytest.fixture
def codes(tmp_path):
    path = tmp_path / "codes.npy"
    np.save(path, np.random.default_rng(5).integers(0, 2**17, 200_000) << 20)
    return path


@pytest.fixture
def tmp(tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def child(codes, tmp, step, number, script=COUNT):
    return subprocess.run(
        [sys.executable, "-c", script, codes, tmp, step, str(int(number))],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def count_again(codes, tmp, monkeypatch, memory=1 << 19):
    """Count in this process; returns how many blocks were divided anew."""
    added = []
    plain = Spill.add
    monkeypatch.setattr(Spill, "add", lambda self, b: (added.append(len(b)), plain(self, b)))
    found = count_classes(open_codes(codes), memory=memory, tmp=tmp)
    assert sizes(found) == truth(np.load(codes).tolist())
    return len(added)


def leave(folder):
    """What a process may leave that is killed while it writes."""
    with (folder / "journal").open("a") as file:
        file.write('{"boot": ')
    with (folder / "part-0000").open("ab") as file:
        file.write(b"half a key")
    (folder / "part-0001-0000").write_bytes(b"12345678")


@pytest.mark.parametrize("mess", [lambda _: None, leave], ids=["between blocks", "in a block"])
def test_killed_and_taken_up_again(codes, tmp, monkeypatch, mess):
    assert child(codes, tmp, "read codes", signal.SIGKILL).returncode == -signal.SIGKILL
    (folder,) = tmp.iterdir()
    mess(folder)
    blocks = -(-200_000 // (2**19 // 8 // 8))
    again = count_again(codes, tmp, monkeypatch)
    assert 0 < again <= blocks // 2 + 1
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("memory", [None, 1 << 16, 3 << 17, 1 << 19, (1 << 20) + 8])
def test_killed_and_taken_up_again_with_another_memory(codes, tmp, monkeypatch, memory):
    """The default is half of what is available, which is another amount each second."""
    child(codes, tmp, "read codes", signal.SIGKILL)
    if memory is None:
        step = 10_007  # no multiple of the blocks that are on disk
        monkeypatch.setattr("privkit.anonymity.counting.source.available_memory", lambda: 1 << 20)
        monkeypatch.setattr("privkit.anonymity.counting.stored.spill_rows", lambda *_: step)
    again = count_again(codes, tmp, monkeypatch, memory)
    rows = step if memory is None else memory // 8 // 8
    assert 0 < again <= 100_000 // rows + 1
    assert not list(tmp.iterdir())


def test_partitions_on_disk_decide_how_many_there_are(tmp_path):
    """Begun with much memory and few partitions, and gone on with little, and the reverse."""
    values = np.random.default_rng(2).integers(0, 2**40, 60_000).astype(np.uint64)
    for first, then in ((1 << 21, LEAST_MEMORY), (LEAST_MEMORY, 1 << 21)):
        begun = Spill(keys_of(64), memory=first, tmp=tmp_path, n=60_000, fingerprint="x")
        begun.add(values[:1000])
        begun._files.close()
        _, _, (_, lock, _), _ = begun._folder.close.detach()
        os.close(lock)  # as the system does when a process is killed
        with Spill(keys_of(64), memory=then, tmp=tmp_path, n=60_000, fingerprint="x") as spilled:
            assert (spilled.bits, spilled.done) == (begun.bits, 1000)
            for start in range(1000, 60_000, 1000):
                spilled.add(values[start : start + 1000])
            found = spill.Sizes()
            spilled.count(found)
        assert sizes(found.counts()) == truth(values.tolist())
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bits", [18, 40])
def test_what_is_left_is_removed_where_memory_is_enough_now(tmp_path, tmp, monkeypatch, bits):
    path = tmp_path / "codes.npy"
    np.save(path, np.random.default_rng(5).integers(0, 2**bits, 300_000))
    assert child(path, tmp, "read codes", signal.SIGKILL).returncode == -signal.SIGKILL
    (folder,) = tmp.iterdir()
    (tmp / f"{folder.name}-1").mkdir()  # of a second process, which was killed as well
    assert count_again(path, tmp, monkeypatch, memory=1 << 30) == 0
    assert not list(tmp.iterdir())


def test_columns_of_one_file_are_not_taken_for_each_other(tmp_path, tmp, monkeypatch):
    path = tmp_path / "t.parquet"
    rng = np.random.default_rng(5)
    pq.write_table(pa.table({c: rng.integers(0, 2**40, 200_000) for c in "ab"}), path)
    script = COUNT.replace("Path(sys.argv[1])", "Path(sys.argv[1]), columns=['a']")
    child(path, tmp, "read codes", signal.SIGKILL, script)
    (left,) = tmp.iterdir()
    found = count_classes(open_codes(path, columns=["b"]), memory=1 << 19, tmp=tmp)
    assert sizes(found) == truth(pq.read_table(path)["b"].to_pylist())
    assert list(tmp.iterdir()) == [left]


def test_killed_while_partitions_are_counted(codes, tmp, monkeypatch):
    assert child(codes, tmp, "count partitions", signal.SIGKILL).returncode == -signal.SIGKILL
    assert count_again(codes, tmp, monkeypatch) == 0
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("change", ["restart", "shorter part", "no journal", "other file"])
def test_what_cannot_be_trusted_is_not_taken_up(codes, tmp, monkeypatch, change):
    child(codes, tmp, "read codes", signal.SIGKILL)
    (folder,) = tmp.iterdir()
    journal = folder / "journal"
    if change == "restart":
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        journal.write_text("".join(json.dumps({**x, "boot": "before"}) + "\n" for x in lines))
    elif change == "shorter part":
        os.truncate(folder / "part-0003", 8)
    elif change == "no journal":
        journal.unlink()
    else:
        np.save(codes, (np.arange(200_000) // 2) << 20)
        os.utime(codes, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert count_again(codes, tmp, monkeypatch) == -(-200_000 // (2**19 // 8 // 8))
    assert not [f for f in tmp.iterdir() if f != folder]
    assert (change == "other file") == folder.exists()


@pytest.mark.parametrize("step", ["read codes", "count partitions"])
def test_interrupted(codes, tmp, step):
    done = child(codes, tmp, step, signal.SIGINT)
    assert done.returncode == 1
    assert done.stderr == (
        "interrupted while counting; everything written while counting has been removed\n"
    )
    assert not list(tmp.iterdir())


def test_the_command_says_what_ctrl_c_has_removed(codes, tmp):
    """Ctrl-C once the first partition is there, as a terminal sends it."""
    arguments = ["kanon", "--codes", str(codes), "--memory", "64KiB", "--tmp", str(tmp)]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING.format(arguments=arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.strip().splitlines()[-1] == (
        "privkit: interrupted while counting; everything written while counting has been removed; "
        "no run was written"
    )
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("where", ["file", "below a file"])
def test_a_tmp_that_is_no_folder(codes, tmp_path, where):
    (tmp_path / "file").write_bytes(b"")
    bad = tmp_path / "file" / ("sub" if where != "file" else "")
    for call in (
        lambda: count_classes(open_codes(codes), tmp=bad),
        lambda: Counter(64, tmp=bad),
        lambda: SpillFolder(bad, None),
    ):
        with pytest.raises(InputError, match=r"--tmp .*rule: a folder that you may write to"):
            call()


@pytest.mark.parametrize("bits", [10, 40])
def test_a_closed_counter_says_so(tmp_path, bits):
    with Counter(bits, memory=LEAST_MEMORY, tmp=tmp_path) as closed:
        closed.update(np.arange(1000))
    for call in (
        closed.counts,
        lambda: closed.update(np.arange(3)),
        lambda: closed.merge(Counter(bits)),
        lambda: Counter(bits).merge(closed),
    ):
        with pytest.raises(InputError, match="this counter is closed"):
            call()
    closed.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(codes, tmp, monkeypatch):
    monkeypatch.setattr(SpillFolder, "part", lambda *_: Path("/dev/full"))
    with pytest.raises(InputError, match=r"disk is full; everything written .* removed"):
        count_classes(open_codes(codes), memory=1 << 19, tmp=tmp)
    assert not list(tmp.iterdir())
    with Counter(64, memory=LEAST_MEMORY, tmp=tmp) as counter, pytest.raises(InputError):
        counter.update(np.arange(50_000))
    assert not list(tmp.iterdir())


def test_too_little_room_is_said_before(codes, tmp, monkeypatch):
    usage = type("usage", (), {"free": 10**6})
    monkeypatch.setattr(spill.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"18,377,216 bytes have to be free; found: 1,000,000"):
        count_classes(open_codes(codes), memory=1 << 19, tmp=tmp)
    assert not list(tmp.iterdir())


def test_two_live_processes_do_not_share_a_folder(codes, tmp, monkeypatch):
    child(codes, tmp, "read codes", signal.SIGKILL)
    (left,) = tmp.iterdir()
    other = SpillFolder(tmp, left.name.rsplit("-", 1)[1])  # as if it were still at work
    assert other.path == left
    written = sum(other.lengths) // 8
    assert written > 0
    assert count_again(codes, tmp, monkeypatch) == -(-200_000 // (2**19 // 8 // 8))
    assert list(tmp.iterdir()) == [left]
    other.close()
    assert not list(tmp.iterdir())


def test_old_folders_of_killed_runs_are_removed(tmp):
    names = {}
    for name in ("old", "new", "at work"):
        names[name] = tmp / f"privkit-count-{os.getuid()}-{name}"
    held = SpillFolder(tmp, "at work")
    for name in ("old", "new"):
        names[name].mkdir()
        (names[name] / "part-0000").write_bytes(b"1")
    (tmp / "privkit-count-999999-other").mkdir()
    long_ago = time.time() - 3 * 24 * 3600
    for name in ("old", "at work"):
        for path in (*names[name].iterdir(), names[name]):
            os.utime(path, (long_ago, long_ago))
    SpillFolder(tmp, None).close()
    assert {path.name.rsplit("-", 1)[1] for path in tmp.iterdir()} == {"new", "at work", "other"}
    held.close()


def test_a_name_that_somebody_else_holds_is_not_used(tmp, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    first = SpillFolder(tmp, "x")
    first.close()
    first.path.symlink_to(tmp_path / "elsewhere")
    second = SpillFolder(tmp, "x")
    second.note([0])
    assert (second.path / "journal").exists()
    assert second.path != first.path
    assert not list((tmp_path / "elsewhere").iterdir())
    second.close()
