"""Sketches hold exactly the classes below the threshold, however the stream was cut."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privkit.anonymity.sketch import Key, Sketch, sketch_stored
from privkit.anonymity.sketch.hashing import hash_people
from privkit.anonymity.sketch.layout import Layout
from privkit.errors import InputError
from privkit.features import Codes, open_codes
from privkit.features.stored import StoredCodes

KEY = Key.from_text("a text that is long enough")
seeds = st.integers(0, 2**32)


def stream(seed, people):
    """Codes of 20 bits in classes of very different sizes, and whose they are."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    codes = (rng.random(n) ** 3 * rng.integers(1, 300)).astype(np.uint32) * 977
    return codes, rng.integers(0, 60, n) if people else None


def sketch_of(codes, persons, cuts=(), most=16, people_cap=4):
    sketch = Sketch(20, KEY, most=most, people_cap=people_cap)
    for part in np.split(np.arange(len(codes)), sorted(cuts)):
        sketch.update(codes[part], None if persons is None else persons[part])
    return sketch


def state(sketch):
    s = sketch.sample
    return (
        s.n,
        s.level,
        *(
            a.tolist()
            for a in (
                s.held.identities,
                s.held.ranks,
                s.held.records,
                s.held.pair_classes,
                s.held.pair_people,
                s.crowd,
            )
        ),
    )


def brute_state(codes, persons, most, people_cap):
    """The same from dicts: the largest power of 1/2 that fits, then everything below it."""
    layout = Layout(20)
    ranks, names = layout.hashed(layout.rows(codes), KEY).tolist()
    whose = [] if persons is None else hash_people(persons, KEY).tolist()
    records, rank_of, people = (
        Counter(names),
        dict(zip(names, ranks, strict=True)),
        defaultdict(set),
    )
    for name, person in zip(names, whose, strict=False):
        people[name].add(person)
    first = {name: sorted(group)[:people_cap] for name, group in people.items()}
    for level in range(64):
        held = sorted(name for name in records if rank_of[name] < 2 ** (64 - level))
        pairs = [(name, person) for name in held for person in first.get(name, [])]
        if len(held) <= most and len(pairs) <= max(16 * most, people_cap):
            break
    return (
        len(codes),
        level,
        held,
        [rank_of[name] for name in held],
        [records[name] for name in held],
        [name for name, _ in pairs],
        [person for _, person in pairs],
        sorted(set(whose))[:most],
    )


@settings(max_examples=1000, deadline=None)
@given(
    seed=seeds,
    people=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=3),
    most=st.sampled_from([2, 5, 16, 1000]),
    people_cap=st.sampled_from([2, 4, 50]),
)
def test_the_sketch_is_what_brute_force_says(seed, people, cuts, most, people_cap):
    codes, persons = stream(seed, people)
    found = sketch_of(codes, persons, cuts, most, people_cap)
    assert state(found) == brute_state(codes, persons, most, people_cap)


@settings(max_examples=300, deadline=None)
@given(
    seed=seeds,
    people=st.booleans(),
    cuts=st.tuples(*[st.integers(0, 400)] * 3),
    order=st.permutations(range(4)),
    most=st.sampled_from([2, 16, 1000]),
)
def test_merging_in_any_order_is_the_sketch_of_the_whole(seed, people, cuts, order, most):
    codes, persons = stream(seed, people)
    whole = state(sketch_of(codes, persons, most=most))
    a, b, c, d = (
        sketch_of(codes[part], None if persons is None else persons[part], most=most)
        for part in np.array_split(np.arange(len(codes)), 4)
    )
    parts = [(a, b, c, d)[i] for i in order]
    before = [state(part) for part in parts]
    left = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    right = parts[0].merge(parts[1].merge(parts[2].merge(parts[3])))
    pairs = parts[2].merge(parts[0]).merge(parts[3].merge(parts[1]))
    assert state(left) == state(right) == state(pairs) == whole
    assert [state(part) for part in parts] == before
    uneven = np.split(np.arange(len(codes)), sorted(cuts))
    merged = None
    for part in uneven:
        one = sketch_of(codes[part], None if persons is None else persons[part], most=most)
        merged = one if merged is None else merged.merge(one)
    assert state(merged) == whole


