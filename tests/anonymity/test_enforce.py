"""Enforced outputs are counted again by brute force, in records and in people."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity import enforced_file
from privkit.anonymity.enforce import METHODS, enforce
from privkit.anonymity.enforce_part import enforce_part
from privkit.anonymity.enforced_file import rows_path, write_enforced
from privkit.anonymity.truncation import decode_prefixes
from privkit.errors import InputError
from privkit.features import Codes, open_codes

seeds = st.integers(0, 2**32)


def quick(cases):
    return settings(
        max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def draw(seed, most_bits=300, most=60):
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, most_bits + 1)), int(rng.integers(1, most))
    pool = rng.integers(0, 2, (int(rng.integers(1, 12)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), n)]
    matrix ^= rng.random(matrix.shape) < rng.choice([0, 0.02, 0.2])
    persons = np.unique(rng.integers(0, rng.integers(1, n + 1), n), return_inverse=True)[1]
    return matrix, (persons if rng.random() < 0.5 else None), int(rng.integers(1, 6))


def classes_of(matrix, who):
    classes = defaultdict(set)
    for row, one in zip(matrix.tolist(), who, strict=True):
        classes[tuple(row)].add(one)
    return classes


def longest_brute(matrix, who, k):
    lengths = range(matrix.shape[1] + 1)
    enough = [min(map(len, classes_of(matrix[:, :n], who).values())) >= k for n in lengths]
    return max((n for n in lengths if enough[n]), default=0)


@pytest.mark.parametrize("method", METHODS)
@quick(350)
@given(seed=seeds)
def test_every_output_holds_k(method, seed):
    matrix, persons, k = draw(seed)
    who = np.arange(len(matrix)) if persons is None else persons
    try:
        found = enforce(Codes.from_matrix(matrix), k, method, persons=persons)
    except InputError:
        whole = classes_of(matrix, who)
        if method == "suppress":
            assert max(map(len, whole.values())) < k
        else:
            assert longest_brute(matrix, who, k) == 0
        return
    output = found.codes.to_matrix()
    assert min(map(len, classes_of(output, who[found.rows]).values())) >= k
    assert found.suppressed == len(matrix) - len(found.rows)
    assert (np.diff(found.rows) > 0).all()
    if persons is not None:
        assert found.people == len(set(persons.tolist()))
        assert found.people_kept == len(set(persons[found.rows].tolist()))
    check_method[method](matrix, who, k, found, output)


def check_truncate(matrix, who, k, found, output):
    length = longest_brute(matrix, who, k)
    assert not found.suppressed
    assert (found.lengths == length).all()
    assert (output == matrix[:, :length]).all()


def check_each(matrix, who, k, found, output):
    prefixes, lengths = decode_prefixes(found.codes)
    assert (lengths == found.lengths).all()
    for row, length, prefix in zip(found.rows, lengths, prefixes.to_matrix(), strict=True):
        assert (prefix[:length] == matrix[row, :length]).all()
    left = np.setdiff1d(np.arange(len(matrix)), found.rows)
    assert len(set(who[left].tolist())) < k  # else they could be stored together at the root
    # Uniform truncation is one of its choices, so it may not keep fewer bits.
    assert found.lengths.sum() >= longest_brute(matrix, who, k) * len(found.rows)


def check_suppress(matrix, who, k, found, output):
    whole = classes_of(matrix, who)
    kept = [row for row, code in enumerate(matrix.tolist()) if len(whole[tuple(code)]) >= k]
    assert found.rows.tolist() == kept
    assert (output == matrix[kept]).all()


check_method = {
    "truncate": check_truncate,
    "truncate-each": check_each,
    "suppress": check_suppress,
}


@quick(150)
@given(seed=seeds)
def test_records_stored_short_are_a_class_of_their_own(seed):
    """The longest prefix shared by k in the *input* would leave smaller classes: not done."""
    matrix, _, _ = draw(seed, 20)
    try:
        found = enforce(Codes.from_matrix(matrix), 2, "truncate-each")
    except InputError:
        return
    stored = [
        (length, tuple(matrix[row, :length].tolist()))
        for row, length in zip(found.rows, found.lengths.tolist(), strict=True)
    ]
    assert min(stored.count(one) for one in stored) >= 2


def test_the_trap():
    """Codes 00, 00, 01: the third would be stored as '0', shared by all three, and be alone."""
    codes = Codes.from_integers([0, 0, 1, 3], 2)
    found = enforce(codes, 2, "truncate-each")
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.lengths.tolist() == [2, 2, 0, 0]
    assert enforce(codes, 3, "truncate-each").lengths.tolist() == [1, 1, 1]


@quick(200)
@given(seed=seeds)
def test_greedy_keeps_what_the_best_choice_keeps_almost(seed):
    """Never more than the optimum by dynamic programming, and at least 70% of its bits."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 2, (int(rng.integers(2, 30)), 8), dtype=np.uint8)
    k = int(rng.integers(1, 5))
    best = optimum(["".join(map(str, row)) for row in matrix.tolist()], k)
    try:
        kept = int(enforce(Codes.from_matrix(matrix), k, "truncate-each").lengths.sum())
    except InputError:
        kept = 0
    assert 0.7 * best <= kept <= best


def optimum(codes, k):
    """The most bits that can be kept: for each node, the best for every number passed up."""

    def solve(group, depth):
        if len(set(group)) == 1:
            own, passed = len(group[0]), {len(group): 0}
        else:
            own, passed = depth, {}
            while len({code[own] for code in group}) == 1:
                own += 1
            sides = [solve([c for c in group if c[own] == side], own + 1) for side in "01"]
            for i, x in sides[0].items():
                for j, y in sides[1].items():
                    passed[i + j] = max(passed.get(i + j, 0), x + y)
        best = dict(passed)
        for j, kept in passed.items():
            for i in range(j - k + 1):
                best[i] = max(best.get(i, 0), kept + (j - i) * own)
        return best

    return max(solve(codes, 0).values())


