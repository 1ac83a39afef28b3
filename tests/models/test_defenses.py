import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privkit.errors import InputError
from privkit.models.defenses import (
    DEFENSES,
    FewBits,
    NoDefense,
    Noisy,
    Rounding,
    UniformQuantization,
    defenses_for,
    fitted,
)

FEATURES = arrays(np.float32, (5, 40), elements=st.floats(-1, 1, width=32))


@given(FEATURES, st.sampled_from([0.5, 0.1, 0.01, 0.001]))
def test_rounding_gives_the_nearest_multiple(stored: np.ndarray, step: float) -> None:
    rounded = Rounding(step).apply(stored)
    assert np.abs(rounded - stored).max() <= step / 2 * (1 + 1e-4) + 1e-6
    multiples = rounded / step
    assert np.abs(multiples - np.round(multiples)).max() < 1e-3
    assert np.array_equal(Rounding(step).apply(rounded), rounded)


@given(FEATURES)
def test_no_defense_changes_nothing(stored: np.ndarray) -> None:
    assert np.array_equal(NoDefense().apply(stored), stored)


def test_nominal_bits() -> None:
    assert NoDefense().nominal_bits == 1280
    # 201 multiples of 0.01 in [-1, 1] take 8 bits (Fredrikson et al. 2015), 40 floats.
    assert Rounding(0.01).nominal_bits == 320
    assert Rounding(1.0).nominal_bits == 40 * 2  # -1, 0, 1
    assert FewBits(16).nominal_bits == 16


def test_without_options_the_levels_are_those_of_figure_5() -> None:
    names = [d.name for d in defenses_for((), ())]
    assert names == ["1280 bits (40 floats)", "rounded 0.01", "1024 bits", "128 bits", "16 bits"]


def test_levels_are_sorted_and_not_repeated() -> None:
    assert [d.name for d in defenses_for((16, 128, 16), (0.1,))] == [
        "rounded 0.1",
        "128 bits",
        "16 bits",
    ]


@pytest.mark.parametrize("bits", [0, -1, 10**9])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(InputError, match="--bits"):
        defenses_for((bits,), ())


@pytest.mark.parametrize("step", [0, -0.1, 2.0, float("nan"), float("inf"), 1e-12])
def test_steps_out_of_range(step: float) -> None:
    with pytest.raises(InputError, match="--round"):
        defenses_for((), (step,))


@given(FEATURES, st.integers(1, 8))
def test_uniform_quantization_gives_the_middle_of_a_cell(stored: np.ndarray, bits: int) -> None:
    defense = UniformQuantization(bits)
    quantized = defense.apply(stored)
    assert quantized.dtype == np.float32
    assert np.abs(quantized - stored).max() <= 2.0**-bits + 1e-6
    index = (quantized + 1) * 2 ** (bits - 1) - 0.5  # the number of the cell
    assert np.array_equal(index, np.round(index))
    assert index.min() >= 0
    assert index.max() <= 2**bits - 1
    assert np.array_equal(defense.apply(quantized), quantized)


def test_uniform_quantization_to_one_bit_is_the_sign() -> None:
    stored = np.array([[-0.9, -1e-3, 1e-3, 0.9, -7.0, 7.0]], dtype=np.float32)
    assert UniformQuantization(1).apply(stored).tolist() == [[-0.5, -0.5, 0.5, 0.5, -0.5, 0.5]]
    assert UniformQuantization(4).nominal_bits == 160
    assert UniformQuantization(4, width=10).nominal_bits == 40
    assert UniformQuantization(1).name == "uniform, 1 bit a float"


CELLED = [
    *(Rounding(step) for step in (1.0, 0.5, 0.1, 0.01, 0.001)),
    *map(UniformQuantization, (1, 2, 8)),
]


@given(FEATURES, st.sampled_from(CELLED))
def test_the_cell_holds_every_feature_that_is_stored_as_it(stored: np.ndarray, defense) -> None:
    low, high = defense.cell(defense.apply(stored))
    assert (low <= stored).all()
    assert (stored <= high).all()
    assert low.min() >= -1
    assert high.max() <= 1


@given(FEATURES, st.sampled_from(CELLED), st.floats(0, 1))
def test_the_cell_holds_no_other_feature(stored: np.ndarray, defense, share: float) -> None:
    kept = defense.apply(stored)
    low, high = (end.astype(np.float64) for end in defense.cell(kept))
    # Inside by more than float32 can miss, every feature is stored as the same value.
    low, high = low + 4e-6, high - 4e-6
    inside = np.maximum(low, np.minimum(high, low + share * (high - low)))
    again = defense.apply(inside.astype(np.float32))
    edge = (low > high) | (np.abs(kept) > 1)  # rounding up to a multiple beyond 1
    assert np.array_equal(again[~edge], kept[~edge])


def test_what_stands_for_itself_has_no_cell() -> None:
    stored = np.ones((2, 40), dtype=np.float32)
    assert NoDefense().cell(stored) is None
    assert FewBits(40).cell(stored) is None


@pytest.mark.parametrize("bits", [0, 17, 1.5, True])
def test_bits_a_float_out_of_range(bits) -> None:
    with pytest.raises(InputError, match="from 1 to 16"):
        UniformQuantization(bits)


SETTINGS = {
    "none": (),
    "rounding": (0.1,),
    "featcomp": (8,),
    "uniform": (2,),
    "product quantization": (8, 4),
    "sign projection": (8,),
    "Gaussian noise": (0.5,),
    "randomized response": (40, 1.0),
    "DP-SGD": (8.0,),
}


@pytest.mark.parametrize("name", DEFENSES)
def test_every_defense_keeps_the_contract(name: str) -> None:
    rng = np.random.default_rng(0)
    training, photos = (np.tanh(rng.standard_normal((n, 40))).astype(np.float32) for n in (50, 9))
    if name in ("featcomp", "randomized response"):
        training, photos = np.sign(training), np.sign(photos)
    defense = fitted(DEFENSES[name](*SETTINGS[name]), training)
    before = photos.copy()
    kept = defense.apply(photos)
    assert kept.dtype == np.float32
    assert len(kept) == len(photos)
    assert np.isfinite(kept).all()
    assert np.array_equal(photos, before)
    assert np.array_equal(defense.apply(photos), kept)
    assert defense.nominal_bits >= 1
    assert defense.name
    assert defense.bottleneck_bits in (None, 8, 40)
    cell = defense.cell(kept)
    assert (cell is not None) == (name in ("rounding", "uniform"))
    assert isinstance(defense, Noisy) == (name in ("Gaussian noise", "randomized response"))
