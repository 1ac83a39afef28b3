"""Shares as the page writes them."""

from __future__ import annotations

import pytest

from privkit.audit.percent import percent


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.025, "2.5%"), (0.0994, "9.9%"), (0.0995, "10%"), (0.1146, "11%"), (0.72, "72%"),
     (0.999, "100%"), (0.0, "0.0%"), (-1e-5, "0.0%"), (-0.003, "-0.3%"), (-0.1146, "-11%")],
)  # fmt: skip
def test_two_or_three_digits(share: float, written: str) -> None:
    assert percent(share) == written