@pytest.mark.parametrize("method", METHODS)
@quick(100)
@given(seed=seeds)
def test_enforcing_twice_changes_nothing(method, seed):
    matrix, persons, k = draw(seed, 100)
    try:
        once = enforce(Codes.from_matrix(matrix), k, method, persons=persons)
    except InputError:
        return
    dense = None
    if persons is not None:
        dense = np.unique(once.persons, return_inverse=True)[1]
    for again in METHODS:
        twice = enforce(once.codes, k, again, persons=dense)
        assert not twice.suppressed
        assert (twice.lengths == once.codes.bits).all()


def test_one_person_with_many_records_is_one_person():
    codes = Codes.from_integers([0] * 10 + [4, 5], 3)
    persons = np.array([0] * 10 + [1, 2])
    with pytest.raises(InputError, match="no record can be kept"):
        enforce(codes, 2, "suppress", persons=persons)
    found = enforce(codes, 2, "truncate-each", persons=persons)
    assert (found.rows.tolist(), found.people_kept) == ([10, 11], 2)
    assert found.lengths.tolist() == [2, 2]
    with pytest.raises(InputError, match="0 bits"):
        enforce(codes, 2, "truncate", persons=persons)


@pytest.mark.parametrize("method", METHODS)
def test_fewer_records_than_k_are_told_no_other_method(method):
    with pytest.raises(InputError, match=r"rule: there are at least 5 records.*smaller k$"):
        enforce(Codes.from_integers([1, 1, 1], 3), 5, method)


def test_who_suppresses_is_told_to_truncate():
    with pytest.raises(InputError, match="truncate instead of suppressing"):
        enforce(Codes.from_integers([0, 1, 2, 3], 2), 2, "suppress")


@pytest.mark.parametrize(
    ("bits", "dtype"), [(7, "u1"), (8, "u1"), (9, "u2"), (31, "u4"), (33, "u8"), (64, "u8")]
)
def test_written_as_the_smallest_integers(tmp_path, bits, dtype):
    codes = Codes.from_integers([(1 << bits) - 1, (1 << bits) - 1, 1], bits)
    file = tmp_path / "safe.npy"
    found = enforce(codes, 2, "suppress")
    verified = write_enforced(file, found)
    assert np.load(file).dtype == dtype
    assert np.load(file).tolist() == [(1 << bits) - 1] * 2
    assert np.load(rows_path(file)).tolist() == [0, 1]
    assert verified.k == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["safe.npy", "safe.rows.npy"]


def test_wide_codes_are_written_packed(tmp_path):
    matrix = np.repeat(np.random.default_rng(0).integers(0, 2, (4, 100), dtype=np.uint8), 3, axis=0)
    file = tmp_path / "safe.npy"
    persons = np.tile([0, 1, 1], 4)
    verified = write_enforced(
        file, enforce(Codes.from_matrix(matrix), 2, "truncate-each", persons=persons)
    )
    assert (verified.k, verified.records.sizes.tolist()) == (2, [3, 3, 3, 3])
    stored = open_codes(file, bits=101)
    assert (decode_prefixes(stored.to_codes())[0].to_matrix() == matrix).all()
    assert not rows_path(file).exists()


def test_nothing_is_overwritten_and_nothing_is_left_behind(tmp_path, monkeypatch):
    found = enforce(Codes.from_integers([1, 1, 2], 2), 2, "suppress")
    for taken in ("safe.npy", "safe.rows.npy"):
        (tmp_path / taken).write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            write_enforced(tmp_path / "safe.npy", found)
        assert (tmp_path / taken).read_text() == "mine"
        (tmp_path / taken).unlink()
    with pytest.raises(InputError, match=r"\.npy"):
        write_enforced(tmp_path / "safe.csv", found)
    wrong = Codes.from_integers([1, 2], 2)
    monkeypatch.setattr(enforced_file, "_as_array", lambda _: wrong.to_integers())
    with pytest.raises(RuntimeError, match="k = 1"):
        write_enforced(tmp_path / "safe.npy", found)
    assert list(tmp_path.iterdir()) == []


def test_bad_input():
    codes = Codes.from_integers([1, 1, 2], 2)
    with pytest.raises(InputError, match="truncate-each"):
        enforce(codes, 2, "noise")
    for k in (0, 1.5, True):
        with pytest.raises(InputError, match="threshold"):
            enforce(codes, k, "suppress")
    with pytest.raises(InputError, match="persons"):
        enforce(codes, 2, "suppress", persons=np.array([0]))
    for method in METHODS:
        with pytest.raises(InputError, match="k >= 4"):
            enforce(codes, 4, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("with_people", [False, True])
def test_part(tmp_path, method, with_people):
    rng = np.random.default_rng(3)
    codes = Codes.from_integers(rng.integers(0, 30, 200) ** 2, 10)
    persons = np.arange(200) // 2 if with_people else None
    found = enforce(codes, 3, method, persons=persons)
    verified = write_enforced(tmp_path / "safe.npy", found)
    part = enforce_part(found, verified)
    (table,) = part.tables
    assert all(len(row) == 3 and row[-1].endswith(".") for row in table.rows)
    values = {m.name: m for m in part.measures}
    assert values["k after enforcing"].value == verified.k >= 3
    assert values["records left out"].successes == found.suppressed
    assert ("people left out" in values) == with_people
