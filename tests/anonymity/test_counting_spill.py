"""Counting with less memory than the codes take: right, bounded, and nothing left behind."""

from collections import Counter as Truth

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import count_classes
from privkit.anonymity.counting import rows, spill
from privkit.anonymity.counting.counter import Counter
from privkit.anonymity.counting.integers import Integers
from privkit.anonymity.counting.source import LEAST_MEMORY, keys_of
from privkit.anonymity.counting.spill import Spill
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
