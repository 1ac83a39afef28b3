"""The tables of the population estimates, one plain sentence beside each number."""

from __future__ import annotations

from dataclasses import dataclass

from privkit.anonymity.certified import Certified, sample_needed, sample_needed_for_everyone
from privkit.anonymity.needed import ideal_k, most_bits
from privkit.anonymity.population import PopulationEstimate
from privkit.anonymity.uniqueness import Uniqueness, UniquenessEstimate
from privkit.anonymity.words import counted, number, share
from privkit.result import Table

__all__ = ["PopulationFound", "proof_table", "size_table", "unique_table"]

SHOWN = 0.01
"""The share of people for which the needed sample is told."""


@dataclass(frozen=True)
class PopulationFound:
    """All estimates of one population.

    Attributes:
        plain: expected k, and what is not excluded.
        uniqueness: the models of population uniqueness.
        certified: what is proven, for each k.
        bits: N; ``None`` if not known.
        noun: what was counted, in the singular.
    """

    plain: PopulationEstimate
    uniqueness: Uniqueness
    certified: tuple[Certified, ...]
    bits: int | None
    noun: str

    @property
    def sample(self) -> str:
        """The sample in words."""
        return counted(self.uniqueness.n, self.noun)

    @property
    def people(self) -> int:
        """P."""
        return self.uniqueness.population


def unique_table(found: PopulationFound) -> Table:
    """Arrange one row an estimator, the refused ones with their reason."""
    rows = [
        [
            e.name + (", named by Dankar's rule" if e.name == found.uniqueness.named else ""),
            "refused" if e.uniques is None else number(e.uniques),
            "–" if e.share is None else share(e.share),
            "–" if e.low is None or e.high is None else f"{number(e.low)} to {number(e.high)}",
            _meaning(e),
        ]
        for e in found.uniqueness.estimates.values()
    ]
    high = found.plain.uniques_high
    if high is not None:
        rows.append(
            [
                "not excluded, no model",
                number(high),
                share(high / found.people),
                "–",
                "at 95%, no more people than these can be unique",
            ]
        )
    return Table(
        f"Unique people among {number(found.people)}, from {found.sample}",
        ["estimator", "unique people", "share", "95% interval", "what it means"],
        rows,
        note=f"{found.uniqueness.why}. The intervals cover the chance of the sample, not the error "
        "of the model.",
    )


def _meaning(e: UniquenessEstimate) -> str:
    if not e.valid:
        return f"no number is given: {e.reason}"
    return f"so many people share their code with nobody; {e.reason}"


def size_table(found: PopulationFound) -> Table:
    """Arrange what a random person may expect."""
    p = found.plain
    rows = []
    if p.expected_k is not None:
        given = p.expected_k_low is not None and p.expected_k_high is not None
        rows.append(
            [
                "expected k",
                number(p.expected_k) if given else "not known",
                f"{number(p.expected_k_low or 1)} to {number(p.expected_k_high or 1)}"
                if given
                else "–",
                "the people who share the code of a random person, that person included",
            ]
        )
    rows.append(
        [
            "expected k, plug-in",
            number(p.expected_k_plugin),
            "–",
            "the same with the shares of the sample taken for the truth: too large",
        ]
    )
    if found.bits is not None:
        rows.append(
            [
                "ideal k, P / 2^N",
                number(ideal_k(found.people, found.bits)),
                "–",
                f"what every class would have if all {found.bits}-bit codes were equally likely",
            ]
        )
    return Table(
        f"Class sizes among {number(found.people)}",
        ["figure", "people", "95% interval", "what it means"],
        rows,
    )


def _sample(found: PopulationFound, k: int) -> tuple[str, str]:
    """Say how many records would prove that few people are below k, and what that means."""
    n = sample_needed(found.people, found.bits or 0, k, SHOWN)
    uniform = f"if the {found.bits}-bit codes were uniform"
    if n is None:
        return "none is enough", f"not even counting everybody is sure to show it {uniform}"
    if n == found.people:
        return "all of them", f"only counting everybody would show it {uniform}"
    return f"about {number(n)}", f"records that would prove it at 95% {uniform}"


def proof_table(found: PopulationFound) -> Table:
    """Arrange what the sample proves for each k, and what it would take to prove more."""
    people, bits = found.people, found.bits
    counted_all = people == found.uniqueness.n
    rows = []
    for c in found.certified:
        rows.append(
            [f"people below {c.k}, at most", share(c.share_high), c.sentence().removesuffix(".")]
        )
        most = most_bits(people, c.k)
        rows.append(
            [
                f"bits for k >= {c.k}",
                "none" if most is None else number(most),
                "with more bits even uniform codes would leave some class smaller (95%)",
            ]
        )
        if bits is not None and not counted_all:
            rows.append([f"sample for 'at most {share(SHOWN)} below {c.k}'", *_sample(found, c.k)])
    if not counted_all:
        rows.append(
            [
                "sample for 'nobody is unique'",
                number(sample_needed_for_everyone(people)),
                "whoever is not in the sample may be alone: only 95% of the population excludes it",
            ]
        )
    return Table(
        "What a sample can prove",
        ["figure", "value", "what it means"],
        rows,
        note="No model is assumed. Each statement holds at 95% confidence by itself.",
    )
