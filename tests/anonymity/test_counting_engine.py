"""The compiled engine and the streaming counter agree with collections.Counter."""

from collections import Counter as Truth

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import count_classes
from privkit.anonymity.counting import plain, row_kernels, rows
from privkit.anonymity.counting.counter import Counter, count
from privkit.anonymity.counting.integers import Histogram
from privkit.errors import InputError
from privkit.features import Codes
from privkit.features.codes import integers_to_packed
from privkit.features.stored import Form, StoredCodes

many = settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
LEAST = 1 << 16


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(plain, "COMPILED_FROM", 1)
    monkeypatch.setattr("privkit.anonymity.counting.integers._COMPILED_HISTOGRAM_FROM", 1)


def sizes(found):
    return sorted(found.sizes.tolist())


def truth(records):
    return sorted(Truth(records).values())


def draw(seed, bits, most=200):
    """Draw codes that repeat, shape ``(m, bits)``, 0 or 1."""
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2, (int(rng.integers(1, most)), bits), dtype=np.uint8)
    if seed % 3 == 0:  # long equal beginnings and ends, as real codes have
        pool[:, : bits // 2] = 0
    return pool[rng.integers(0, len(pool), int(rng.integers(1, most)))]


def stored(values, form, bits):
    return StoredCodes("test", form, "", len(values), bits, (values,))


@many
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 300))
def test_compiled_counts(compiled, seed, bits):
    matrix = draw(seed, bits)
    expected = truth(map(bytes, matrix))
    codes = Codes.from_matrix(matrix)
    assert sizes(count_classes(codes)) == expected
    assert sizes(count_classes(stored(matrix, Form.BITS, bits))) == expected
    assert sizes(count_classes(stored(matrix * np.int8(2) - 1, Form.SIGNS, bits))) == expected
    if bits <= 64:
        values = codes.to_integers()
        for dtype in ("u1", "u2", "u4", "u8", "i8", ">u4", ">u8"):
            if bits <= 8 * np.dtype(dtype).itemsize - (dtype == "i8"):
                integers = stored(values.astype(dtype), Form.INTEGERS, bits if seed % 2 else None)
                assert sizes(count_classes(integers)) == expected


@many
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 300), way=st.integers(0, 2))
def test_counter_takes_every_form_in_turn(seed, bits, way):
    matrix = draw(seed, bits)
    codes = Codes.from_matrix(matrix)
    forms = [matrix, codes.packed, codes, codes.to_integers() if bits <= 64 else matrix]
    if bits == 1:  # two columns of bytes that mean the same: both are understood
        forms.append(codes.packed)
    one, other = Counter(bits), Counter(bits)
    step = 1 + seed % 50
    for number, start in enumerate(range(0, len(matrix), step)):
        chunk = forms[(number + way) % len(forms)]
        rows = slice(start, start + step)
        part = Codes(chunk.packed[rows], bits) if isinstance(chunk, Codes) else chunk[rows]
        (one if number % 3 else other).update(part)
    one.merge(other)
    one.update(matrix[:0])
    assert one.n == len(matrix)
    assert sizes(one.counts()) == truth(map(bytes, matrix))
    one.update(matrix)  # counting does not end the counter
    assert sizes(one.counts()) == [2 * size for size in truth(map(bytes, matrix))]


def test_large_integers_in_codes_of_more_bits():
    values = np.array([1, 2**63, 1, 0], dtype=np.uint64)
    counter = Counter(100)
    counter.update(values)
    counter.update(integers_to_packed(values, 100))
    assert sizes(counter.counts()) == [2, 2, 4]


def test_a_chunk_may_be_used_again():
    for chunk in (np.arange(5, dtype=np.uint32), np.zeros((5, 16), np.uint8)):
        counter = Counter(32 if chunk.ndim == 1 else 128)
        counter.update(chunk)
        chunk[:] = 1
        counter.update(chunk)
        assert sum(sizes(counter.counts())) == 10
        assert sizes(counter.counts())[-1] != 10


@pytest.mark.parametrize("bits", [8, 10, 16, 20, 24])
def test_histograms_of_narrow_and_wide_types(compiled, bits):
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 1 << bits, 70_001)
    values[:3000] = 5
    for dtype in ("u1", "u2", "u4", "u8"):
        if bits <= 8 * np.dtype(dtype).itemsize:
            for offset in range(2):  # the second one is not aligned to a word
                part = values.astype(dtype)[offset:]
                found = count_classes(stored(part, Form.INTEGERS, bits))
                assert sizes(found) == truth(values[offset:].tolist())


def test_a_histogram_finds_codes_that_do_not_fit():
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        for place in range(9):
            values = np.zeros(9, dtype=dtype)
            values[place] = 1 << 7
            for compiled in (False, True):
                with pytest.raises(InputError, match="above the 7 bits"):
                    Histogram(7).add(values, compiled=compiled)


