"""Which files are meant: folders, patterns, several paths; shards read as one, in order."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.errors import InputError
from privkit.features import Form, forms, open_codes

many = settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def shards(folder, arrays, names=None):
    folder.mkdir(exist_ok=True)
    for i, array in enumerate(arrays):
        np.save(folder / (names[i] if names else f"part-{i}.npy"), array)
    return folder


def joined(stored):
    return np.concatenate(list(stored.chunks()))


def test_a_folder_a_pattern_and_several_paths_are_the_same(tmp_path):
    parts = [np.arange(i, i + 3, dtype=np.uint16) for i in range(12)]
    folder = shards(tmp_path / "codes", parts)
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.npy.crc").touch()
    whole = np.concatenate(parts)
    by_number = [folder / f"part-{i}.npy" for i in range(12)]
    for given_as in (folder, str(folder), str(folder / "part-*.npy"), by_number):
        stored = open_codes(given_as, bits=10)
        assert joined(stored).tolist() == whole.tolist()  # part-2 before part-10
        assert stored.paths == tuple(by_number)
        assert (stored.n, stored.bits, stored.form) == (36, 10, Form.INTEGERS)
        assert len(stored.arrays) == 12
    assert open_codes(folder).source == "codes (12 files)"
    assert open_codes(by_number).source == "part-0.npy and 11 more"


def test_a_pattern_from_here(tmp_path, monkeypatch):
    shards(tmp_path / "key=7", [np.array([1]), np.array([2])])
    monkeypatch.chdir(tmp_path)
    for pattern in ("*/part-?.npy", "key=7/*.npy", f"../{tmp_path.name}/key=7/*.npy"):
        assert joined(open_codes(pattern)).tolist() == [1, 2]


def test_several_paths_keep_their_order(tmp_path):
    folder = shards(tmp_path / "c", [np.array([1]), np.array([2])])
    assert joined(open_codes([folder / "part-1.npy", folder / "part-0.npy"])).tolist() == [2, 1]


@many
@given(
    parts=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    bits=st.integers(1, 300),
    form=st.sampled_from(["bits", "signs", "packed", "integers"]),
    most=st.sampled_from([1, 256]),
    seed=st.integers(0, 2**32),
)
def test_shards_are_one_array(tmp_path_factory, parts, bits, form, most, seed):
    """Whatever the cuts, and whether mapped or opened one after the other, the codes are equal."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 2, (sum(parts) + 1, bits), dtype=np.uint8)
    stored_as = {
        "bits": matrix,
        "signs": 2.0 * matrix - 1,
        "packed": np.packbits(matrix, axis=1),
        "integers": rng.integers(0, 1 << min(bits, 15), len(matrix)).astype(np.uint16),
    }[form]
    cuts = np.cumsum(parts)
    folder = shards(tmp_path_factory.mktemp("s"), np.split(stored_as, cuts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "MAPPED", most)
        stored = open_codes(folder, bits=bits if form in ("packed", "integers") else None)
    assert bool(stored.arrays) == (len(parts) + 1 <= most)
    assert np.array_equal(joined(stored), stored_as)
    assert stored.dtype == stored_as.dtype
    assert stored.row_bytes == stored_as[:1].nbytes
    assert max(len(chunk) for chunk in stored.chunks(7)) <= 7
    if form != "integers":
        assert np.array_equal(stored.to_codes().to_matrix(), matrix)


def test_a_shard_of_ones_only_takes_the_form_of_the_others(tmp_path):
    ones = np.ones((2, 3), np.int8)
    folder = shards(tmp_path / "c", [ones, -ones])
    stored = open_codes(folder)
    assert stored.form is Form.SIGNS
    assert stored.to_codes().to_matrix().tolist() == [[1] * 3] * 2 + [[0] * 3] * 2


def test_shards_of_different_width_are_of_one_n_where_it_is_given(tmp_path):
    folder = shards(tmp_path / "c", [np.array([1], np.uint8), np.array([70000], np.uint32)])
    with pytest.raises(InputError, match=r"part-1.*N.*uint8.*found: uint32.*give it with --bits"):
        open_codes(folder)
    stored = open_codes(folder, bits=17)
    assert joined(stored).tolist() == [1, 70000]
    assert stored.dtype == np.uint32


def test_the_hash_of_several_files_is_that_of_sha256sum(tmp_path):
    folder = shards(tmp_path / "c", [np.array([1]), np.array([2])])
    (folder / "deep").mkdir()
    np.save(folder / "deep" / "part-9.npy", np.array([3]))
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("part-0.npy", "part-1.npy", "deep/part-9.npy")
    ]
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert open_codes(folder).sha256 == expected
    assert open_codes(str(folder / "**" / "*.npy")).sha256 == expected


