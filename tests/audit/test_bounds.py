"""What stands beside the attacks on who it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from audit.stores import store

from privkit.audit.linking import try_linking
from privkit.audit.material import Known, Material
from privkit.result import Table


def of_who_it_is(material: Material) -> tuple[Table, dict[str, str]]:
    """The table, and its values by quantity."""
    table = try_linking(material, 0, 500).tables["linkability"][-1]
    assert table.title == "What leaks of who it is, and what no adversary can beat"
    return table, {row[0]: row[1] for row in table.rows}


def test_codes_that_name_people_leak_who_it_is() -> None:
    table, values = of_who_it_is(store(1.0, people=32))
    assert values["entropy of the secret"] == "5.00 bits"
    assert values["mutual information"].startswith("5.00 bits")
    assert values["error of the strongest attack here"] == "0.0%"
    assert values["error of a guess without the feature"] == "96.9%"
    assert values["least error of any, from 16 bits"] == "0.0%"
    assert "160 records of 32 people." in table.note
    assert "seldom" not in table.note


def test_a_constant_leaves_nothing_to_win() -> None:
    constant = replace(store(0.0, people=32), features=np.zeros((160, 4), np.float32), bits=None)
    _, values = of_who_it_is(constant)
    assert values["mutual information"] == "0.00 bits (0.00 to 0.00)"
    assert values["error of the strongest attack here"] == "96.9%"
    assert values["least error of any, from the information (Fano)"] == "96.9%"
    assert "… by nearest neighbours" not in values


def test_counts_that_cannot_tell_a_leak_from_chance_are_said_to() -> None:
    table, values = of_who_it_is(store(0.0, people=32, width=64))
    assert values["mutual information"] == "0.00 bits (0.00 to 5.00)"
    assert "finds 5.00 bits, and 5.00 bits with the people shuffled" in table.note
    assert "People seldom have a stored value twice" in table.note


@pytest.mark.parametrize("gallery", [False, True])
def test_too_few_records_a_person_are_said(gallery: bool) -> None:
    both = store(1.0, records=2)
    if gallery:
        first = np.arange(len(both)) % 2 == 0
        known = Known(both.features[~first], both.owners[~first])
        both = replace(both.take(first), gallery=known)
    table, _ = of_who_it_is(both)
    assert list(table.rows) == [[
        "mutual information", "not estimated",
        "needs two people at least, of 3 records each; there are 0 such people",
    ]]  # fmt: skip
