"""What the best of several models reads of a secret, scored on people that it never saw.

Each gives a lower bound on the leakage: no adversary who knows the distribution does worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from privkit.evaluation.people import dealt, folds_by_label
from privkit.evaluation.posteriors import MODELS, Known, Model, cross_fitted, shares

__all__ = ["PERMUTATIONS", "best_posterior", "nearest_errors", "permutation_p"]

Floats = NDArray[np.float64]

PERMUTATIONS = 999
_FOLDS = 5


def best_posterior(known: Known, names: Sequence[str], rng: np.random.Generator) -> Floats:
    """Cross-fitted probabilities of each secret, people apart, ``(n, classes)``.

    In each fold the model of the smallest log loss is taken, chosen on a third of the people who
    are learned from, and with it how far it is mixed with the shares of the values: a model that
    learned from few people is too sure of itself.

    Args:
        known: the records, of three people at least.
        names: of :data:`privkit.evaluation.posteriors.MODELS`.
        rng: for the folds.
    """
    people = len(np.unique(known.person))
    fold = folds_by_label(known.labels, known.person, min(_FOLDS, people), rng)
    return cross_fitted(Model(_chosen(names), lambda _, __: 0), known, fold)


def _chosen(
    names: Sequence[str], *, shares_too: bool = True
) -> Callable[[Known, NDArray[np.float32]], Floats]:
    def posterior(known: Known, features: NDArray[np.float32]) -> Floats:
        name, doubt = _best(known, names, shares_too=shares_too)
        base = shares(known)
        if name is None:
            return np.tile(base, (len(features), 1))
        found: Floats = (1 - doubt) * MODELS[name].posterior(known, features) + doubt * base
        return found

    return posterior


def _best(known: Known, names: Sequence[str], *, shares_too: bool) -> tuple[str | None, float]:
    """The model and the doubt of it that fit held-out people best; ``None``: the shares do."""
    # No value that occurs may be called impossible.
    doubts = (1 / (len(np.unique(known.person)) + 1), 0.25, 0.5, 0.75)
    held = folds_by_label(known.labels, known.person, 3, np.random.default_rng(0)) == 0
    train, truth = known.take(~held), known.labels[held]
    if not held.any() or np.ptp(train.labels) == 0:
        return None, 1.0
    base = shares(train)[truth] + 1e-12
    best: tuple[str | None, float] = (None, 1.0)
    most = float(np.log(base).mean()) if shares_too else -np.inf
    for name in names:
        right = MODELS[name].posterior(train, known.features[held])[np.arange(len(truth)), truth]
        for doubt in doubts:
            reached = float(np.log((1 - doubt) * right + doubt * base).mean())
            if reached > most:
                most, best = reached, (name, doubt)
    return best


def permutation_p(known: Known, names: Sequence[str], rng: np.random.Generator) -> float:
    """Whether feature and secret go together at all, by permuting the secrets among people.

    The models learn on half of the people; the statistic is their mean log probability of the
    true secrets of the other half, whose secrets are then dealt among those people
    :data:`PERMUTATIONS` times. Permuting within cross-fitted folds with the models kept would be
    wrong: what the folds find is correlated, since each learns from the others.

    Returns:
        ``(1 + as good or better) / (1 + permutations)``: at most a, with probability at most a,
        where there is no leak (Phipson and Smyth 2010).
    """
    held = folds_by_label(known.labels, known.person, 2, rng) == 0
    train, rest = known.take(~held), known.take(held)
    if np.ptp(train.labels) == 0:
        return 1.0
    # Not the shares, by which every permutation is as good.
    logs = np.log(_chosen(names, shares_too=False)(train, rest.features) + 1e-12)
    row = np.arange(len(rest))
    people = len(np.unique(rest.person))

    def statistic(labels: NDArray[np.int64]) -> float:
        return float(logs[row, labels].mean())

    reached = statistic(rest.labels) - 1e-12
    as_good = sum(
        statistic(rest.labels[dealt(rest.person, rng.permutation(people), rng)]) >= reached
        for _ in range(PERMUTATIONS)
    )
    return (1 + as_good) / (1 + PERMUTATIONS)


def nearest_errors(known: Known, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the one nearest record of other people has another secret, ``(n,)``."""
    from sklearn.neighbors import KNeighborsClassifier

    people = len(np.unique(known.person))
    fold = folds_by_label(known.labels, known.person, min(_FOLDS, people), rng)
    wrong = np.zeros(len(known), dtype=np.bool_)
    for k in np.unique(fold):
        # In a random order, which breaks the ties among equally near codes.
        rows = rng.permutation(np.flatnonzero(fold != k))
        model = KNeighborsClassifier(1, algorithm="brute")
        model.fit(known.features[rows], known.labels[rows])
        wrong[fold == k] = model.predict(known.features[fold == k]) != known.labels[fold == k]
    return wrong
