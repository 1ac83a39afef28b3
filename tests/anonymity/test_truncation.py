"""Prefixes of any length are stored and read back; cutting is slicing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privkit.anonymity.truncation import decode_prefixes, encode_prefixes, truncate
from privkit.errors import InputError
from privkit.features import Codes


def draw(seed):
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, 301)), int(rng.integers(1, 20))
    return rng.integers(0, 2, (n, bits), dtype=np.uint8), rng.integers(0, bits + 1, n)


@settings(max_examples=400, deadline=None, database=None)
@given(seed=st.integers(0, 2**32))
def test_encoding_is_prefix_one_zeros_and_decodes(seed):
    matrix, lengths = draw(seed)
    stored = encode_prefixes(Codes.from_matrix(matrix), lengths)
    expected = [
        [*row[:length], 1, *[0] * (matrix.shape[1] - length)]
        for row, length in zip(matrix.tolist(), lengths.tolist(), strict=True)
    ]
    assert stored.to_matrix().tolist() == expected
    prefixes, found = decode_prefixes(stored)
    assert found.tolist() == lengths.tolist()
    assert encode_prefixes(prefixes, found).packed.tolist() == stored.packed.tolist()
    assert prefixes.bits == matrix.shape[1]
    kept = np.where(np.arange(matrix.shape[1]) < lengths[:, None], matrix, 0)
    assert (prefixes.to_matrix() == kept).all()


@settings(max_examples=300, deadline=None, database=None)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_truncation_is_slicing(seed, share):
    matrix, _ = draw(seed)
    bits = max(1, round(share * matrix.shape[1]))
    assert (truncate(Codes.from_matrix(matrix), bits).to_matrix() == matrix[:, :bits]).all()


def test_different_prefixes_have_different_codes():
    """All 2**(N+1) - 1 prefixes of 6 bits take different codes, and 0 stays free."""
    codes, lengths = [], []
    for length in range(7):
        for value in range(1 << length):
            codes.append(value << (6 - length))
            lengths.append(length)
    stored = encode_prefixes(Codes.from_integers(codes, 6), np.array(lengths))
    assert sorted(stored.to_integers().tolist()) == list(range(1, 128))


def test_bad_input():
    codes = Codes.from_integers([1, 2], 3)
    for lengths in ([1], [1, 4], [-1, 2], [1.0, 2.0]):
        with pytest.raises(InputError, match="lengths"):
            encode_prefixes(codes, np.array(lengths))
    for bits in (0, 4):
        with pytest.raises(InputError, match="cannot be cut"):
            truncate(codes, bits)
    with pytest.raises(InputError, match="row 1"):
        decode_prefixes(Codes.from_integers([1, 0], 3))
    with pytest.raises(InputError, match="not prefixes"):
        decode_prefixes(Codes.from_integers([1, 0], 1))
    with pytest.raises(InputError, match="65536"):
        encode_prefixes(Codes.from_packed(np.zeros((1, 8192), np.uint8), 65536), np.array([1]))
