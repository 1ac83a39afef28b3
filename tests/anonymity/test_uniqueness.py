"""Models of population uniqueness against plain formulas, likelihoods and their own limits."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from privkit.anonymity import ClassCounts, uniqueness_models
from privkit.anonymity.pitman_model import pitman, pitman_fit
from privkit.anonymity.population_part import population_part
from privkit.anonymity.resampling import Samples, log_rising, resamples
from privkit.anonymity.uniqueness import (
    UniquenessEstimate,
    dankar_choice,
    estimate_uniqueness,
)
from privkit.anonymity.uniqueness_models import MODELS, chao_jost, shlosser, snb, zayatz
from privkit.errors import InputError


def counts(*sizes):
    return ClassCounts.from_sizes(np.array(sizes))


def zipf(n, population, seed=0):
    """A sample of a population with many small classes and some that are large."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, population)
    sizes = rng.multinomial(population, weights / weights.sum())
    sample = rng.multivariate_hypergeometric(sizes, n, method="marginals")
    return counts(*sample[sample > 0])


@pytest.mark.parametrize(("x", "m"), [(0.3, 0.7), (5, 20), (999, 1), (1001, 5e8), (1e15, 30)])
def test_log_rising(x, m):
    exact = math.lgamma(x + m) - math.lgamma(x) if x < 1e9 else m * math.log(x)
    assert float(log_rising(np.array(float(x)), np.array(float(m)))) == pytest.approx(
        exact, rel=1e-9
    )


@pytest.mark.parametrize(
    ("sizes", "population"), [((1, 1, 2, 5, 130), 500), ((1, 3), 4), ((1,), 9)]
)
def test_zayatz_is_bayes_rule(sizes, population):
    """Dankar et al. (2012), appendix A, term by term."""
    n, classes = sum(sizes), len(sizes)
    once = {j: stats.hypergeom.pmf(1, population, j, n) for j in set(sizes)}
    prior = {j: sizes.count(j) / classes for j in set(sizes)}
    unique = prior[1] * once[1] / sum(prior[j] * once[j] for j in once)
    truth = sizes.count(1) * unique * population / n
    found = zayatz(Samples.of(counts(*sizes), population))[0] * population
    assert found == pytest.approx(truth)


def test_chao_jost_by_hand():
    found = chao_jost(Samples.of(counts(4, 2, 1, 1, 1), 15))[0]
    assert found == pytest.approx(3 / 9 * (8 * 3 / (8 * 3 + 2)) ** (15 - 9))


def test_shlosser_by_hand():
    sizes, pi = (1, 1, 1, 2, 3, 150), 0.25
    a = sum(j * pi**2 * (1 - pi**2) ** (j - 1) for j in sizes)
    b = sum((1 - pi) ** j * ((1 + pi) ** j - 1) for j in sizes)
    c = sum((1 - pi) ** j for j in sizes)
    d = sum(j * pi * (1 - pi) ** (j - 1) for j in sizes)
    found = shlosser(Samples.of(counts(*sizes), sum(sizes) * 4))[0]
    assert found == pytest.approx(6 + 3 * (a / b) * (c / d) ** 2)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.25), (0.3, 0.1), (4.0, 0.8)])
@pytest.mark.parametrize("pi", [0.15, 0.5, 0.9])
def test_snb_finds_its_own_parameters(monkeypatch, alpha, beta, pi):
    """Expected singles and pairs, by thinning the model's class sizes one by one."""
    classes, sizes = 10_000, np.arange(1, 2000)
    have = classes * stats.nbinom.pmf(sizes - 1, alpha, beta)
    table = np.zeros((1, 100))
    for j in (1, 2):
        table[0, j - 1] = (have * stats.binom.pmf(j, sizes, pi)).sum()
    people = float((have * sizes).sum())
    # The rest of the records in classes of 3, so that n is right.
    table[0, 2] = (people * pi - table[0, 0] - 2 * table[0, 1]) / 3
    samples = Samples(
        np.arange(1.0, 101), table, np.zeros(0), np.zeros(0), round(people * pi), round(people)
    )
    monkeypatch.setattr(uniqueness_models, "shlosser", lambda _: np.array([float(classes)]))
    assert snb(samples)[0] * people == pytest.approx(classes * beta**alpha, rel=1e-3)


