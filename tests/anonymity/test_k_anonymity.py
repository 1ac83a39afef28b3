"""The measures of k-anonymity and what they say in words."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from privkit.anonymity import ClassCounts, k_anonymity, measured_bits
from privkit.anonymity.class_noun import code_with, combination_of
from privkit.anonymity.report import kanon_result
from privkit.anonymity.words import number, share
from privkit.errors import InputError


def measured(sizes, **options):
    return k_anonymity(ClassCounts.from_sizes(np.array(sizes)), **options)


def test_uniform_codes_are_ideal():
    found = measured([25] * 4, bits=2)
    assert (found.k, found.classes, found.share_used) == (25, 4, 1)
    assert found.ideal.k == 25
    assert found.ideal.ratio == 1
    assert found.ideal.distance == pytest.approx(0)
    assert found.ideal.bits_short == pytest.approx(0)


def test_distance_from_uniform_by_hand():
    found = measured([70, 20, 10], bits=2)  # one of four codes does not occur
    truth = 0.5 * sum(abs(p - 0.25) for p in (0.7, 0.2, 0.1, 0.0))
    assert found.ideal.distance == pytest.approx(truth)
    assert found.ideal.ratio == 10 / 25
    assert found.share_used == 0.75


@pytest.mark.parametrize(("n", "bits"), [(1, 1), (7, 2), (100, 3), (50, 10), (1000, 1)])
def test_distance_by_chance_is_the_binomial_mean_deviation(n, bits):
    uniform = stats.binom(n, 2.0**-bits)
    counts = np.arange(n + 1)
    deviation = (uniform.pmf(counts) * np.abs(counts - n * 2.0**-bits)).sum()
    truth = 2**bits * deviation / (2 * n)
    assert measured([n], bits=bits).ideal.distance_by_chance == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("bits", [1, 62, 63, 64, 1000, 1024, 1280, 65536])
def test_any_number_of_bits(bits):
    found = measured([3, 1], bits=bits)
    assert 0 <= found.ideal.distance_by_chance <= 1
    assert found.findings()
    assert found.warnings()


def test_mean_class_size_of_a_record():
    assert measured([3, 1]).mean_k == pytest.approx((3 * 3 + 1) / 4)


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_bad_thresholds(k):
    with pytest.raises(InputError, match="--k"):
        measured([3], thresholds=[k])


def test_thresholds_are_sorted_and_distinct():
    found = measured([1, 3, 8], thresholds=[9, 2, 2])
    assert [(b.k, b.records, b.classes) for b in found.below] == [(2, 1, 1), (9, 12, 3)]
    assert found.below[0].share == pytest.approx(1 / 12)


def test_words_for_a_good_file():
    text = " ".join(measured([1000] * 8, bits=3).findings())
    assert "k = 1,000: no record shares its code with fewer than 999 others" in text
    assert "0% (0) in classes smaller than 2" in text
    assert "8 of 8 possible codes occur" in text


def test_words_for_unique_records():
    text = measured([1, 1, 98]).findings()[0]
    assert text.startswith("k = 1: 2 records (2%) are unique, singled out")
    assert measured([1, 99]).findings()[0].startswith("k = 1: 1 record (1%) is unique")


def test_words_for_too_many_bits():
    assert "too many to hide 3 records" in " ".join(measured([2, 1], bits=40).findings())


def test_a_small_sample_is_warned_of():
    found = measured([1] * 90 + [10], bits=20)
    text = " ".join(found.warnings())
    for expected in ("too small", "Good-Turing", "log2 n"):
        assert expected in text


def test_other_warnings():
    def text(sizes, **options):
        return " ".join(measured(sizes, **options).warnings())

    assert "say whose each is with --person" in text([5])
    assert "--person" not in " ".join(measured([5]).warnings(people=True))
    assert "so it tells nobody in this file apart" in text([5])
    assert "give --bits" in text([5])
    assert "2 records with a missing value" in text([5], nulls=2)
    assert "chance alone" in text([3, 2], bits=1)
    assert "collision entropy cannot be estimated" in text([1, 1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1,234,567"), (97.65625, "97.7"), (1e-9, "less than 0.01"), (12345.6, "12,346")],
)
def test_numbers_in_words(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50%"),
        (0.123, "12.3%"),
        (1e-6, "less than 0.01%"),
        (1 - 1e-6, "more than 99.99%"),
        (0.001, "0.10%"),
        (0.998, "99.80%"),
    ],
)
def test_shares_never_round_a_few_records_away(value, text):
    assert share(value) == text


def test_measured_bits_of_floats():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 1.0], [2.0, 1.5]], dtype=np.float32)
    found = measured_bits(rows)
    assert (found.rows, found.distinct, found.uniques) == (4, 3, 2)
    assert found.entropy_bits == pytest.approx(1.5)
    assert found.at_ceiling  # 1.5 of at most 2 bits: four rows cannot show more


def test_measured_bits_below_the_ceiling():
    found = measured_bits(np.repeat(np.arange(10.0), 10))
    assert found.entropy_bits == pytest.approx(math.log2(10))
    assert not found.at_ceiling


def test_measured_bits_at_the_ceiling():
    found = measured_bits(np.random.default_rng(0).normal(size=(1000, 40)))
    assert found.at_ceiling
    assert found.entropy_bits == pytest.approx(math.log2(1000)) == found.ceiling_bits


@pytest.mark.parametrize("dtype", ["bool", "u1", "i4", "f2", "f8", "c16"])
@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 3), (60, 2, 5)])
def test_measured_bits_agree_with_sets(dtype, shape):
    array = np.random.default_rng(1).integers(0, 2, shape).astype(dtype)
    assert measured_bits(array).distinct == len({row.tobytes() for row in array})


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 3)), np.array(1.0), np.array([[1.0, np.nan]]), np.array(["a"])]
)
def test_measured_bits_refuse(bad):
    with pytest.raises(InputError):
        measured_bits(bad)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    spare=st.integers(0, 294),
    thresholds=st.lists(st.integers(1, 70), max_size=4),
)
def test_every_measure_agrees_with_the_records(sizes, spare, thresholds):
    bits = (len(sizes) - 1).bit_length() + spare or 1
    found = measured(sizes, bits=bits, thresholds=thresholds)
    own = sorted(size for size in sizes for _ in range(size))  # of each record
    n = len(own)
    assert (found.n, found.classes, found.k, found.largest) == (
        n,
        len(sizes),
        min(sizes),
        max(sizes),
    )
    assert found.uniques == sizes.count(1)
    assert found.mean_k == pytest.approx(sum(own) / n)
    for below in found.below:
        assert below.records == sum(size < below.k for size in own)
        assert below.classes == sum(size < below.k for size in sizes)
        assert below.share == below.records / n
    for values, quantiles in (
        (sorted(sizes), found.quantiles_classes),
        (own, found.quantiles_records),
    ):
        places = [max(0, -(-p * len(values) // 100) - 1) for p in found.percents]
        assert list(quantiles) == [values[place] for place in places]
    assert found.share_used == pytest.approx(len(sizes) / 2**bits)
    assert found.ideal.k == pytest.approx(n / 2**bits)
    assert found.ideal.ratio == pytest.approx(min(sizes) / (n / 2**bits))
    shannon = -sum(size / n * math.log2(size / n) for size in sizes)
    assert found.ideal.bits_short == pytest.approx(bits - shannon)
    far = sum(abs(size / n - 2.0**-bits) for size in sizes) + (2**bits - len(sizes)) / 2**bits
    assert found.ideal.distance == pytest.approx(far / 2)


def test_the_words_name_what_a_class_is():
    joined = measured([1, 3])
    noun = code_with(["camera", "hour"])
    said = " ".join([*joined.findings(noun), *joined.warnings(noun=noun)])
    assert "singled out by the stored code with camera, hour alone" in said
    assert "--bits" not in said
    assert "--bits" in " ".join(joined.warnings())
    table = " ".join(measured([2, 3]).findings(combination_of(["age", "sex"])))
    assert "no record shares its combination of age, sex with fewer than 1 others" in table
    assert code_with(list("abcdefg")).one == "code with a, b, c, d and 3 more"


def test_k_of_1_is_told_as_being_alone():
    found = kanon_result(
        ClassCounts.from_sizes(np.array([1, 3])), command="", data=[], configuration={}
    )
    first = found.tables[0].rows[0]
    assert first[:2] == ["k", "1"]
    assert first[2] == "The most exposed record is alone in its class: nobody else hides it."