def test_different_limits_merge_to_the_smaller_ones():
    codes, persons = stream(5, True)
    half = len(codes) // 2
    large = sketch_of(codes[:half], persons[:half], most=100, people_cap=9)
    small = sketch_of(codes[half:], persons[half:], most=8, people_cap=5)
    truth = state(sketch_of(codes, persons, most=8, people_cap=5))
    assert state(large.merge(small)) == state(small.merge(large)) == truth


def test_counting_goes_on_after_a_merge():
    codes, persons = stream(8, True)
    a, b, c = np.array_split(np.arange(len(codes)), 3)
    merged = sketch_of(codes[a], persons[a]).merge(sketch_of(codes[b], persons[b]))
    merged.update(codes[c], persons[c])
    assert state(merged) == state(sketch_of(codes, persons))


def test_a_million_classes_in_bounded_memory():
    sketch = Sketch(32, KEY, most=4096)
    rng = np.random.default_rng(0)
    values = rng.permutation(np.arange(1_000_000, dtype=np.uint32))
    for block in np.array_split(values, 20):
        sketch.update(block, block % 1000)
        waiting = sum(part.classes + part.pairs for part in sketch._new)
        held = sketch._sample.held
        assert held.classes <= 4096
        assert held.pairs <= 16 * 4096
        assert waiting <= 4 * 4096 + 2 * (1 << 16)
    sample = sketch.sample
    assert sample.n == 1_000_000
    assert 2048 * 0.9 < sample.held.classes <= 4096
    assert sample.held.classes / sample.share == pytest.approx(1_000_000, rel=0.08)
    assert (sample.held.records == 1).all()


def test_blocks_smaller_than_a_chunk(monkeypatch):
    codes, persons = stream(11, True)
    truth = state(sketch_of(codes, persons))
    monkeypatch.setattr("privkit.anonymity.sketch.sketch.BLOCK", 7)
    assert state(sketch_of(codes, persons)) == truth


def test_other_keys_sample_other_classes():
    codes = np.arange(1000, dtype=np.uint32)
    ranks = []
    for key in (KEY, Key.from_seed(0)):
        sketch = Sketch(20, key, most=16)
        sketch.update(codes)
        ranks.append(set(sketch.sample.held.ranks.tolist()))
    assert not ranks[0] & ranks[1]


def test_stored_codes_of_every_form(tmp_path):
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 2, (500, 10)) * rng.integers(0, 2, (500, 1))
    whose = rng.integers(0, 40, 500)
    integers = Codes.from_matrix(matrix).to_integers()
    truth = None
    for name, array, bits in (
        ("matrix", matrix.astype(np.uint8), None),
        ("signs", matrix.astype(np.int8) * 2 - 1, None),
        ("packed", np.packbits(matrix.astype(np.uint8), axis=1), 10),
        ("integers", integers.astype(np.uint16), 10),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        counted = []
        stored = open_codes(tmp_path / f"{name}.npy", bits=bits)
        found = sketch_stored(stored, KEY, persons=whose, most=64, progress=counted.append)
        truth = truth or state(found)
        assert state(found) == truth
        assert sum(counted) == 500
    assert truth[4] == [n for _, n in sorted(zip(truth[2], truth[4], strict=True))]


def test_a_stored_table(tmp_path):
    table = pa.table({"age": [30, 30, None] * 50, "sex": ["f", "m", "m"] * 50, "x": range(150)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=7)
    stored = open_codes(tmp_path / "t.parquet", columns=["age", "sex"])
    found = sketch_stored(stored, KEY, persons=np.arange(150) // 6).sample
    assert found.held.records.tolist() == [50, 50, 50]
    assert found.held.people.tolist() == [25, 25, 25]


def test_tables():
    table = pa.table({"age": [30, 30, 30, None], "sex": ["f", "f", "m", "m"], "x": [1, 2, 3, 4]})
    sketch = Sketch(None, KEY, columns=["age", "sex"])
    sketch.update(table, ["anna", "bea", "carl", "carl"])
    assert sorted(sketch.sample.held.records) == [1, 1, 2]
    assert sorted(sketch.sample.held.people) == [1, 1, 2]
    assert sketch.sample.crowd.size == 3
    floats = table.set_column(0, "age", pa.array([30.0, 30.0, 30.0, None]))
    more = Sketch(None, KEY, columns=["age", "sex"])
    more.update(floats, pa.array(["dora", "anna", "carl", "carl"]))
    merged = sketch.merge(more).sample
    assert sorted(merged.held.records) == [2, 2, 4]
    assert sorted(merged.held.people) == [1, 1, 3]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Sketch(20, Key.from_seed(0)), "different keys"),
        (Sketch(21, KEY), "cannot be counted together"),
        (Sketch(None, KEY, columns=["a"]), "cannot be counted together"),
    ],
)
def test_what_does_not_go_together(other, message):
    with pytest.raises(InputError, match=message):
        sketch_of(*stream(0, False)).merge(other)
    with pytest.raises(InputError, match=message):
        other.merge(sketch_of(*stream(0, False)))


