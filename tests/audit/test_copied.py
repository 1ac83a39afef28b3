"""Records that are attacked and known at once are noticed, and others are not."""

from __future__ import annotations

import numpy as np
import pytest
from audit.stores import store

from privkit.audit.copied import copied_share


@pytest.mark.parametrize("width", [16, 64])
def test_the_store_in_another_order_is_the_store(width: int) -> None:
    material = store(0.3, width=width)
    order = np.random.default_rng(0).permutation(len(material))
    share = copied_share(
        material.features[order], material.features, material.owners[order], material.owners
    )
    assert share == 1.0


def test_nearly_the_store_and_some_of_it() -> None:
    floats = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    person = np.arange(200) // 5
    assert copied_share(floats[1:], floats, person[1:], person) == 1.0
    other = floats.copy()
    other[:110] += 1
    assert copied_share(other, floats, person, person) == pytest.approx(0.45)


def test_short_codes_come_again_by_themselves() -> None:
    one, two = store(0.0, width=3, seed=1), store(0.0, width=3, seed=2)
    assert copied_share(two.features, one.features, two.owners, one.owners) == 0.0
    assert copied_share(one.features, one.features, one.owners, one.owners) == 1.0


def test_equal_records_of_other_people_are_no_copies() -> None:
    floats = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    assert copied_share(floats, floats, np.arange(50) + 100, np.arange(50)) == 0.0
