"""The Codes type: bit order, round trips, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privkit.errors import InputError
from privkit.features import Codes, open_codes


@given(
    st.integers(1, 130).flatmap(
        lambda bits: st.tuples(
            st.just(bits), st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=20)
        )
    )
)
def test_integers_survive_every_form(case):
    bits, values = case
    codes = Codes.from_integers(values, bits)
    assert codes.to_integers().tolist() == values
    assert codes.packed.shape == (len(values), -(-bits // 8))
    matrix = codes.to_matrix()
    assert ["".join(map(str, row)) for row in matrix] == [f"{v:0{bits}b}" for v in values]
    again = Codes.from_matrix(matrix)
    assert np.array_equal(again.packed, codes.packed)
    assert np.array_equal(Codes.from_packed(codes.packed, bits).packed, codes.packed)
    assert np.array_equal(codes.to_signs(), 2.0 * matrix - 1)
    assert codes.to_signs().dtype == np.float32


def test_the_bit_order_is_fixed():
    codes = Codes.from_matrix(np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0, 1]]))
    assert codes.packed.tolist() == [[0b1000_0000, 0b0100_0000]]
    assert codes.to_integers().tolist() == [2**9 + 1]


def test_narrow_integer_types_fit_wide_codes():
    codes = Codes.from_integers(np.array([3, 255], dtype=np.uint8), 100)
    assert codes.to_integers().tolist() == [3, 255]


def test_saved_codes_open_again(tmp_path):
    codes = Codes.from_integers([5, 2**69, 7], 70)
    codes.save(tmp_path / "codes.npz")
    stored = open_codes(tmp_path / "codes.npz")
    assert (stored.n, stored.bits) == (3, 70)
    assert stored.to_codes().to_integers().tolist() == [5, 2**69, 7]


def test_codes_cannot_be_changed():
    codes = Codes.from_integers([1, 2], 4)
    with pytest.raises(ValueError, match="read-only"):
        codes.packed[0, 0] = 0


@pytest.mark.parametrize("bits", [0, -1, 10**9, 2.0, True, "10", None])
def test_bits_out_of_range(bits):
    with pytest.raises(InputError, match="whole number from 1 to 65536"):
        Codes.from_integers([0], bits)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Codes.from_integers([1, 16], 4), "row 1 has bits set above the 4 bits.*found: 16"),
        (lambda: Codes.from_integers([1, -1], 4), "row 1"),
        (lambda: Codes.from_integers([1, 2**70], 69), "row 1"),
        (lambda: Codes.from_integers([0.5], 4), "not codes"),
        (lambda: Codes.from_integers([[1]], 4), "not codes"),
        (lambda: Codes.from_matrix(np.array([[0, 2]])), "matrix of bits"),
        (lambda: Codes.from_matrix(np.array([0, 1])), "matrix of bits"),
        (lambda: Codes.from_matrix(np.array([[0, np.nan]])), "matrix of bits"),
        (lambda: Codes.from_packed(np.array([[0], [1]], np.uint8), 7), "row 1 has bits set above"),
        (lambda: Codes.from_packed(np.array([[0, 0]], np.uint8), 7), r"shape \(n, 1\)"),
        (lambda: Codes.from_packed(np.array([[0]], np.int8), 7), "uint8"),
    ],
)
def test_bad_codes_are_one_clear_line(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_save_wants_npz(tmp_path):
    with pytest.raises(InputError, match=r"ends with \.npz"):
        Codes.from_integers([1], 1).save(tmp_path / "codes.bin")
