"""Prefix counts agree with slicing strings, at every length, in records and in people."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import trie as trie_module
from privkit.anonymity.prefixes import prefix_counts
from privkit.anonymity.prefixes_part import prefixes_part
from privkit.anonymity.trie import build_trie, sort_codes
from privkit.errors import InputError
from privkit.features import Codes, open_codes
from privkit.features.stored import StoredCodes
from privkit.report.prefixes import draw_prefixes

THRESHOLDS = (1, 2, 3, 5, 1000)


def quick(cases):
    return settings(
        max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def draw(seed, most_bits, most=40):
    """Draw a bit matrix with repeats and near-repeats, and the persons of its rows."""
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, most_bits + 1)), int(rng.integers(1, most))
    pool = rng.integers(0, 2, (int(rng.integers(1, 12)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), n)]
    matrix ^= rng.random(matrix.shape) < rng.choice([0, 0.02, 0.2])
    if rng.random() < 0.2:
        matrix[:, : bits // 2] = 0  # one long common prefix
    persons = np.unique(rng.integers(0, rng.integers(1, n + 1), n), return_inverse=True)[1]
    return matrix, persons


def texts(matrix):
    return ["".join(map(str, row)) for row in matrix.tolist()]


def brute_records(codes, length):
    sizes = list(Counter(code[:length] for code in codes).values())
    n = len(codes)
    return (
        len(sizes),
        min(sizes),
        sizes.count(1),
        [sum(s for s in sizes if s < k) for k in THRESHOLDS],
        -sum(s / n * math.log2(s / n) for s in sizes),
    )


def brute_people(codes, persons, length):
    classes = defaultdict(set)
    for code, person in zip(codes, persons, strict=True):
        classes[code[:length]].add(person)
    ks = defaultdict(list)
    for code, person in zip(codes, persons, strict=True):
        ks[person].append(len(classes[code[:length]]))
    smallest = [min(of_person) for of_person in ks.values()]
    return min(smallest), [sum(k < limit for k in smallest) for limit in THRESHOLDS]


@quick(800)
@given(seed=st.integers(0, 2**32))
def test_narrow_codes(seed):
    check(*draw(seed, 64))


@quick(400)
@given(seed=st.integers(0, 2**32))
def test_codes_of_up_to_300_bits(seed):
    check(*draw(seed, 300))


def check(matrix, persons):
    codes, stored = texts(matrix), Codes.from_matrix(matrix)
    alone = prefix_counts(stored, thresholds=THRESHOLDS)
    both = prefix_counts(stored, thresholds=THRESHOLDS, persons=persons)
    assert alone.people is None
    assert both.people.n == len(set(persons.tolist()))
    assert alone.k.shape == (matrix.shape[1] + 1,)
    for length in range(matrix.shape[1] + 1):
        *counts, entropy = brute_records(codes, length)
        for found in (alone, both):
            assert [
                found.classes[length],
                found.k[length],
                found.uniques[length],
                found.below[:, length].tolist(),
            ] == counts
            assert found.entropy[length] == pytest.approx(entropy, abs=1e-9)
        assert (
            both.people.k[length],
            both.people.below[:, length].tolist(),
        ) == brute_people(codes, persons, length)


@quick(300)
@given(seed=st.integers(0, 2**32))
def test_fewer_bits_never_raise_risk(seed):
    matrix, persons = draw(seed, 100)
    found = prefix_counts(Codes.from_matrix(matrix), thresholds=(2, 4), persons=persons)
    for never_rises in (found.k, found.people.k):
        assert (np.diff(never_rises) <= 0).all()
    for never_falls in (found.classes, found.uniques, *found.below, *found.people.below):
        assert (np.diff(never_falls) >= 0).all()
    assert (np.diff(found.entropy) >= -1e-9).all()
    assert (found.people.k <= found.k).all()
    for k in (1, 2, 3, 10):
        for source in (found, found.people):
            longest = source.longest(k)
            if longest is None:
                assert source.n < k
            else:
                assert source.k[longest] >= k
                assert longest == found.bits or source.k[longest + 1] < k


@quick(300)
@given(seed=st.integers(0, 2**32))
def test_histogram_and_sorting_agree(seed):
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(1, 17))
    values = rng.integers(0, 1 << bits, int(rng.integers(1, 200)))
    codes = Codes.from_integers(values, bits)
    counted, ordered = build_trie(codes), sort_codes(codes)
    assert (counted.shared == ordered.trie.shared).all()
    assert (counted.bounds == ordered.trie.bounds).all()
    assert (values[ordered.order] == np.sort(values)).all()


@pytest.mark.parametrize("bits", [40, 64, 65, 128, 200])
def test_wide_rows_are_sorted_by_all_their_words(bits):
    rng = np.random.default_rng(bits)
    matrix = rng.integers(0, 2, (3000, bits), dtype=np.uint8)
    matrix[:, : bits - 9] = matrix[rng.integers(0, 3, 3000), : bits - 9]
    order = sort_codes(Codes.from_matrix(matrix)).order
    assert sorted(order.tolist()) == list(range(3000))
    ordered = texts(matrix[order])
    assert ordered == sorted(ordered)


def test_blocks_of_any_size_give_the_same_nodes():
    matrix = np.random.default_rng(5).integers(0, 2, (200, 6), dtype=np.uint8)
    trie = sort_codes(Codes.from_matrix(matrix)).trie
    whole = [np.column_stack([n.start, n.end, n.own, n.parent]) for n in trie.nodes()]
    parts = [np.column_stack([n.start, n.end, n.own, n.parent]) for n in trie.nodes(block=1)]
    assert len(parts) > 1
    assert (np.concatenate(whole) == np.concatenate(parts)).all()


def test_uniform_codes_halve_with_each_bit():
    found = prefix_counts(Codes.from_integers(np.arange(1 << 12), 12), thresholds=(2,))
    assert found.k.tolist() == [1 << (12 - length) for length in range(13)]
    assert found.entropy == pytest.approx(np.arange(13.0))
    assert found.longest(16) == 8
    assert found.longest(4096) == 0
    assert found.longest(4097) is None


def test_codes_of_4096_bits():
    matrix = np.zeros((5, 4096), dtype=np.uint8)
    matrix[0, 4095] = 1
    found = prefix_counts(Codes.from_matrix(matrix), persons=np.array([0, 1, 1, 2, 2]))
    assert found.k[-2:].tolist() == [5, 1]
    assert found.people.k[-2:].tolist() == [3, 1]
    assert found.longest(5) == 4095


def test_stored_integers(tmp_path):
    values = np.random.default_rng(1).integers(0, 1000, 500).astype(np.uint16)
    np.save(tmp_path / "codes.npy", values)
    found = prefix_counts(open_codes(tmp_path / "codes.npy", bits=10))
    assert found.classes[10] == len(set(values.tolist()))
    assert found.classes[3] == len(set((values >> 7).tolist()))


def test_bad_input(tmp_path):
    codes = Codes.from_integers([0, 1, 2], 2)
    for persons in ([0, 1], [0, 1, -1], [0.0, 1.0, 2.0], [0, 1, 3]):
        with pytest.raises(InputError, match=r"persons?"):
            prefix_counts(codes, persons=np.array(persons))
    for threshold in (0, -1, 2.0, True):
        with pytest.raises(InputError, match="threshold"):
            prefix_counts(codes, thresholds=(threshold,))
    np.save(tmp_path / "codes.npy", np.arange(3, dtype=np.uint16))
    with pytest.raises(InputError, match="number of bits"):
        prefix_counts(open_codes(tmp_path / "codes.npy"))


def test_part_says_a_sentence_beside_each_number(tmp_path):
    matrix, persons = draw(11, 200, most=200)
    found = prefix_counts(Codes.from_matrix(matrix), persons=persons)
    for one in (found, prefix_counts(StoredCodes.from_codes(Codes.from_matrix(matrix)))):
        part = prefixes_part(one)
        for table in part.tables:
            assert table.columns[-1] == "what it means"
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert all(row[-1].endswith(".") for row in table.rows)
        names = {m.name for m in part.measures}
        assert {"k of prefixes", "longest prefix that keeps k"} <= names
        assert draw_prefixes(tmp_path, one)[0].path.stat().st_size > 10_000
    last = [m for m in prefixes_part(found).measures if m.name == "k of prefixes in people"][-1]
    assert last.value == found.people.k[-1]


def test_lengths_of_their_own_stand_beside_the_uniform_one():
    """Three pairs and a triple that part at the first bit; a length each keeps all of theirs."""
    codes = Codes.from_integers(np.array([0, 0, 1, 1, 14, 14, 14, 15]), 4)
    found = prefix_counts(codes, thresholds=(2, 3, 9), own=(2, 3, 9))
    assert [(own.k, own.bits, own.left_out) for own in found.own] == [
        (2, 4.0, 1),
        (3, (4 * 3 + 3 * 4) / 7, 1),
        (9, None, 8),
    ]
    table = prefixes_part(found).tables[0]
    assert table.columns[2:4] == ["mean bits, a length each", "records left out"]
    assert [row[1:4] for row in table.rows] == [
        ["3", "4.00", "1 (12.5%)"],
        ["3", "3.43", "1 (12.5%)"],
        ["–", "–", "8 (100%)"],
    ]
    kept = [m for m in prefixes_part(found).measures if m.name == "bits kept at own lengths"]
    assert [m.value for m in kept] == [4.0, 24 / 7, None]


def test_narrow_codes_are_not_read_into_memory(monkeypatch):
    monkeypatch.setattr(trie_module, "_integers", None)
    monkeypatch.setattr(trie_module, "_words", None)
    assert prefix_counts(Codes.from_integers(np.arange(1024), 10)).classes[-1] == 1024