def test_skew(compiled):
    """Half the records equal, the other half all different; and classes of every size."""
    rng = np.random.default_rng(0)
    many_different = rng.integers(0, 2**63, 200_000, dtype=np.uint64)
    many_different[::2] = 7
    assert sizes(count(many_different)) == truth(many_different.tolist())
    every = np.repeat(np.arange(500, dtype=np.uint32), np.arange(1, 501) * 20)
    rng.shuffle(every)
    assert sizes(count(every)) == truth(every.tolist())
    wide = np.stack([every.astype(np.uint64)] * 3, axis=1).view(np.uint8)
    assert sizes(count(wide, bits=192)) == truth(every.tolist())


def test_integers_whose_hashes_crowd_together(compiled):
    """Made by inverting the mixing, so that all fall onto neighbouring slots of one part."""
    hashed = np.arange(5000, dtype=np.uint64)
    values = unmix64(hashed)
    assert sizes(count(np.repeat(values, 3), bits=64)) == [3] * 5000


def unmix64(x):
    with np.errstate(over="ignore"):
        for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
            x = x ^ (x >> np.uint64(33))
            x = x * np.uint64(pow(factor, -1, 1 << 64))
        return x ^ (x >> np.uint64(33))


@pytest.mark.parametrize("bits", [65, 128, 130, 300, 4096])
def test_rows_of_equal_hash(compiled, monkeypatch, bits):
    monkeypatch.setattr(rows, "hash_factors", lambda words: np.zeros(words, np.uint64))
    matrix = np.concatenate([draw(3, bits, 300), draw(4, bits, 300)])
    found = count_classes(Codes.from_matrix(matrix))
    assert sizes(found) == truth(map(bytes, matrix))


def test_rows_that_differ_in_one_bit(compiled):
    matrix = np.eye(300, dtype=np.uint8)
    assert sizes(count(np.repeat(matrix, 2, axis=0))) == [2] * 300


def test_a_row_table_says_when_it_is_full():
    table = np.zeros(64, np.uint64)
    block = np.arange(20, dtype=np.uint64).reshape(10, 2)
    block.flags.writeable = False
    factors = rows.hash_factors(2)
    kept, counted = np.zeros((9, 2), np.uint64), np.zeros(9, np.int64)
    full = row_kernels.tally_rows(block, factors, table, kept, counted, 0)
    assert full == row_kernels.OVERFULL


def test_a_file_that_changes_is_noticed(compiled, monkeypatch):
    """Between the first and the second reading; without a write beyond the end."""
    from privkit.anonymity.counting import kernels

    values = np.arange(1000, dtype=np.uint32)
    plain_scatter = kernels.scatter

    def changed(keys, *rest):
        plain_scatter(np.zeros_like(keys), *rest)

    monkeypatch.setattr("privkit.anonymity.counting.keys._IN_CACHE", 64)
    monkeypatch.setattr(kernels, "scatter", changed)
    with pytest.raises(InputError, match="changed while they were counted"):
        count(values)


@pytest.mark.parametrize(
    ("chunk", "bits"),
    [
        (np.array([1024]), 10),
        (np.array([-1]), 10),
        (np.array([0.5]), 10),
        (np.array(5), 10),
        (np.zeros((3, 9), np.uint8), 10),
        (np.full((3, 10), 2, np.uint8), 10),
        (np.full((3, 2), 255, np.uint8), 10),
        (Codes.from_integers([1], 9), 10),
        (["a"], 10),
    ],
)
def test_what_is_no_code_is_refused(chunk, bits):
    with pytest.raises(InputError):
        Counter(bits).update(chunk)


def test_refusals():
    with pytest.raises(InputError, match="no codes"):
        Counter(5).counts()
    with pytest.raises(InputError, match="too little memory"):
        Counter(5, memory=1000)
    with pytest.raises(InputError, match="cannot be merged"):
        Counter(5).merge(Counter(6))
    same = Counter(5)
    with pytest.raises(InputError, match="the same counter"):
        same.merge(same)
    with pytest.raises(InputError, match="contradicts"):
        count(Codes.from_integers([1], 9), bits=10)


def test_bits_by_default():
    assert sizes(count(np.array([[0, 1], [1, 1], [0, 1]]))) == [1, 2]
    assert sizes(count(np.array([3, 3, 2**62]))) == [1, 2]
    assert sizes(count(Codes.from_integers([3, 3, 1], 9))) == [1, 2]


@pytest.mark.parametrize(
    "values", [[2**64 - 1, 1], [2**63, 2**63], (2**64 - 1, 2**63, 5, 5), [0], [3, 3, 4]]
)
def test_lists_of_whole_numbers_below_2_to_the_64(values):
    """Of some of them numpy makes floats, in which neighbours are equal."""
    assert sorted(count(values).sizes) == sorted(Truth(values).values())
    counter = Counter(64)
    counter.update(values)
    assert sorted(counter.counts().sizes) == sorted(Truth(values).values())


@pytest.mark.parametrize("values", [[2**64, 1], [-1, 2], [2**64 - 1, -1], [1.5, 2], ["a"], [None]])
def test_lists_of_anything_else(values):
    with pytest.raises(InputError, match="not codes of"):
        count(values)


def test_an_empty_list():
    with pytest.raises(InputError, match="there are no codes"):
        count([])
