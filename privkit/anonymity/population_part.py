"""What a sample says about a population, arranged for the result of ``privkit kanon``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from privkit.anonymity.certified import certify
from privkit.anonymity.classes import ClassCounts
from privkit.anonymity.needed import ideal_k
from privkit.anonymity.parts import Part
from privkit.anonymity.population import PopulationEstimate, estimate_population
from privkit.anonymity.population_tables import (
    PopulationFound,
    proof_table,
    size_table,
    unique_table,
)
from privkit.anonymity.uniqueness import UniquenessEstimate, estimate_uniqueness
from privkit.anonymity.words import FAR_EXTRAPOLATION, about, number, share
from privkit.result import Measure

__all__ = ["population_part"]

_BOOTSTRAP = "95% interval by bootstrap: sampling error, not model error"


def population_part(
    counts: ClassCounts,
    population: int,
    *,
    seed: int,
    bits: int | None = None,
    thresholds: Sequence[int] = (2, 5, 10),
    noun: str = "record",
) -> Part:
    """Estimate k and uniqueness in a population, and say what the sample proves.

    Args:
        counts: the class sizes of the sample, of records or of people.
        population: P, at least the sample.
        seed: of the bootstrap and of the split of :func:`~privkit.anonymity.needed.certify`.
        bits: N, where known.
        thresholds: the k's below which the share of people is bounded.
        noun: what was counted, in the singular.

    Raises:
        InputError: if P is not a whole number of at least the sample, or a k is not one.
    """
    found = PopulationFound(
        estimate_population(counts, population),
        estimate_uniqueness(counts, population, seed=seed),
        tuple(certify(counts, population, k, seed=seed) for k in sorted({*thresholds} - {1})),
        bits,
        noun,
    )
    return Part(
        findings=_findings(found),
        warnings=_warnings(found),
        measures=_measures(found),
        tables=[unique_table(found), size_table(found), proof_table(found)],
    )


def _findings(found: PopulationFound) -> list[str]:
    u, p, best = found.uniqueness, found.plain, found.uniqueness.chosen
    where = f"In a population of {number(found.people)}"
    if found.people == u.n:
        said = f"{where}, the whole of which was counted, {about(best.uniques or 0)} are unique"
        said = said.replace("about ", "")
    elif best.uniques is None:
        said = f"{where}, how many people are unique cannot be estimated: {u.why}, and it is "
        said += f"refused because {best.reason}"
    else:
        said = (
            f"{where}, {about(best.uniques)} ({share(best.share or 0.0)}) are estimated to be "
            f"unique{_interval(best)}, by {best.name}: {u.why}"
        )
    if p.uniques_high is not None:
        said += (
            f"; without any model, up to {number(p.uniques_high)} "
            f"({share(p.uniques_high / found.people)}) cannot be excluded (95%)"
        )
    return [said + ".", f"{where}, {_expected(p)}.", *(c.sentence() for c in found.certified[:1])]


def _interval(estimate: UniquenessEstimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f", 95% interval {number(estimate.low)} to {number(estimate.high)}"


def _expected(p: PopulationEstimate) -> str:
    if p.expected_k is None:
        return "one record says nothing about k"
    if p.expected_k_low is None or p.expected_k_high is None:
        return "k cannot be estimated, because no two records share a class"
    return (
        f"a random person shares the code with {number(p.expected_k - 1)} others on average "
        f"(expected k {number(p.expected_k)}, 95% interval {number(p.expected_k_low)} to "
        f"{number(p.expected_k_high)})"
    )


def _warnings(found: PopulationFound) -> list[str]:
    if found.people == found.uniqueness.n:
        return []
    said = [
        f"The population estimates assume that what was counted ({found.sample}) is a random "
        "sample of the population, one a person. The expected k is a mean that large classes "
        "dominate: it says nothing about the person in the smallest class.",
    ]
    if found.uniqueness.chosen.valid:
        said.append(
            "The interval of the unique people covers which people happened to be sampled, not "
            "the error of the model, which can be several times the estimate."
        )
    if found.plain.extrapolation > FAR_EXTRAPOLATION:
        said.append(
            f"The population is {number(found.plain.extrapolation)} times the sample: beyond "
            f"about {FAR_EXTRAPOLATION} times, the number of uniques rests on the model rather "
            "than on the data."
        )
    return said


def _measures(found: PopulationFound) -> list[Measure]:
    p, n = found.plain, found.uniqueness.n
    where = {"population": str(found.people)}
    up = partial(Measure, unit="people", better="higher protects", n=n)
    down = partial(Measure, unit="people", better="lower protects", n=n)
    rows = []
    if found.bits is not None:
        ideal, how = ideal_k(found.people, found.bits), "P / 2^N"
        rows.append(up("ideal k", ideal, method=how, where={**where, "estimator": how}))
    how = "unbiased collision probability"
    labels = {**where, "estimator": how}
    ends = _ends(p.expected_k_low, p.expected_k_high)
    rows.append(up("expected k", p.expected_k, method=how, where=labels, **ends))
    how = "plug-in"
    plain = {**where, "estimator": how}
    rows.append(up("expected k", p.expected_k_plugin, method=how, where=plain))
    for e in found.uniqueness.estimates.values():
        how = f"{_BOOTSTRAP}; {e.reason}" if e.valid else f"refused: {e.reason}"
        named = "yes" if e.name == found.uniqueness.named else "no"
        labels = {**where, "estimator": e.name, "named by Dankar's rule": named}
        rows.append(
            down("unique people", e.uniques, method=how, where=labels, **_ends(e.low, e.high))
        )
    rows.append(down("unique people", p.uniques_plugin, method="plug-in", where=plain))
    how = "upper 95% Poisson bound of the singletons"
    labels = {**where, "estimator": how}
    rows.append(down("uniques not excluded", p.uniques_high, method=how, where=labels))
    for c in found.certified:
        rows.append(
            Measure(
                "people below k, at most",
                c.share_high,
                "share",
                "lower protects",
                n=n,
                method="upper 95% bound from two halves of the sample, no model",
                where={**where, "k": str(c.k)},
            )
        )
    return rows


def _ends(low: float | None, high: float | None) -> dict[str, Any]:
    """Return an interval as :class:`Measure` takes it; one without both ends is none."""
    if low is None or high is None:
        return {}
    return {"low": low, "high": high, "confidence": 0.95}
