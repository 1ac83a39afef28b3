"""The cost of a feature, fit to what the defense makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders import PIXELS, adversary_of, linear
from hypothesis import given
from hypothesis import strategies as st

from attacks.feature_cost import feature_cost, relaxed_store
from privkit.models.defenses import Defense, Rounding, SignProjection, UniformQuantization, fitted

CPU = torch.device("cpu")


@given(
    st.sampled_from([Rounding(0.01), Rounding(0.25), UniformQuantization(2, width=1)]),
    st.lists(st.floats(-0.9375, 0.9375, width=32), min_size=1, max_size=20),
    st.floats(-0.9375, 0.9375, width=32),
)
def test_it_is_zero_exactly_where_the_same_value_would_be_stored(
    defense: Defense, others: list[float], own: float
) -> None:
    stored = defense.apply(np.array([[own]], dtype=np.float32))
    computed = np.array([[own], *([o] for o in others)], dtype=np.float32)
    cost = feature_cost(stored, adversary_of(None, defense), CPU)
    found = cost(torch.from_numpy(computed), torch.zeros(len(computed), dtype=torch.long)).numpy()
    low, high = (float(end[0, 0]) for end in defense.cell(stored) or ())
    gap = np.maximum(0, np.maximum(low - computed[:, 0], computed[:, 0] - high))
    np.testing.assert_allclose(found, gap.astype(np.float64) ** 2, rtol=1e-4, atol=1e-12)
    same = (defense.apply(computed) == stored)[:, 0]
    assert (found[same] == 0).all()
    # What is stored as another value lies outside, if it is not on the edge itself.
    clear = ~same & (np.abs(computed[:, 0] - stored[0, 0]) > (high - low) / 2 + 1e-5)
    assert (found[clear] > 0).all()


def test_without_cells_it_is_the_mean_squared_difference() -> None:
    rng = np.random.default_rng(0)
    stored, computed = (rng.standard_normal((5, 7)).astype(np.float32) for _ in range(2))
    cost = feature_cost(stored, adversary_of(None), CPU)
    rows = torch.tensor([4, 0, 2])
    found = cost(torch.from_numpy(computed[:3]), rows).numpy()
    np.testing.assert_allclose(found, ((computed[:3] - stored[[4, 0, 2]]) ** 2).mean(1), rtol=1e-5)


@pytest.mark.parametrize("through", ["tanh", "straight-through"])
def test_a_defense_with_a_gradient_is_passed_through(through: str) -> None:
    network = linear(5)
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-1, 1, (20, PIXELS)).astype(np.float32)
    defense = fitted(SignProjection(9), network.store(pixels))
    adversary = adversary_of(network, defense)
    relaxed = relaxed_store(adversary, through)(torch.from_numpy(pixels)).numpy()  # type: ignore[arg-type]
    assert (np.sign(relaxed) == adversary.store(pixels)).all()
