"""What each bit adds agrees with counting strings from which the bit was cut."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.contribution import contribution
from privkit.anonymity.contribution_part import contribution_part
from privkit.errors import InputError
from privkit.features import Codes
from privkit.report.prefixes import draw_contribution

THRESHOLDS = (1, 2, 3, 5)


def entropy(sizes, n):
    return -sum(s / n * math.log2(s / n) for s in sizes)


def draw(seed):
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, int(rng.choice([10, 70, 301])))), int(rng.integers(1, 50))
    pool = rng.integers(0, 2, (int(rng.integers(1, 8)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), n)]
    # About one changed bit in each second code, so that dropping a bit merges classes.
    matrix ^= rng.random(matrix.shape) < 0.5 / bits
    return matrix


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_every_bit(seed):
    matrix = draw(seed)
    n = len(matrix)
    found = contribution(Codes.from_matrix(matrix), thresholds=THRESHOLDS)
    texts = ["".join(map(str, row)) for row in matrix.tolist()]
    whole = entropy(Counter(texts).values(), n)
    for bit in range(matrix.shape[1]):
        sizes = list(Counter(text[:bit] + text[bit + 1 :] for text in texts).values())
        assert (found.classes[bit], found.k[bit], found.uniques[bit]) == (
            len(sizes),
            min(sizes),
            sizes.count(1),
        )
        assert found.below[:, bit].tolist() == [sum(s for s in sizes if s < k) for k in THRESHOLDS]
        assert found.entropy[bit] == pytest.approx(entropy(sizes, n), abs=1e-9)
        assert found.entropy_lost[bit] == pytest.approx(whole - entropy(sizes, n), abs=1e-9)
        column = Counter(matrix[:, bit].tolist())
        assert found.ones[bit] == column[1] / n
        assert found.own_entropy[bit] == pytest.approx(entropy(column.values(), n), abs=1e-9)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_leaving_a_bit_out_never_raises_risk(seed):
    found = contribution(Codes.from_matrix(draw(seed)))
    assert (found.k >= found.whole.sizes.min()).all()
    assert (found.uniques <= found.whole.classes_of_size(1)).all()
    assert (found.entropy_lost <= found.own_entropy + 1e-9).all()  # conditioning


def test_all_codes_of_six_bits():
    found = contribution(Codes.from_integers(np.arange(64), 6))
    assert found.k.tolist() == [2] * 6
    assert found.uniques.tolist() == [0] * 6
    assert found.entropy_lost == pytest.approx(np.ones(6))


def test_part_and_figure(tmp_path):
    rng = np.random.default_rng(2)
    matrix = rng.integers(0, 2, (60, 5), dtype=np.uint8)
    matrix = np.column_stack([matrix, matrix[:, 0], np.zeros(60, np.uint8)])
    for shown in (matrix, np.tile(matrix, 12), matrix[:, [0, 5]], matrix[:, [6]]):
        found = contribution(Codes.from_matrix(shown))
        part = contribution_part(found)
        (table,) = part.tables
        assert len(table.rows) == min(64, found.bits)
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert all(row[-1].endswith(".") for row in table.rows)
        assert draw_contribution(tmp_path, found)[0].path.stat().st_size > 5_000
    meanings = [
        row[-1] for row in contribution_part(contribution(Codes.from_matrix(matrix))).tables[0].rows
    ]
    assert meanings[6] == "It is the same in every record."
    assert (
        meanings[0]
        == meanings[5]
        == ("The other bits say the same: leaving it out changes nothing.")
    )


def test_people_are_told_of_where_they_are_known():
    """Bit 1 splits person 0's two records from each other, but never makes a person unique."""
    codes = Codes.from_integers(np.array([0, 1, 0, 2, 2]), 2)
    persons = np.array([0, 0, 1, 2, 3])
    part = contribution_part(contribution(codes, persons=persons))
    assert (
        "counted in people, is bit 1: without it 0 instead of 1 person would be unique"
        in (part.findings[0])
    )
    assert part.tables[0].title == "What each bit adds, in people"
    assert {"k in people without the bit", "people below k without the bit"} <= {
        m.name for m in part.measures
    }
    rows = contribution_part(contribution(codes))
    assert rows.tables[0].title == "What each bit adds, in records"
    assert "counted in records" in rows.findings[0]
    assert "--person" in rows.warnings[-1]


def test_bad_input():
    with pytest.raises(InputError, match="threshold"):
        contribution(Codes.from_integers([1], 1), thresholds=(0,))
