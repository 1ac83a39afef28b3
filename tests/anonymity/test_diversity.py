"""l-diversity against the definitions, class by class."""

import math
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.diversity import diversity
from privkit.anonymity.grouping import Grouping, group_labels
from privkit.anonymity.sensitive import Sensitive, sensitive_column
from privkit.anonymity.sensitive_part import diversity_part
from privkit.errors import InputError

many = settings(
    max_examples=700, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)


def column(values):
    return Sensitive("illness", group_labels(np.asarray(values)), ordered=False)


def classes_of(codes, values):
    held = defaultdict(list)
    for code, value in zip(codes, values, strict=True):
        held[code].append(value)
    return held


def recursive_l(counts, c):
    ordered = sorted(counts, reverse=True)
    return max(
        [1, *(k for k in range(2, len(ordered) + 1) if ordered[0] < c * sum(ordered[k - 1 :]))]
    )


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 60))
    codes = rng.integers(0, int(rng.integers(1, 6)), rows)
    values = rng.integers(0, int(rng.integers(1, 7)), rows)
    return codes, values, rng


@many
@given(seed=seeds, c=st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.25]))
def test_agrees_with_the_definitions(seed, c):
    codes, values, _ = draw(seed)
    found = diversity(group_labels(codes), column(values), c=c)
    held = classes_of(codes.tolist(), values.tolist())
    counts = [list(Counter(inside).values()) for inside in held.values()]
    assert found.distinct == min(map(len, counts))
    entropies = [-sum(r / sum(rs) * math.log(r / sum(rs)) for r in rs) for rs in counts]
    assert found.entropy == pytest.approx(math.exp(min(entropies)))
    assert 1 <= found.entropy <= found.distinct + 1e-9
    assert found.recursive == min(recursive_l(rs, c) for rs in counts)
    if found.distinct == 1:
        assert found.recursive_c is None
    else:
        tails = [sorted(rs, reverse=True) for rs in counts]
        reached = [
            all(rs[0] < whole * sum(rs[found.distinct - 1 :]) for rs in tails)
            for whole in range(1, found.recursive_c + 1)
        ]
        assert reached == [False] * (found.recursive_c - 1) + [True]
    single = {code for code, inside in held.items() if len(set(inside)) == 1}
    exposed = [code in single for code in codes.tolist()]
    assert found.homogeneous == len(single)
    assert found.homogeneous_records == sum(exposed)
    # With one record a person, counting people is counting records.
    once = diversity(group_labels(codes), column(values), c=c, persons=np.arange(codes.size))
    assert replace(once, people=None, homogeneous_people=None) == found
    assert once.homogeneous_people == sum(exposed)


@many
@given(seed=seeds, c=st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.25]))
def test_people_count_once_for_each_of_their_values(seed, c):
    codes, values, rng = draw(seed)
    persons = rng.integers(0, int(rng.integers(1, 9)), codes.size)
    found = diversity(group_labels(codes), column(values), c=c, persons=persons)
    rows = list(zip(codes.tolist(), values.tolist(), persons.tolist(), strict=True))
    ls, entropies, recursives, open_classes = [], [], [], set()
    for code in set(codes.tolist()):
        pairs = {(value, person) for own, value, person in rows if own == code}
        counts = list(Counter(value for value, _ in pairs).values())
        if max(counts) == len({person for _, person in pairs}):  # everybody has that value
            open_classes.add(code)
            counts = [1]
        ls.append(len(counts))
        entropies.append(-sum(r / sum(counts) * math.log(r / sum(counts)) for r in counts))
        recursives.append(recursive_l(counts, c))
    assert found.distinct == min(ls)
    assert found.entropy == pytest.approx(math.exp(min(entropies)))
    assert found.recursive == min(recursives)
    assert found.homogeneous == len(open_classes)
    exposed = [person for code, _, person in rows if code in open_classes]
    assert found.homogeneous_records == len(exposed)
    assert found.homogeneous_people == len(set(exposed))
    assert found.people == len(set(persons.tolist()))
    # Rows of one person never hide a value of theirs.
    in_rows = diversity(group_labels(codes), column(values), c=c)
    assert found.distinct <= in_rows.distinct
    assert found.homogeneous >= in_rows.homogeneous


