"""Sketches come back from files as they were, and nothing else is taken for one."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from privkit.anonymity.sketch import (
    Key,
    Sketch,
    load_sketch,
    merge_files,
    records_of,
    save_sketch,
)
from privkit.anonymity.sketch.contents import checksum
from privkit.cli.app import run
from privkit.errors import InputError

KEY = Key.from_text("a text that is long enough")


def sketch_of(seed=0, n=2000, people=True, most=64, key=KEY):
    rng = np.random.default_rng(seed)
    sketch = Sketch(16, key, most=most, people_cap=8)
    sketch.update(rng.integers(0, 500, n), rng.integers(0, 300, n) if people else None)
    return sketch


@pytest.fixture
def path(tmp_path):
    save_sketch(sketch_of(), tmp_path / "a.sketch")
    return tmp_path / "a.sketch"


@pytest.mark.parametrize("people", [True, False])
@pytest.mark.parametrize("n", [0, 1, 2000])
def test_there_and_back(tmp_path, n, people):
    made = sketch_of(n=n, people=people)
    save_sketch(made, tmp_path / "a.sketch")
    back = load_sketch(tmp_path / "a.sketch")
    save_sketch(back, tmp_path / "b.sketch")
    assert (tmp_path / "a.sketch").read_bytes() == (tmp_path / "b.sketch").read_bytes()
    assert (back.sample.n, back.sample.level) == (made.sample.n, made.sample.level)
    assert back.layout == made.layout
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.sketch", "b.sketch"]


def test_columns_there_and_back(tmp_path):
    made = Sketch(None, KEY, columns=["age", "sex"])
    made.update(pa.table({"age": [1, 2], "sex": ["f", None]}), ["anna", "bea"])
    save_sketch(made, tmp_path / "a.sketch")
    back = load_sketch(tmp_path / "a.sketch", KEY)
    back.update(pa.table({"age": [1], "sex": ["f"]}), ["anna"])
    assert sorted(back.sample.held.records) == [1, 2]
    assert sorted(back.sample.held.people) == [1, 1]


def test_merging_files_is_counting_everything(tmp_path):
    names = [tmp_path / f"{seed}.sketch" for seed in range(3)]
    whole = sketch_of(0)
    for seed, name in enumerate(names):
        save_sketch(sketch_of(seed), name)
        if seed:
            whole = whole.merge(sketch_of(seed))
    save_sketch(whole, tmp_path / "whole.sketch")
    save_sketch(merge_files(reversed(names)), tmp_path / "merged.sketch")
    assert (tmp_path / "whole.sketch").read_bytes() == (tmp_path / "merged.sketch").read_bytes()


def test_neither_codes_nor_key_are_in_the_file(tmp_path):
    key = Key.from_text("this text must not be stored")
    made = Sketch(None, key, columns=["name"])
    made.update(pa.table({"name": ["Anna Schmidt", "Bea Meier"]}), ["person-17", "person-18"])
    save_sketch(made, tmp_path / "a.sketch")
    raw = (tmp_path / "a.sketch").read_bytes()
    for secret in (b"Anna", b"person-17", b"must not", key.secret, key.secret.hex().encode()):
        assert secret not in raw


def test_a_file_is_continued_with_its_key_only(path):
    with pytest.raises(InputError, match="needs the key"):
        load_sketch(path).update(np.array([1]), np.array([1]))
    with pytest.raises(InputError, match="of another key"):
        load_sketch(path, Key.from_seed(0))
    back = load_sketch(path, KEY)
    back.update(np.array([1]), np.array([1]))
    assert back.sample.n == 2001


def test_cut_short_anywhere(path):
    raw = path.read_bytes()
    for size in [*range(0, 200, 7), len(raw) // 2, len(raw) - 1]:
        path.write_bytes(raw[:size])
        with pytest.raises(InputError, match="not a readable sketch"):
            load_sketch(path)


def test_any_changed_byte_is_noticed(path):
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(raw), 300):
        changed = bytearray(raw)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            back = load_sketch(path)
        except InputError:
            continue
        save_sketch(back, path)  # white space of the header, say: the contents are the same
        assert path.read_bytes() == raw


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"PK\x03\x04" + bytes(100)])
def test_other_files(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable sketch"):
        load_sketch(path)


def test_a_foreign_safetensors_file(path):
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(InputError, match="another file"):
        load_sketch(path)
    save_file(
        {"a": np.zeros(3)}, path, metadata={"privkit": '{"about": {"schema": "privkit-sketch/9"}}'}
    )
    with pytest.raises(InputError, match="privkit-sketch/9"):
        load_sketch(path)


def forged(path, change):
    """Write the sketch with something changed and the checksum made to fit."""
    with safe_open(path, framework="np") as file:
        about = json.loads(file.metadata()["privkit"])["about"]
    parts = SimpleNamespace(about=about, arrays=load_file(path))
    change(parts)
    text = json.dumps(
        {"about": parts.about, "checksum": checksum(parts.about, parts.arrays)}, sort_keys=True
    )
    save_file(parts.arrays, path, metadata={"privkit": text})


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.about.update(n=5),
        lambda f: f.about.update(n="many"),
        lambda f: f.about.update(level=0),
        lambda f: f.about.update(level=80),
        lambda f: f.about.update(level=None),
        lambda f: f.about.update(most=3),
        lambda f: f.about.update(people_cap=2),
        lambda f: f.about.pop("key"),
        lambda f: f.about.pop("sources"),
        lambda f: f.about.update(sources=["x"]),
        lambda f: f.about.update(sources=["b" * 64, "a" * 64]),
        lambda f: f.about["layout"].update(bits=0),
        lambda f: f.about["layout"].update(persons=""),
        lambda f: f.about["layout"].update(kinds=["x"]),
        lambda f: f.about.update(layout=[]),
        lambda f: f.arrays.pop("crowd"),
        lambda f: f.arrays.update(records=f.arrays["records"] * 0),
        lambda f: f.arrays.update(records=f.arrays["records"][:-1]),
        lambda f: f.arrays.update(records=f.arrays["records"].astype(float)),
        lambda f: f.arrays.update(identities=f.arrays["identities"][::-1].copy()),
        lambda f: f.arrays.update(pair_people=f.arrays["pair_people"][:-1]),
        lambda f: f.arrays.update(pair_people=f.arrays["pair_people"][::-1].copy()),
        lambda f: f.arrays.update(pair_classes=f.arrays["pair_classes"] + np.uint64(1)),
        lambda f: f.arrays.update(crowd=f.arrays["crowd"][::-1].copy()),
    ],
)
def test_forged_files_with_a_right_checksum(path, change):
    load_sketch(path)
    forged(path, change)
    with pytest.raises(InputError, match="not a readable sketch"):
        load_sketch(path)


def test_bad_names_and_lists(tmp_path, path):
    with pytest.raises(InputError, match=r"ends with \.sketch"):
        save_sketch(sketch_of(), tmp_path / "a.npz")
    with pytest.raises(InputError, match="no such sketch"):
        load_sketch(tmp_path / "none.sketch")
    with pytest.raises(InputError, match="no such sketch"):
        load_sketch(tmp_path)
    with pytest.raises(InputError, match="at least one file"):
        merge_files([])
    with pytest.raises(InputError, match="counted already"):
        merge_files([path, tmp_path / ".." / tmp_path.name / "a.sketch"])


def saved(sketch, path):
    save_sketch(sketch, path)
    return path


def test_a_stream_is_counted_once_whatever_its_name(tmp_path, path):
    copy = tmp_path / "copy.sketch"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"copy\.sketch: .*already.*in \S*a\.sketch too"):
        merge_files([path, copy])
    b, c = (saved(sketch_of(seed), tmp_path / f"{seed}.sketch") for seed in (1, 2))
    sum_ = saved(merge_files([path, b]), tmp_path / "sum.sketch")
    whole = saved(merge_files([sum_, c]), tmp_path / "whole.sketch")
    alone = saved(merge_files([path]), tmp_path / "alone.sketch")
    other = saved(merge_files([b, c]), tmp_path / "other.sketch")
    for pair in ([sum_, path], [b, sum_], [whole, b], [whole, sum_], [alone, copy], [sum_, other]):
        with pytest.raises(InputError, match="counted already"):
            merge_files(pair)
    assert merge_files([sum_, c]).sample.n == 6000


def test_what_was_merged_in_memory_is_known_in_the_file(tmp_path):
    one, two = sketch_of(0), sketch_of(1)
    both = saved(one.merge(two), tmp_path / "both.sketch")
    for part in (one, two):
        with pytest.raises(InputError, match="counted already"):
            merge_files([both, saved(part, tmp_path / "part.sketch")])


def test_a_sketch_that_was_continued_contains_what_it_was(tmp_path):
    made = sketch_of(0)
    first = saved(made, tmp_path / "first.sketch")
    made.update(np.array([1]), np.array([1]))
    second = saved(made, tmp_path / "second.sketch")
    opened = load_sketch(first, KEY)
    opened.update(np.array([2]), np.array([2]))
    third = saved(opened, tmp_path / "third.sketch")
    for pair in ([first, second], [second, third], [first, third]):
        with pytest.raises(InputError, match="counted already"):
            merge_files(pair)


def test_sketches_of_no_record_may_be_merged_at_will(tmp_path, path):
    empty = [saved(sketch_of(n=0), tmp_path / f"{i}.sketch") for i in range(2)]
    assert merge_files([*empty, path, empty[0]]).sample.n == 2000


def test_a_merge_records_how_many_records_each_file_has(tmp_path, path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, n in (("a", 2000), ("b", 700)):
        sketch = Sketch(16, KEY)
        sketch.update(np.arange(n) % 50)
        saved(sketch, tmp_path / f"{name}.sketch")
    assert records_of(path) == 2000
    assert run(["kanon", "merge", "a.sketch", "b.sketch", "--out", "c.sketch", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = {used["name"]: used["rows"] for used in result["data"]}
    assert rows == {"a.sketch": 2000, "b.sketch": 700}
    (tmp_path / "copy.sketch").write_bytes(path.read_bytes())
    assert run(["kanon", "merge", "a.sketch", "copy.sketch", "--out", "d.sketch"]) == 2
    assert "counted already" in capsys.readouterr().err
    assert not (tmp_path / "d.sketch").exists()


def test_a_merge_names_the_file_that_does_not_fit(tmp_path, path):
    save_sketch(sketch_of(key=Key.from_seed(0)), tmp_path / "b.sketch")
    with pytest.raises(InputError, match=r"b\.sketch: these are sketches of different keys"):
        merge_files([path, tmp_path / "b.sketch"])
    save_sketch(sketch_of(people=False), tmp_path / "c.sketch")
    with pytest.raises(InputError, match=r"c\.sketch: .*without people"):
        merge_files([path, tmp_path / "c.sketch"])
    (tmp_path / "d.sketch").write_bytes(b"")
    with pytest.raises(InputError, match=r"d\.sketch: .*0 bytes"):
        merge_files([path, tmp_path / "d.sketch"])
