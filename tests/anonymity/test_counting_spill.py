"""Counting with less memory than the codes take: right, bounded, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter as Truth
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import count_classes
from privkit.anonymity.counting import rows, spill
from privkit.anonymity.counting.counter import Counter
from privkit.anonymity.counting.folder import SpillFolder
from privkit.anonymity.counting.integers import Integers
from privkit.anonymity.counting.source import LEAST_MEMORY, keys_of
from privkit.anonymity.counting.spill import Spill
from privkit.errors import InputError
from privkit.features import Codes, open_codes

some = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def sizes(found):
    return sorted(found.sizes.tolist())


def truth(records):
    return sorted(Truth(records).values())


def rows_of(seed, bits, n, different):
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2, (different, bits), dtype=np.uint8)
    return pool[rng.integers(0, different, n)]


@pytest.fixture
def splits(monkeypatch):
    """Record at which levels partitions are divided."""
    levels = []
    plain = Spill._append

    def append(self, block, level, *rest):
        levels.append(level)
        plain(self, block, level, *rest)

    monkeypatch.setattr(Spill, "_append", append)
    return levels


@some
@given(seed=st.integers(0, 2**32), bits=st.integers(17, 300), n=st.integers(3000, 9000))
def test_everything_spills(tmp_path, splits, seed, bits, n):
    splits.clear()
    matrix = rows_of(seed, bits, n, different=1 + seed % n)
    found = count_classes(Codes.from_matrix(matrix), memory=LEAST_MEMORY, tmp=tmp_path)
    assert sizes(found) == truth(map(bytes, matrix))
    assert splits
    assert not list(tmp_path.iterdir())


@some
@given(seed=st.integers(0, 2**32), bits=st.integers(17, 300))
def test_counters_that_spill(tmp_path, seed, bits):
    matrix = rows_of(seed, bits, 6000, different=1 + seed % 6000)
    with (
        Counter(bits, memory=LEAST_MEMORY, tmp=tmp_path) as one,
        Counter(bits, memory=LEAST_MEMORY, tmp=tmp_path) as other,
    ):
        for start in range(0, 4000, 700):
            one.update(matrix[start : min(4000, start + 700)])
        other.update(matrix[4000:])
        one.merge(other)
        assert sizes(one.counts()) == truth(map(bytes, matrix))
        assert list(tmp_path.iterdir())
        one.update(matrix[:100])
        assert sizes(one.counts()) == truth(map(bytes, [*matrix, *matrix[:100]]))
        assert sizes(other.counts()) == truth(map(bytes, matrix[4000:]))
    assert not list(tmp_path.iterdir())


def test_a_forgotten_counter_leaves_nothing(tmp_path):
    counter = Counter(32, memory=LEAST_MEMORY, tmp=tmp_path)
    counter.update(np.arange(30_000))
    assert list(tmp_path.iterdir())
    del counter
    assert not list(tmp_path.iterdir())


def test_one_row_at_a_time(tmp_path):
    with Counter(64, memory=LEAST_MEMORY, tmp=tmp_path) as counter:
        for value in range(3000):
            counter.update(np.array([value // 2]))
        assert sizes(counter.counts()) == [2] * 1500


def test_partitions_are_divided_again(tmp_path, splits):
    values = np.random.default_rng(0).integers(0, 2**62, 40_000, dtype=np.uint64)
    with Counter(64, memory=LEAST_MEMORY, tmp=tmp_path) as counter:
        counter.update(values)
        assert sizes(counter.counts()) == [1] * 40_000
        assert max(splits) >= 1


@pytest.mark.parametrize("bits", [20, 64, 130])
def test_equal_codes_are_divided_once(tmp_path, splits, bits):
    matrix = np.ones((50_000, bits), np.uint8)
    found = count_classes(Codes.from_matrix(matrix), memory=LEAST_MEMORY, tmp=tmp_path)
    assert sizes(found) == [50_000]
    assert set(splits) == {0}


@pytest.mark.parametrize("few_equal", [1, 400])
def test_rows_of_equal_hash_end_by_their_words(tmp_path, monkeypatch, splits, few_equal):
    monkeypatch.setattr(rows, "hash_factors", lambda words: np.zeros(words, np.uint64))
    matrix = np.repeat(rows_of(1, 128, 4000 // few_equal, 4000), few_equal, axis=0)
    found = count_classes(Codes.from_matrix(matrix), memory=LEAST_MEMORY, tmp=tmp_path)
    assert sizes(found) == truth(map(bytes, matrix))


def test_all_bits_used_up(tmp_path, monkeypatch):
    """A partition that never fits ends when its keys can only be equal."""
    monkeypatch.setattr(Integers, "tally", lambda *_: None)
    values = np.repeat(np.arange(3, dtype=np.uint32), 40_000)
    with Spill(keys_of(32), memory=LEAST_MEMORY, tmp=tmp_path) as spilled:
        found = spill.Sizes()
        for start in range(0, len(values), 1000):
            spilled.add(values[start : start + 1000])
        spilled.count(found)
    assert sizes(found.counts()) == [40_000] * 3
    assert not list(tmp_path.iterdir())


# A process that is killed, interrupted or has no room.

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


def child(codes, tmp, step, number):
    return subprocess.run(
        [sys.executable, "-c", COUNT, codes, tmp, step, str(int(number))],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def count_again(codes, tmp, monkeypatch):
    """Count in this process; returns how many blocks were divided anew."""
    added = []
    plain = Spill.add
    monkeypatch.setattr(Spill, "add", lambda self, b: (added.append(len(b)), plain(self, b)))
    found = count_classes(open_codes(codes), memory=1 << 19, tmp=tmp)
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
    assert done.stderr.startswith("interrupted while counting")
    assert done.stderr.endswith("has been removed\n")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp.iterdir())


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
    assert other.blocks > 0
    assert count_again(codes, tmp, monkeypatch) > other.blocks
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
    second.note(1, [0])
    assert (second.path / "journal").exists()
    assert second.path != first.path
    assert not list((tmp_path / "elsewhere").iterdir())
    second.close()


def test_memory_stays_below_the_limit(tmp_path):
    """The arrays that are alive at a time; numpy reports them to tracemalloc."""
    import tracemalloc

    values = np.random.default_rng(0).integers(0, 2**62, 1_500_000, dtype=np.uint64)
    np.save(tmp_path / "c.npy", values)
    stored = open_codes(tmp_path / "c.npy")
    limit = 4 << 20  # a third of the codes
    count_classes(stored, memory=limit, tmp=tmp_path)  # compiled before it is measured
    tracemalloc.start()
    count_classes(stored, memory=limit, tmp=tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit + (2 << 20)