def pitman_likelihood(alpha, theta, sizes):
    """The sampling formula itself, person by person."""
    log, people = 0.0, 0
    for seen, size in enumerate(sizes):
        for inside in range(size):
            new = theta + seen * alpha
            chance = (new if inside == 0 else inside - alpha) / (theta + people)
            log += math.log(chance) if people else 0.0
            people += 1
    return log


@pytest.mark.parametrize(
    "sizes", [(1,) * 40 + (2,) * 11 + (3, 3, 5, 9), (1,) * 30 + (2, 2, 3, 4, 8, 150, 400)]
)
def test_pitman_is_the_maximum_of_the_likelihood(sizes):
    alpha, theta = (float(x[0]) for x in pitman_fit(Samples.of(counts(*sizes), 10**5)))
    best = optimize.minimize(
        lambda x: -pitman_likelihood(x[0], x[1], sizes),
        (alpha, theta),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    )
    assert -best.fun - pitman_likelihood(alpha, theta, sizes) < 1e-7
    assert (alpha, theta) == pytest.approx(tuple(best.x), rel=1e-3)


def test_the_share_of_pitman_is_that_of_its_urn_and_of_the_literature():
    samples = Samples.of(zipf(400, 8000), 8000)
    alpha, theta = (float(x[0]) for x in pitman_fit(samples))
    apart = math.prod((theta + i - 1 + alpha) / (theta + i) for i in range(1, 8000))
    assert pitman(samples)[0] == pytest.approx(apart, rel=1e-9)
    huge = replace(samples, population=10**9)
    printed = math.exp(math.lgamma(theta + 1) - math.lgamma(theta + alpha)) * 1e9**alpha
    assert pitman(huge)[0] * 10**9 == pytest.approx(printed, rel=1e-5)


def test_several_samples_at_once_are_each_of_them():
    one, two = zipf(3000, 9000, seed=1), zipf(3000, 9000, seed=2)
    few = [Samples.of(c, 9000) for c in (one, two)]
    # The tails differ, so both are cut off.
    few = [replace(s, tail_sizes=np.zeros(0), tail_classes=np.zeros(0)) for s in few]
    both = replace(few[0], classes=np.concatenate([s.classes for s in few]))
    for model in MODELS.values():
        alone = np.concatenate([model(s) for s in few])
        assert model(both) == pytest.approx(alone, nan_ok=True)


def test_resamples_are_like_the_data():
    sample = zipf(20_000, 60_000)
    again = resamples(sample, 60_000, 400, np.random.default_rng(0))
    assert again.records.mean() == pytest.approx(sample.n, rel=0.01)
    # Equal shares of the unseen classes are an idealisation, so the sizes come out near, not equal.
    for size in (1, 2, 3):
        assert again.of_size(size).mean() == pytest.approx(sample.classes_of_size(size), rel=0.15)


def estimates(**uniques):
    return {
        name: UniquenessEstimate(name, value, None, None, None, value is not None, "")
        for name, value in uniques.items()
    }


@pytest.mark.parametrize(
    ("fraction", "snb_", "zayatz_", "named"),
    [
        (0.1, 5.0, 1.0, "Pitman"),
        (0.01, None, None, "Pitman"),
        (0.1001, 5.0, 9.0, "SNB"),
        (0.5, 9.0, 5.0, "Zayatz"),
        (0.5, None, 5.0, "Zayatz"),
        (0.5, None, None, "Zayatz"),
    ],
)
def test_dankars_rule(fraction, snb_, zayatz_, named):
    found = estimates(Pitman=3.0, SNB=snb_, Zayatz=zayatz_)
    assert dankar_choice(found, fraction)[0] == named


