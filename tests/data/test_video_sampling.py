"""Where the sampled moments lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privkit.data.videos.sampling import sample_times
from privkit.errors import InputError

SECONDS = st.floats(1e-3, 1e5)
COUNTS = st.integers(1, 20)


def test_middles_by_hand():
    assert sample_times(8.0, 2, 2).tolist() == [[1.0, 3.0], [5.0, 7.0]]
    assert sample_times(3.0, 1, 1).tolist() == [[1.5]]


@given(SECONDS, COUNTS, COUNTS, st.one_of(st.none(), st.integers(0, 99)))
def test_one_moment_in_each_part(seconds, clips, frames, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    times = sample_times(seconds, clips, frames, rng=rng)
    assert times.shape == (clips, frames)
    part = seconds / (clips * frames)
    starts = np.arange(clips * frames) * part
    slack = seconds * 1e-12
    assert (times.ravel() >= starts - slack).all()
    assert (times.ravel() <= starts + part + slack).all()
    assert times.min() >= 0
    assert times.max() < seconds


@given(SECONDS, COUNTS, COUNTS)
def test_middles_are_evenly_spread_and_symmetric(seconds, clips, frames):
    times = sample_times(seconds, clips, frames).ravel()
    np.testing.assert_allclose(times + times[::-1], seconds)
    np.testing.assert_allclose(np.diff(times), seconds / (clips * frames))


def test_draws_are_uniform_in_their_part():
    rng = np.random.default_rng(0)
    draws = np.array([sample_times(2.0, 1, 2, rng=rng)[0, 1] for _ in range(4000)])
    shares = np.histogram(draws, bins=10, range=(1, 2))[0] / 4000
    np.testing.assert_allclose(shares, 0.1, atol=0.02)


class AlmostOne:
    """Draws the largest number below 1."""

    def random(self, n):
        return np.full(n, np.nextafter(1.0, 0.0))


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, 7.3])
def test_the_end_is_never_drawn(seconds):
    assert sample_times(seconds, 3, 7, rng=AlmostOne()).max() < seconds


@pytest.mark.parametrize(
    ("seconds", "clips", "frames"),
    [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1), (np.inf, 1, 1), (1, 0, 1), (1, 1, 0)],
)
def test_bad_values_are_refused(seconds, clips, frames):
    with pytest.raises(InputError, match="rule"):
        sample_times(seconds, clips, frames)
