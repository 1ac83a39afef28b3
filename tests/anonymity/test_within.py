"""Prefixes and single bits within metadata, in records and in people, agree with sets."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.anonymity.class_noun import code_with
from privkit.anonymity.contribution import contribution
from privkit.anonymity.contribution_part import contribution_part
from privkit.anonymity.grouping import group_labels
from privkit.anonymity.own_lengths import own_lengths
from privkit.anonymity.prefixes import prefix_counts
from privkit.anonymity.prefixes_part import prefixes_part
from privkit.anonymity.shared_lengths import shared_lengths
from privkit.anonymity.trie import build_trie, sort_codes
from privkit.errors import InputError
from privkit.features import Codes

THRESHOLDS = (1, 2, 3, 5, 1000)
seeds = st.integers(0, 2**32)


def quick(cases):
    return settings(
        max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def draw(seed):
    """Bits with repeats and near-repeats, the person and the metadata of each row."""
    rng = np.random.default_rng(seed)
    bits, n = int(rng.integers(1, int(rng.choice([8, 70, 301])))), int(rng.integers(1, 40))
    pool = rng.integers(0, 2, (int(rng.integers(1, 8)), bits), dtype=np.uint8)
    matrix = pool[rng.integers(0, len(pool), n)]
    matrix ^= rng.random(matrix.shape) < rng.choice([0, 0.5 / bits, 0.2])
    persons = np.unique(rng.integers(0, rng.integers(1, n + 1), n), return_inverse=True)[1]
    metadata = rng.integers(0, int(rng.choice([1, 2, 5, n])), n)
    return matrix, persons, metadata


def people_of(keys, persons):
    """The k of each person, by sets."""
    hidden, ks = defaultdict(set), defaultdict(list)
    for key, person in zip(keys, persons, strict=True):
        hidden[key].add(person)
    for key, person in zip(keys, persons, strict=True):
        ks[person].append(len(hidden[key]))
    return [min(of_person) for of_person in ks.values()]


def texts(matrix):
    return ["".join(map(str, row)) for row in matrix.tolist()]


@quick(80)
@given(seed=seeds)
def test_every_prefix_within_metadata(seed):
    matrix, persons, metadata = draw(seed)
    found = prefix_counts(
        Codes.from_matrix(matrix),
        thresholds=THRESHOLDS,
        persons=persons,
        metadata=group_labels(metadata),
    )
    alone = prefix_counts(
        Codes.from_matrix(matrix), thresholds=THRESHOLDS, metadata=group_labels(metadata)
    )
    for length in range(matrix.shape[1] + 1):
        keys = list(zip(metadata.tolist(), (t[:length] for t in texts(matrix)), strict=True))
        sizes = list(Counter(keys).values())
        for one in (found, alone):
            assert (one.classes[length], one.k[length]) == (len(sizes), min(sizes))
            assert one.uniques[length] == sizes.count(1)
            assert one.below[:, length].tolist() == [
                sum(s for s in sizes if s < k) for k in THRESHOLDS
            ]
        ks = people_of(keys, persons.tolist())
        assert found.people.k[length] == min(ks)
        assert found.people.below[:, length].tolist() == [
            sum(k < limit for k in ks) for limit in THRESHOLDS
        ]


@quick(400)
@given(seed=seeds, within=st.booleans())
def test_every_bit_in_people_and_within_metadata(seed, within):
    matrix, persons, metadata = draw(seed)
    if not within:
        metadata = np.zeros_like(metadata)
    found = contribution(
        Codes.from_matrix(matrix),
        thresholds=THRESHOLDS,
        persons=persons,
        metadata=group_labels(metadata) if within else None,
    )
    whole = list(zip(metadata.tolist(), texts(matrix), strict=True))
    ks = people_of(whole, persons.tolist())
    assert (found.people.whole_k, found.people.whole_uniques) == (min(ks), ks.count(1))
    for bit in range(matrix.shape[1]):
        keys = [(label, text[:bit] + text[bit + 1 :]) for label, text in whole]
        sizes = list(Counter(keys).values())
        assert (found.classes[bit], found.k[bit]) == (len(sizes), min(sizes))
        assert found.uniques[bit] == sizes.count(1)
        without = people_of(keys, persons.tolist())
        assert found.people.k[bit] == min(without)
        assert found.people.uniques[bit] == without.count(1)
        assert found.people.below[:, bit].tolist() == [
            sum(k < limit for k in without) for limit in THRESHOLDS
        ]


@quick(400)
@given(seed=seeds, k=st.integers(1, 8))
def test_lengths_of_their_own_by_counts_are_those_by_records(seed, k):
    matrix, persons, _ = draw(seed)
    codes = Codes.from_matrix(matrix)
    lengths = shared_lengths(build_trie(codes), k)
    found = own_lengths(build_trie(codes), k)
    assert found.left_out == (lengths < 0).sum()
    if found.bits is not None:
        assert found.bits == pytest.approx(lengths[lengths >= 0].mean())
    uniform = prefix_counts(codes, thresholds=(k,), own=(k,), persons=persons)
    ordered = persons[sort_codes(codes).order]
    assert uniform.own == (own_lengths(sort_codes(codes).trie, k, ordered),)
    # Everybody at the longest uniform length is one of the choices, so that nobody is left out.
    assert (uniform.own[0].left_out == len(matrix)) == (uniform.people.longest(k) is None)


def test_one_bit_is_no_promise_where_a_serial_number_stands_beside_it():
    """200 codes of 1 bit, each with a serial number: nothing keeps k at 2, not even 0 bits."""
    codes = Codes.from_matrix(np.arange(200)[:, None] % 2)
    serial = group_labels(np.arange(200))
    found = prefix_counts(codes, thresholds=(2,), persons=np.arange(200), metadata=serial)
    assert found.k.tolist() == found.people.k.tolist() == [1, 1]
    assert found.people.below.tolist() == [[200, 200]]
    assert found.longest(2) is None
    assert found.people.longest(2) is None
    noun = code_with(["serial"])
    words = prefixes_part(found, noun)
    assert "k >= 2: not even 0 bits" in words.findings[0]
    assert "metadata alone" in words.tables[0].rows[0][-1]
    bits = contribution(codes, persons=np.arange(200), metadata=serial)
    assert bits.people.uniques.tolist() == [200]
    assert "people" in contribution_part(bits, noun).findings[0]


def test_bad_input():
    codes = Codes.from_integers([0, 1, 2], 2)
    metadata = group_labels(np.zeros(2, int))
    with pytest.raises(InputError, match="each of the 3 records"):
        prefix_counts(codes, metadata=metadata)
    with pytest.raises(InputError, match="without metadata"):
        prefix_counts(codes, metadata=group_labels(np.zeros(3, int)), own=(2,))
    with pytest.raises(InputError, match="persons"):
        contribution(codes, persons=np.zeros(2, int))