def test_names_that_are_patterns_or_strange(tmp_path):
    for i, name in enumerate(["a[1].npy", "it's; DROP TABLE x--.npy", "spaces and *.npy"]):
        np.save(tmp_path / name, np.array([i]))
        assert joined(open_codes(tmp_path / name)).tolist() == [i]


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])
    return path


def mixed(folder):
    shards(folder, [np.arange(3)])
    np.savez(folder / "z.npz", codes=np.arange(3))
    return folder


def stray(folder):
    shards(folder, [np.arange(3)])
    (folder / "part-1.npy.part").touch()
    return folder


def npz_of(folder, *bits):
    folder.mkdir()
    for i, n in enumerate(bits):
        np.savez(folder / f"{i}.npz", packed=np.zeros((2, 1), np.uint8), bits=n)
    return folder


U1 = np.zeros((2, 4), np.uint8)
BAD = [
    (lambda d: d, None, "no file in this folder"),
    (lambda d: str(d / "no-*.npy"), None, "no file matches this pattern"),
    (lambda d: d / "missing.npy", None, "does not exist"),
    (lambda _: [], None, "no file is named"),
    (mixed, None, "of different kinds.*npy like .*part-0.npy; found: npz"),
    (stray, None, r"part-1.npy.part: this kind of file is not known.*with a pattern"),
    (lambda d: [*shards(d, [np.arange(3)]).iterdir()] * 2, None, "there twice"),
    (lambda d: shards(d, [U1, U1[:, :3]]), None, r"part-1.*\(2, 4\) as in .*part-0.*\(2, 3\)"),
    (lambda d: shards(d, [U1, U1 + 0.5]), None, "part-1.*uint8.*part-0.*float64"),
    (lambda d: shards(d, [U1, U1 + 7]), None, "part-1.*0/1 matrix of 4.*part-0.*other than 0 and"),
    (lambda d: shards(d, [np.arange(3), U1]), None, "part-1.*part-0.*uint8 of shape"),
    (lambda d: shards(d, [np.arange(3), np.arange(3, dtype="u1")]), None, "part-1.*found: uint8"),
    (lambda d: shards(d, [np.arange(3), np.array([2, -1])]), None, "part-1.*row 1 is negative"),
    (lambda d: shards(d, [np.zeros(0, int)] * 2), None, "at least one record"),
    (lambda d: npz_of(d, 7, 8), None, r"1.npz.*bits 7 as in .*0.npz; found: bits 8"),
    (lambda d: cut(shards(d, [np.arange(3)] * 2) / "part-1.npy").parent, None, "part-1.*truncated"),
    (lambda _: Path("/dev/null"), None, "not a file"),
]


@pytest.mark.parametrize(("make", "bits", "words"), BAD)
def test_bad_shards_are_one_clear_line(tmp_path, make, bits, words):
    folder = tmp_path / "codes"
    if make is BAD[0][0]:
        folder.mkdir()
    with pytest.raises(InputError, match=words) as caught:
        open_codes(make(folder), bits=bits)
    assert "\n" not in str(caught.value)


def test_hive_folders_are_columns(tmp_path):
    for year, town, ages in (("2023", "a%20b", [1, 2]), ("07", "__HIVE_DEFAULT_PARTITION__", [3])):
        folder = tmp_path / "t" / f"year={year}" / f"town={town}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"age": ages}), folder / "part-0.parquet")
    for given_as in (tmp_path / "t", str(tmp_path / "t" / "year=*" / "*" / "*.parquet")):
        stored = open_codes(given_as, columns=["year", "age", "town"])
        assert stored.table.to_pydict() == {
            "year": ["07", "2023", "2023"],
            "age": [3, 1, 2],
            "town": [None, "a b", "a b"],
        }
        assert stored.nulls == 1
    alone = tmp_path / "t" / "year=07" / "town=__HIVE_DEFAULT_PARTITION__" / "part-0.parquet"
    with pytest.raises(InputError, match="no column 'year'"):
        open_codes(alone, columns=["year"])
