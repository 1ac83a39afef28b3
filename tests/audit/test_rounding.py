"""Rounding is noticed where it is, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privkit.audit.rounding import noticed_rounding
from privkit.models.defenses import Rounding


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.25]), st.integers(0, 1000))
def test_the_step_is_found(step: float, seed: int) -> None:
    features = np.random.default_rng(seed).uniform(-1, 1, (32, 40)).astype(np.float32)
    found = noticed_rounding(Rounding(step).apply(features), features)
    assert found is not None
    assert found.step == pytest.approx(step, rel=1e-3)


def test_noise_and_unrounded_floats_are_not_rounding() -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (32, 40)).astype(np.float32)
    assert noticed_rounding(features, features) is None
    noisy = features + rng.normal(0, 0.1, features.shape).astype(np.float32)
    assert noticed_rounding(noisy, features) is None
    # Rounded, but not these features.
    assert noticed_rounding(Rounding(0.01).apply(noisy), features) is None
    assert noticed_rounding(np.zeros((32, 40), np.float32), features) is None