def test_one_person_with_two_values_hides_neither():
    codes, values = np.array([0, 0, 1, 1]), [0, 1, 0, 1]
    found = diversity(group_labels(codes), column(values), persons=np.array([0, 0, 1, 2]))
    assert (found.distinct, found.homogeneous, found.homogeneous_people) == (1, 1, 1)
    said = diversity_part([found]).findings[0]
    assert "l = 1 over people for illness: 1 class of 2 has a value that everybody in it" in said


@many
@given(seed=seeds)
def test_merging_values_never_makes_a_class_more_diverse(seed):
    codes, values, rng = draw(seed)
    merged = rng.integers(0, 3, 7)[values]
    before = diversity(group_labels(codes), column(values))
    after = diversity(group_labels(codes), column(merged))
    assert after.distinct <= before.distinct
    assert after.entropy <= before.entropy + 1e-9
    assert after.homogeneous >= before.homogeneous


@many
@given(seed=seeds)
def test_merging_classes_never_lowers_distinct_or_entropy_l(seed):
    codes, values, _ = draw(seed)
    fine = diversity(group_labels(codes), column(values))
    coarse = diversity(group_labels(codes // 2), column(values))
    assert coarse.distinct >= fine.distinct
    assert coarse.entropy >= fine.entropy - 1e-9  # entropy is concave


def test_the_paper_by_hand():
    """A class of 4, 2, 1 and 1: entropy 1.75 bits; 4 < 3 * (2 + 1 + 1), 4 < 3 * 2, not 4 < 3."""
    values = [0] * 4 + [1] * 2 + [2, 3]
    found = diversity(group_labels(np.zeros(8, int)), column(values), c=3)
    assert found.distinct == 4
    assert found.entropy == pytest.approx(2**1.75)
    assert found.recursive == 3
    assert found.recursive_c == 5  # 4 < 5 * 1


def test_words():
    grouping = group_labels(np.array([0, 0, 1, 1]))
    bad = diversity(grouping, column([0, 0, 0, 1]), persons=np.array([0, 0, 1, 2]))
    part = diversity_part([bad])
    assert "l = 1 over people for illness: 1 class of 2 has a value" in part.findings[0]
    assert "for 1 person (33.3%)" in part.findings[0]
    assert {row[0]: row[1] for row in part.tables[0].rows}["people in them"] == "1"
    assert "Counted in people" in part.tables[0].note
    good = diversity(grouping, column([0, 1, 0, 1]))
    assert "every class has at least 2 of the 2" in diversity_part([good]).findings[0]
    for table in (*part.tables, *diversity_part([good]).tables):
        assert table.columns[-1] == "what it means"
        assert all(row[-1].endswith(".") for row in table.rows)


def test_missing_is_a_value_and_told():
    table = pa.table({"illness": ["flu", None, "flu", ""], "age": [3, 1, 2, None]})
    found = diversity(group_labels(np.array([0, 0, 1, 1])), sensitive_column(table, "illness"))
    assert (found.values, found.missing, found.distinct) == (3, 2, 2)
    assert "has no value in 2 records" in diversity_part([found]).warnings[0]


def test_bad_input():
    grouping = group_labels(np.zeros(3, int))
    for c in (0, -1, math.nan):
        with pytest.raises(InputError, match="above 0"):
            diversity(grouping, column([0, 1, 2]), c=c)
    with pytest.raises(InputError, match="3 values"):
        diversity(grouping, column([0, 1]))
    with pytest.raises(InputError, match="one a record"):
        diversity(grouping, column([0, 1, 2]), persons=np.zeros(2, int))


def test_large_classes_stay_quick():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 50_000, 300_000)
    found = diversity(group_labels(labels), column(rng.integers(0, 1000, 300_000)))
    assert 1 <= found.distinct <= found.values
    assert isinstance(group_labels(labels), Grouping)