def test_with_and_without_people_do_not_go_together():
    known, unknown = sketch_of(*stream(0, True)), sketch_of(*stream(0, False))
    for first, second in ((known, unknown), (unknown, known)):
        with pytest.raises(InputError, match="without people"):
            first.merge(second)
    with pytest.raises(InputError, match="without people"):
        known.update(np.array([1]))
    with pytest.raises(InputError, match="by text"):
        known.update(np.array([1]), ["anna"])
    empty = Sketch(20, KEY, most=16, people_cap=4)
    assert state(empty.merge(known)) == state(known.merge(empty)) == state(known)
    assert state(empty.merge(Sketch(20, KEY, most=16)))[:2] == (0, 0)


def test_columns_of_other_kinds_do_not_go_together():
    number, text = (Sketch(None, KEY, columns=["a"]) for _ in range(2))
    number.update(pa.table({"a": [1]}))
    text.update(pa.table({"a": ["1"]}))
    with pytest.raises(InputError, match=r"a \(number\)"):
        number.merge(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sketch(None, KEY), "not said what is counted"),
        (lambda: Sketch(3, KEY, columns=["a"]), "not said what is counted"),
        (lambda: Sketch(0, KEY), "number of bits"),
        (lambda: Sketch(3, KEY, most=1), "most"),
        (lambda: Sketch(3, KEY, people_cap=True), "people_cap"),
        (lambda: Sketch(3, None).update(np.array([1])), "needs the key"),
        (lambda: Sketch(3, KEY).update(np.array([8])), "above the 3 bits"),
        (lambda: Sketch(3, KEY).update(np.array([1.5])), "packed"),
        (lambda: Sketch(3, KEY).update(Codes.from_integers([1], 4)), "another N"),
        (lambda: Sketch(3, KEY).update(np.array([1, 2]), np.array([1])), "one person a record"),
        (lambda: Sketch(None, KEY, columns=["a"]).update(np.array([1])), "hold the columns"),
        (
            lambda: Sketch(None, KEY, columns=["a"]).update(pa.table({"b": [1]})),
            "hold the columns",
        ),
        (
            lambda: Sketch(None, KEY, columns=["a"]).update(pa.table({"a": [[1]]})),
            "cannot be counted",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_stored_codes_that_do_not_fit(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1, 2], dtype=np.uint16))
    with pytest.raises(InputError, match="give --bits"):
        sketch_stored(open_codes(tmp_path / "a.npy"), KEY)
    stored = StoredCodes.from_codes(Codes.from_integers([1, 2], 10))
    with pytest.raises(InputError, match="one person a record"):
        sketch_stored(stored, KEY, persons=np.array([1]))
