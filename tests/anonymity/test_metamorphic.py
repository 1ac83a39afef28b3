"""What must hold between two files: more people alike, or fewer bits, never raise risk."""

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.contribution import contribution
from privkit.anonymity.diversity import diversity
from privkit.anonymity.grouping import group_codes, group_labels, join
from privkit.anonymity.kanon import k_anonymity
from privkit.anonymity.metadata import metadata
from privkit.anonymity.people import people_anonymity, smallest_classes
from privkit.anonymity.prefixes import prefix_counts
from privkit.anonymity.risks import risks, risks_of_people
from privkit.anonymity.sensitive import Sensitive
from privkit.anonymity.truncation import truncate
from privkit.anonymity.unicity import unicity
from privkit.features import Codes

THRESHOLDS = (2, 3, 5)

many = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 2**32)


def draw(seed):
    """Codes of N bits from 1 to 300, noisy copies of a few, and the person of each."""
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, int(rng.choice([9, 301])))), int(rng.integers(1, 60))
    pool = rng.integers(0, 2, (int(rng.integers(1, 10)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), n)]
    matrix ^= rng.random(matrix.shape) < rng.choice([0, 0.5 / bits, 0.2])
    persons = np.unique(rng.integers(0, rng.integers(1, n + 1), n), return_inverse=True)[1]
    return matrix, persons, rng


@many
@given(seed=seeds)
def test_copies_of_records_of_other_people_never_lower_k(seed):
    matrix, persons, rng = draw(seed)
    copied = rng.integers(0, len(matrix), int(rng.integers(1, 40)))
    more = np.concatenate([matrix, matrix[copied]])
    # The copies belong to people who are not in the file yet, one or several records each.
    newcomers = np.unique(rng.integers(0, copied.size, copied.size), return_inverse=True)[1]
    everybody = np.concatenate([persons, persons.max() + 1 + newcomers])
    before, after = group_codes(Codes.from_matrix(matrix)), group_codes(Codes.from_matrix(more))
    old, new = smallest_classes(before, persons), smallest_classes(after, everybody)
    assert (new[: old.size] >= old).all()  # of each person who was there
    assert people_anonymity(after, everybody, ()).k >= people_anonymity(before, persons, ()).k
    assert k_anonymity(after.sizes()).k >= k_anonymity(before.sizes()).k
    assert risks(after.sizes()).prosecutor.highest <= risks(before.sizes()).prosecutor.highest
    a, b = (
        prefix_counts(Codes.from_matrix(bits), persons=who)
        for bits, who in ((matrix, persons), (more, everybody))
    )
    assert (b.k >= a.k).all()
    assert (b.people.k >= a.people.k).all()
    assert (b.uniques <= a.uniques).all()


@many
@given(seed=seeds)
def test_fewer_bits_never_raise_a_risk(seed):
    matrix, persons, rng = draw(seed)
    kept = np.sort(rng.permutation(matrix.shape[1])[: int(rng.integers(1, matrix.shape[1] + 1))])
    fine = group_codes(Codes.from_matrix(matrix))
    coarse = group_codes(Codes.from_matrix(matrix[:, kept]))
    a = k_anonymity(fine.sizes(), thresholds=THRESHOLDS)
    b = k_anonymity(coarse.sizes(), thresholds=THRESHOLDS)
    assert b.k >= a.k
    assert b.uniques <= a.uniques
    assert b.mean_k >= a.mean_k - 1e-9
    assert b.entropies.shannon <= a.entropies.shannon + 1e-9
    assert b.entropies.minimum <= a.entropies.minimum + 1e-9
    for few, more in zip(b.below, a.below, strict=True):
        assert few.records <= more.records
    assert (smallest_classes(coarse, persons) >= smallest_classes(fine, persons)).all()
    of_fine, of_coarse = (people_anonymity(g, persons, THRESHOLDS) for g in (fine, coarse))
    for one, other in (
        (risks(fine.sizes()), risks(coarse.sizes())),
        (risks_of_people(of_fine), risks_of_people(of_coarse)),
    ):
        assert other.prosecutor.highest <= one.prosecutor.highest
        assert other.prosecutor.at_risk <= one.prosecutor.at_risk
        assert other.prosecutor.success_rate <= one.prosecutor.success_rate + 1e-12
    sampled = len(matrix) + int(rng.integers(0, 1000))
    one, other = (risks(g.sizes(), population=sampled) for g in (fine, coarse))
    assert other.journalist.highest <= one.journalist.highest
    assert other.expected_highest <= one.expected_highest + 1e-12
    assert other.marketer <= one.marketer + 1e-12


@many
@given(seed=seeds)
def test_what_stands_beside_a_code_never_protects(seed):
    matrix, persons, rng = draw(seed)
    code = group_codes(Codes.from_matrix(matrix))
    hour = rng.integers(0, 4, len(matrix))
    found = metadata(pa.table({"hour": hour}), code=code, persons=persons)
    assert found.joined.k <= found.code.k
    assert found.joined.share_below >= found.code.share_below
    stored, beside = Codes.from_matrix(matrix), group_labels(hour)
    alone = prefix_counts(stored, persons=persons, thresholds=THRESHOLDS)
    within = prefix_counts(stored, persons=persons, thresholds=THRESHOLDS, metadata=beside)
    assert (within.k <= alone.k).all()
    assert (within.people.k <= alone.people.k).all()
    assert (within.people.below >= alone.people.below).all()
    a = contribution(stored, persons=persons, thresholds=THRESHOLDS)
    b = contribution(stored, persons=persons, thresholds=THRESHOLDS, metadata=beside)
    assert (b.people.k <= a.people.k).all()
    assert (b.people.below >= a.people.below).all()
    # All bits and the metadata are the joined class.
    assert within.people.k[-1] == people_anonymity(join(code, beside), persons, ()).k


@many
@given(seed=seeds)
def test_cutting_codes_gives_less_away_of_people_with_one_record(seed):
    matrix, _, rng = draw(seed)
    values = Sensitive("illness", group_labels(rng.integers(0, 4, len(matrix))), ordered=False)
    codes, persons = Codes.from_matrix(matrix), np.arange(len(matrix))
    cut = truncate(codes, int(rng.integers(1, matrix.shape[1] + 1)))
    fine, coarse = (diversity(group_codes(c), values, persons=persons) for c in (codes, cut))
    assert coarse.distinct >= fine.distinct
    assert coarse.entropy >= fine.entropy - 1e-9
    assert coarse.homogeneous_people <= fine.homogeneous_people


@many
@given(seed=seeds)
def test_a_twin_of_everybody_leaves_nobody_unique(seed):
    matrix, persons, _ = draw(seed)
    codes = group_codes(Codes.from_matrix(np.concatenate([matrix, matrix])))
    twins = np.concatenate([persons, persons.max() + 1 + persons])
    found = unicity(codes, twins, p_max=3, draws=200)
    assert all(point.share == 0 for point in (*found.as_set, *found.as_sequence))
    assert people_anonymity(codes, twins, ()).k >= 2
