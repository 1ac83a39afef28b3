"""The figures of people: the same bytes every time, and their words."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from privkit.anonymity.grouping import group_labels
from privkit.anonymity.metadata import metadata
from privkit.anonymity.people import people_anonymity
from privkit.anonymity.unicity import unicity
from privkit.report.people import draw_columns, draw_people, draw_unicity


def figures(folder, rows=400):
    rng = np.random.default_rng(0)
    persons, codes = rng.integers(0, 60, rows), rng.integers(0, 30, rows)
    grouping = group_labels(codes)
    table = pa.table({"camera": rng.integers(0, 4, rows), "$hour_{": rng.integers(0, 24, rows)})
    return [
        *draw_people(folder, people_anonymity(grouping, persons, (2, 5)), grouping.sizes()),
        *draw_unicity(folder, unicity(grouping, persons, p_max=3, draws=500)),
        *draw_columns(folder, metadata(table, code=grouping)),
    ]


def test_the_same_pictures_every_time(tmp_path):
    (tmp_path / "again").mkdir()
    pictures = figures(tmp_path)
    for picture, again in zip(pictures, figures(tmp_path / "again"), strict=True):
        assert picture.path.read_bytes() == again.path.read_bytes()
        with Image.open(picture.path) as image:
            assert min(image.size) > 300
        assert picture.caption
        assert picture.alt
    assert "60 people" in pictures[0].alt
    assert "Uniqueness from" in pictures[1].alt
    assert "$hour_{ costs most" in pictures[2].alt


@pytest.mark.parametrize("rows", [1, 2])
def test_next_to_nothing_can_be_drawn(tmp_path, rows):
    grouping, persons = group_labels(np.zeros(rows, int)), np.zeros(rows, int)
    assert draw_people(tmp_path, people_anonymity(grouping, persons, ()), grouping.sizes())
    assert draw_unicity(tmp_path, unicity(grouping, persons))
    assert draw_columns(tmp_path, metadata(pa.table({"a": [1] * rows}), persons=persons))
