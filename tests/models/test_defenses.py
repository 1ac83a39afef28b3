import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privkit.errors import InputError
from privkit.models.defenses import FewBits, NoDefense, Rounding, defenses_for

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