@pytest.mark.parametrize(
    ("sample", "population", "reasons"),
    [
        (counts(5, 4), 20, {"Zayatz": "nobody is alone"}),
        (counts(*[1] * 50), 100, {"Zayatz": "exactly two", "SNB": "exactly two"}),
        (zipf(500, 10_000), 10_000, {"Zayatz": "above 10%", "SNB": "above 10%"}),
        (zipf(500, 1000), 1000, {"Pitman": "up to 10%"}),
        (zipf(500, 2000), 10_000, {"Chao-Jost": "at most 3 times"}),
        (counts(*[1] * 9, 2, *[20] * 90), 10**5, {"Pitman": "more even"}),
        (counts(1, 2, 2, 2, 2), 20, {"Zayatz": "resamples"}),
    ],
)
def test_refusals_give_a_reason_and_no_number(sample, population, reasons):
    found = estimate_uniqueness(sample, population, seed=0)
    for name, reason in reasons.items():
        estimate = found.estimates[name]
        assert reason in estimate.reason
        assert not estimate.valid
        assert estimate.uniques is estimate.share is estimate.low is estimate.high is None


def test_one_seed_one_result():
    sample = zipf(500, 10_000)
    one, two, other = (
        estimate_uniqueness(sample, 10_000, seed=s, replicates=30) for s in (1, 1, 2)
    )
    assert one == two
    assert one.chosen.valid
    assert one.chosen.uniques == other.chosen.uniques
    assert one.chosen.low != other.chosen.low


@pytest.mark.parametrize("sizes", [(1,), (7,), (1, 1, 1), (1, 2, 3)])
def test_the_whole_population_is_counted(sizes):
    found = estimate_uniqueness(counts(*sizes), sum(sizes), seed=0).chosen
    assert found.uniques == found.low == found.high == sizes.count(1)


def test_a_population_smaller_than_the_sample():
    with pytest.raises(InputError, match="smaller than the sample"):
        estimate_uniqueness(counts(5), 4, seed=0)


def check(found):
    for e in found.estimates.values():
        assert e.valid == (e.uniques is not None)
        assert e.reason
        if e.valid:
            assert 0 <= e.low <= e.uniques <= e.high <= found.population
            assert e.share == pytest.approx(e.uniques / found.population)


SIZES = st.lists(st.sampled_from([1, 1, 1, 2, 2, 3, 4, 7, 30, 99, 100, 101, 5000]), min_size=1)


@given(SIZES, st.floats(1, 9.9))
@settings(max_examples=200, deadline=None)
def test_any_sample_of_a_large_part(sizes, times):
    check(estimate_uniqueness(counts(*sizes), int(sum(sizes) * times), seed=0, replicates=20))


@given(SIZES, st.sampled_from([10, 1000, 10**12]))
@settings(max_examples=15, deadline=None)
def test_any_sample_of_a_small_part(sizes, times):
    check(estimate_uniqueness(counts(*sizes), sum(sizes) * times, seed=0, replicates=20))


def test_a_billion_records():
    sizes = np.concatenate([np.repeat(s, 10**6 // s**2) for s in range(1, 1000)])
    sizes = np.append(sizes, 10**9 - sizes.sum())
    found = estimate_uniqueness(ClassCounts.from_sizes(sizes), 10**11, seed=0)
    check(found)
    assert found.chosen.valid


@pytest.mark.parametrize("times", [1, 2, 50])
@pytest.mark.parametrize("sizes", [(1,), (4, 4), (1, 1, 1), (1,) * 30 + (2,) * 9 + (3, 8, 200)])
def test_the_part_says_one_sentence_beside_every_number(sizes, times):
    n = sum(sizes)
    part = population_part(counts(*sizes), n * times, seed=0, bits=6, noun="person")
    for table in part.tables:
        assert table.columns[-1] == "what it means"
        assert all(len(row) == len(table.columns) and len(row[-1]) > 20 for row in table.rows)
    text = " ".join([*part.findings, *part.warnings])
    assert "nan" not in text
    assert "None" not in text
    assert len({(m.name, *m.where.items()) for m in part.measures}) == len(part.measures)
    for m in part.measures:
        assert (m.low is None) == (m.high is None) == (m.confidence is None)
