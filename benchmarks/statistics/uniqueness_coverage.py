"""Coverage of every interval and bias of every estimator, on populations whose truth is known.

Populations are simulated, simple random samples are drawn from them, and every estimator of
``privkit.anonymity`` is held against the truth: the people who are really alone in their class,
the class that a person really shares, the share really in classes below k. A model is right only
on the populations it assumes; elsewhere its interval shows how far a model error goes.

    python benchmarks/statistics/uniqueness_coverage.py --samples 200 --out reports/uniqueness
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity import ClassCounts
from privkit.anonymity.certified import certify
from privkit.anonymity.entropy import miller_madow, miller_madow_interval
from privkit.anonymity.population import estimate_population
from privkit.anonymity.uniqueness import estimate_uniqueness

Sizes = NDArray[np.int64]

FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)
K = 5


@dataclass(frozen=True)
class Row:
    """What one figure came to over all samples of one population.

    Attributes:
        population: the name of the simulated population.
        fraction: the sampling fraction n / P.
        figure: what is estimated, and by what.
        truth: the mean of what is true.
        given: share of the samples on which the estimator was not refused.
        bias: mean estimate over truth, minus 1; ``None`` where refused or a bound.
        covered: share of the intervals or bounds given that hold the truth.
        width: mean width of the intervals, or mean of the bounds, over truth.
    """

    population: str
    fraction: float
    figure: str
    truth: float
    given: float
    bias: float | None
    covered: float | None
    width: float | None


def zipf(people: int, rng: np.random.Generator) -> Sizes:
    """Class probabilities that fall with the rank."""
    return drawn(1 / np.arange(1, people + 1), people, rng)


def geometric(people: int, rng: np.random.Generator) -> Sizes:
    """Class probabilities that fall by a factor."""
    return drawn(np.exp(-np.arange(people) / (people / 40)), people, rng)


def uniform(people: int, rng: np.random.Generator) -> Sizes:
    """Equal class probabilities, two people a class: ideal codes of too many bits."""
    return drawn(np.ones(people // 2), people, rng)


def wide(people: int, rng: np.random.Generator) -> Sizes:
    """Equal class probabilities, 40 people a class: ideal codes of few bits."""
    return drawn(np.ones(people // 40), people, rng)


def slide(people: int, rng: np.random.Generator) -> Sizes:
    """The SNB model itself, of mean 4."""
    return upto(1 + rng.negative_binomial(1.0, 0.25, size=people), people)


def pitman(people: int, rng: np.random.Generator) -> Sizes:
    """The Pitman model itself, alpha 0.6 and theta 50: its urn (Pitman 1995)."""
    alpha, theta = 0.6, 50.0
    label = np.zeros(people, dtype=np.int64)
    sizes = [1]
    for person in range(1, people):
        if rng.random() * (theta + person) < theta + alpha * len(sizes):
            sizes.append(0)
            label[person] = len(sizes) - 1
        else:
            while True:  # the class of a random earlier person, thinned by 1 - alpha / size
                label[person] = label[int(rng.integers(person))]
                if rng.random() * sizes[label[person]] > alpha:
                    break
        sizes[label[person]] += 1
    return np.array(sizes)


def drawn(weights: NDArray[np.float64], people: int, rng: np.random.Generator) -> Sizes:
    """Put people into classes independently."""
    sizes = rng.multinomial(people, weights / weights.sum())
    return sizes[sizes > 0]


def upto(sizes: Sizes, people: int) -> Sizes:
    """Keep the first classes that together hold about so many people."""
    return sizes[: int(np.searchsorted(np.cumsum(sizes), people)) + 1]


POPULATIONS: dict[str, Callable[[int, np.random.Generator], Sizes]] = {
    "Zipf": zipf,
    "geometric": geometric,
    "uniform, 2 a class": uniform,
    "uniform, 40 a class": wide,
    "SNB": slide,
    "Pitman": pitman,
}


def trials(
    sizes: Sizes, fraction: float, samples: int, rng: np.random.Generator
) -> Iterator[ClassCounts]:
    """Draw simple random samples of a population."""
    n = round(fraction * int(sizes.sum()))
    for _ in range(samples):
        seen = rng.multivariate_hypergeometric(sizes, n, method="marginals")
        yield ClassCounts.from_sizes(seen[seen > 0])


def rows_of(
    name: str, sizes: Sizes, fraction: float, samples: int, rng: np.random.Generator
) -> list[Row]:
    """Measure every estimator on samples of one population."""
    people = int(sizes.sum())
    shares = sizes / people
    truths = {
        "uniques": float((sizes == 1).sum()),
        "k of a person": float((sizes * shares).sum()),
        "entropy": float(-(shares * np.log2(shares)).sum()),
        "small": float(sizes[sizes < K].sum() / people),
    }
    kept: dict[tuple[str, str], list[tuple[float | None, float | None, float | None]]] = {}

    def keep(
        truth: str, figure: str, value: float | None, low: float | None, high: float | None
    ) -> None:
        kept.setdefault((truth, figure), []).append((value, low, high))

    for number, counts in enumerate(trials(sizes, fraction, samples, rng)):
        found = estimate_uniqueness(counts, people, seed=number, replicates=100)
        for model in found.estimates.values():
            keep("uniques", f"uniques, {model.name}", model.uniques, model.low, model.high)
        best = found.chosen
        keep("uniques", "uniques, Dankar's choice", best.uniques, best.low, best.high)
        plain = estimate_population(counts, people)
        keep(
            "k of a person",
            "expected k",
            plain.expected_k if plain.expected_k_high is not None else None,
            plain.expected_k_low,
            plain.expected_k_high,
        )
        keep("uniques", "uniques not excluded (bound)", None, 0.0, plain.uniques_high)
        # An entropy belongs to a distribution: its records are drawn with replacement.
        again = rng.multinomial(counts.n, shares)
        iid = ClassCounts.from_sizes(again[again > 0])
        keep("entropy", "entropy, Miller-Madow", miller_madow(iid), *miller_madow_interval(iid))
        proven = certify(counts, people, K, seed=number)
        keep("small", f"share in classes below {K} (bound)", None, 0.0, proven.share_high)
    return [
        row(name, fraction, figure, truths[truth], results)
        for (truth, figure), results in kept.items()
    ]


def row(
    name: str,
    fraction: float,
    figure: str,
    truth: float,
    results: list[tuple[float | None, float | None, float | None]],
) -> Row:
    """Sum up one figure."""
    given = [(v, low, high) for v, low, high in results if low is not None and high is not None]
    values = [v for v, _, _ in given if v is not None]
    held = [low <= truth <= high for _, low, high in given]
    widths = [high - low for _, low, high in given]
    return Row(
        name,
        fraction,
        figure,
        truth,
        len(given) / len(results),
        float(np.mean(values)) / truth - 1 if values and truth else None,
        float(np.mean(held)) if held else None,
        float(np.mean(widths)) / truth if widths and truth else None,
    )


def measure(people: int, samples: int, seed: int) -> list[Row]:
    """Measure on every population and sampling fraction."""
    found = []
    for number, (name, make) in enumerate(POPULATIONS.items()):
        rng = np.random.default_rng([seed, number])
        sizes = make(people, rng)
        for fraction in FRACTIONS:
            found += rows_of(name, sizes, fraction, samples, rng)
    return found


def markdown(rows: list[Row], people: int, samples: int) -> str:
    """Arrange the figures as a table."""

    def cell(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    head = (
        f"# Coverage of the population estimates\n\nAbout {people:,} people, {samples} samples "
        "each, intervals and bounds of 95%.\nBias and width (of a bound, the bound) are over the "
        "truth.\n\n"
        "| population | sampled | figure | truth | given | bias | covered | width |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {r.population} | {r.fraction:.0%} | {r.figure} | {r.truth:.4g} | {r.given:.0%} "
        f"| {cell(r.bias, '+.0%')} | {cell(r.covered, '.0%')} | {cell(r.width, '.0%')} |\n"
        for r in rows
    )


def main() -> int:
    """Measure, print the table and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for coverage.json and coverage.md")
    options = parser.parse_args()
    rows = measure(options.people, options.samples, options.seed)
    text = markdown(rows, options.people, options.samples)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "coverage.json").write_text(
            json.dumps([asdict(r) for r in rows], indent=2) + "\n", encoding="utf-8"
        )
        (options.out / "coverage.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
