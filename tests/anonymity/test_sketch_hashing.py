"""SipHash against its published vectors, and hashes that depend on values alone."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privkit.anonymity.sketch import Key
from privkit.anonymity.sketch.hashing import hash_codes, hash_people, hash_tuples
from privkit.anonymity.sketch.layout import Layout
from privkit.anonymity.sketch.siphash import siphash64, siphash128
from privkit.errors import InputError

# The reference implementation's vectors.h (github.com/veorq/SipHash): key and message are the
# bytes 0, 1, 2, ...; the message has the length that stands first.
VECTORS = [
    (0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"),
    (1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"),
    (7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"),
    (8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"),
    (9, "b0e4a90bdf82009e", "264499060ad9baabc47f8b02bb6d71ed"),
    (15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"),
    (16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"),
    (63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"),
]
SECRET = Key.from_text("a text that is long enough")
NOTHING = np.zeros(0, dtype=np.uint64)


def words(raw):
    return np.frombuffer(raw, dtype="<u8").astype(np.uint64)


def hashed(function, message, key, prefix=NOTHING):
    data = np.frombuffer(message, dtype=np.uint8)
    out = function(data, np.array([0, len(message)]), words(key), prefix)
    return np.asarray(out).ravel().astype("<u8").tobytes().hex()


@pytest.mark.parametrize(("length", "narrow", "wide"), VECTORS)
def test_published_vectors(length, narrow, wide):
    key, message = bytes(range(16)), bytes(range(length))
    assert hashed(siphash64, message, key) == narrow
    assert hashed(siphash128, message, key) == wide
    if length >= 8:
        assert hashed(siphash128, message[8:], key, words(message[:8])) == wide


def plain_siphash128(key, message):
    """SipHash-2-4 with 128 bits of output, written from the paper with Python's integers."""
    mask = 2**64 - 1
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [
        int.from_bytes(b"somepseudorandomlygeneratedbytes"[i : i + 8], "big")
        for i in (0, 8, 16, 24)
    ]
    v = [v[0] ^ k0, v[1] ^ k1 ^ 0xEE, v[2] ^ k0, v[3] ^ k1]

    def turn(value, by):
        return (value << by | value >> (64 - by)) & mask

    def rounds(times):
        for _ in range(times):
            v[0] = (v[0] + v[1]) & mask
            v[1] = turn(v[1], 13) ^ v[0]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = turn(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = turn(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = turn(v[1], 17) ^ v[2]
            v[2] = turn(v[2], 32)

    closing = len(message) % 256
    message += bytes(-(len(message) + 1) % 8) + bytes([closing])
    for start in range(0, len(message), 8):
        word = int.from_bytes(message[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return first, v[0] ^ v[1] ^ v[2] ^ v[3]


@settings(max_examples=300, deadline=None)
@given(
    key=st.binary(min_size=16, max_size=16), messages=st.lists(st.binary(max_size=600), min_size=1)
)
def test_any_messages_side_by_side(key, messages):
    data = np.frombuffer(b"".join(messages), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, messages)])
    found = siphash128(data, offsets, words(key), NOTHING)
    assert found.T.tolist() == [list(plain_siphash128(key, m)) for m in messages]


@settings(max_examples=300, deadline=None)
@given(bits=st.integers(1, 64), seed=st.integers(0, 2**32))
def test_every_form_of_a_code_has_one_hash(bits, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 2, (5, bits)).astype(bool)
    integers = np.array([int("".join(map(str, row.astype(int))), 2) for row in matrix], dtype="u8")
    layout = Layout(bits)
    truth = layout.hashed(layout.rows(np.packbits(matrix, axis=1)), SECRET)
    for form in (matrix, integers, integers.astype(">u8")):
        assert (layout.hashed(layout.rows(form), SECRET) == truth).all()


def test_the_number_of_bits_is_hashed_with_the_code():
    packed = np.zeros((1, 2), np.uint8)
    ranks = {int(hash_codes(packed, bits, SECRET)[0, 0]) for bits in range(9, 17)}
    assert len(ranks) == 8


def table(**columns):
    return pa.table(columns)


def rows_of(found):
    return list(zip(*found.tolist(), strict=True))


def test_tuples_are_unambiguous():
    found = rows_of(
        hash_tuples(
            table(a=["ab", "a", "", None, "1", "None"], b=["c", "bc", "abc", "abc", "abc", "abc"]),
            SECRET,
        )
    )
    assert len(set(found)) == 6
    one, two = (
        rows_of(hash_tuples(table(**{k: ["x"] for k in names}), SECRET)) for names in ("a", "ab")
    )
    assert one != two
    assert rows_of(hash_tuples(table(a=["1"]), SECRET)) != rows_of(
        hash_tuples(table(a=[1]), SECRET)
    )


@pytest.mark.parametrize(
    "other",
    [
        pa.array([1, -2, 0, None], pa.int8()),
        pa.array([1.0, -2.0, -0.0, None], pa.float32()),
        pa.chunked_array([[1, -2], [0, None]]),
        pa.array([9, 1, -2, 0, None])[1:],
        pa.array([1, -2, 0, None]).dictionary_encode(),
    ],
)
def test_numbers_are_hashed_by_value(other):
    truth = hash_tuples(table(a=pa.array([1, -2, 0, None], pa.int64())), SECRET)
    assert (hash_tuples(table(a=other), SECRET) == truth).all()


def test_text_is_hashed_by_value():
    text = ["a", "", None, "é"]
    truth = hash_tuples(table(a=text), SECRET)
    for other in (
        pa.array(text, pa.large_string()),
        pa.array(text).dictionary_encode(),
        pa.array(["z", *text])[1:],
        pa.array([None if t is None else t.encode() for t in text]),
    ):
        assert (hash_tuples(table(a=other), SECRET) == truth).all()


def test_numbers_at_the_edges_differ():
    floats = [0.5, math.inf, -math.inf, math.nan, 2.0**63, -(2.0**63), 2.0**64, 1e-300, -0.5]
    found = rows_of(hash_tuples(table(a=floats), SECRET))
    assert len(set(found)) == len(floats)
    nan = np.array([0x7FF8000000000001], "u8").view("f8")  # another NaN
    assert rows_of(hash_tuples(table(a=nan), SECRET)) == [found[3]]
    whole = rows_of(hash_tuples(table(a=pa.array([2**64 - 1, 2**63], pa.uint64())), SECRET))
    minus = rows_of(hash_tuples(table(a=pa.array([-1, -(2**63)])), SECRET))
    assert len(set(whole + minus)) == 4
    assert (whole[1], minus[1]) == (found[4], found[5])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False, None]),
        pa.array([None, None], pa.null()),
        pa.array([1, 2], pa.timestamp("us")),
        pa.array([b"ab", b"cd"], pa.binary(2)),
        pa.array([], pa.string()),
    ],
)
def test_other_types_are_hashed(column):
    found = rows_of(hash_tuples(table(a=column), SECRET))
    assert len(set(found)) == len(set(column.to_pylist()))


