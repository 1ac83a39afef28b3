"""Equal records have equal numbers, whatever they are made of."""

from __future__ import annotations

import numpy as np

from privkit.evaluation.equal_rows import equal_rows


def test_equal_rows_have_equal_numbers() -> None:
    draw = np.random.default_rng(0)
    x = np.where(draw.random((500, 9)) < 0.5, -1, 1).astype(np.float32)
    wide = np.concatenate([x] * 20, axis=1)
    _, expected = np.unique(x, axis=0, return_inverse=True)
    for rows in (x, wide, wide * 0.37):
        ids = equal_rows(rows)
        assert len(np.unique(ids)) == len(np.unique(expected))
        assert len(set(zip(ids, expected, strict=True))) == len(np.unique(expected))
    assert equal_rows(np.array([[0.0, 1.5], [-0.0, 1.5]], dtype=np.float32)).tolist() == [0, 0]
    assert equal_rows(np.array([[1, 2], [1, 2], [1, 3]])).tolist() == [0, 0, 1]