def test_people():
    numbers = np.array([3, 3, 5, -1])
    truth = hash_people(numbers, SECRET)
    assert truth[0] == truth[1]
    assert len(set(truth.tolist())) == 3
    assert (hash_people(pa.array(numbers, pa.int16()), SECRET) == truth).all()
    assert (hash_people(np.array(["3", "3"]), SECRET) != truth[:2]).all()
    with pytest.raises(InputError, match="belongs to nobody"):
        hash_people(pa.array([1, None]), SECRET)
    with pytest.raises(InputError, match="cannot be counted"):
        hash_people(pa.array([[1], [2]]), SECRET)


def test_keys(tmp_path):
    path = tmp_path / "key.txt"
    path.write_text("a text that is long enough\n")
    assert Key.from_file(path) == SECRET
    assert "secret" not in repr(SECRET)
    assert SECRET.secret.hex() not in SECRET.fingerprint
    assert not SECRET.public
    assert Key.from_seed(1).public
    names = {k.fingerprint for k in (SECRET, Key.from_seed(0), Key.from_seed(1))}
    assert len(names) == 3
    assert Key.from_text("0123456789abcdef").fingerprint != SECRET.fingerprint
    packed = np.zeros((1, 1), np.uint8)
    assert (hash_codes(packed, 8, SECRET) != hash_codes(packed, 8, Key.from_seed(0))).all()


@pytest.mark.parametrize("text", ["", "short", "x" * 70_000, "password\n"])
def test_bad_keys(text):
    with pytest.raises(InputError, match="not a usable key"):
        Key.from_text(text)


def test_a_missing_key_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Key.from_file(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        Key.from_file(tmp_path)
