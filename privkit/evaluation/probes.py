"""The linear probe and its settings: what a logistic regression reads from a stored feature."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.evaluation.people import folds_by_label

__all__ = ["NEIGHBOURS", "LinearProbe", "linear_probe"]

#: Neighbours that vote: few-bit codes have many equal ones, of which one alone says little.
NEIGHBOURS = 15
#: Inverse strengths of the linear probe's penalty that it chooses among.
_STRENGTHS = (0.01, 0.1, 1.0, 10.0)
_FOLDS = 3
_SEARCH_STEPS = 200
_FINAL_STEPS = 2000


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A logistic regression on standardised features.

    Attributes:
        scaler: scikit-learn's ``StandardScaler``, learned on the training records.
        model: scikit-learn's ``LogisticRegression``.
        converged: whether the training came to its end.
    """

    scaler: Any
    model: Any
    converged: bool

    def predict(self, features: NDArray[np.float32]) -> NDArray[Any]:
        """The likeliest label of each record, ``(n,)``."""
        found: NDArray[Any] = self.model.predict(self.scaler.transform(features))
        return found

    def posterior(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each label, ``(n, labels)`` in sorted order of the labels."""
        found: NDArray[np.float64] = self.model.predict_proba(self.scaler.transform(features))
        return found


def linear_probe(
    train: NDArray[np.float32],
    labels: NDArray[Any],
    person: NDArray[np.int64] | None = None,
    *,
    steps: int = _FINAL_STEPS,
) -> LinearProbe:
    """Fit the linear probe; the strength of its penalty is chosen in three folds of the training.

    Args:
        train: ``(n, features)``, codes as ±1 or floats.
        labels: ``(n,)``, of two values at least.
        person: ``(n,)``, who is kept apart in those folds; ``None``: each record is its own.
        steps: at most so many of the solver.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    x = scaler.transform(train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is returned
        # A gallery may hold one or two records of each of its people.
        warnings.filterwarnings("ignore", "The number of unique classes")
        strength = _strength(x, labels, person)
        model = LogisticRegression(C=strength, max_iter=steps).fit(x, labels)
    return LinearProbe(scaler, model, bool(model.n_iter_.max() < steps))


def _strength(
    x: NDArray[np.float32], labels: NDArray[Any], person: NDArray[np.int64] | None
) -> float:
    """The C that reads most in three folds of the training records; ties go to the smallest."""
    from sklearn.linear_model import LogisticRegression

    fold = folds_by_label(labels, person, _FOLDS, np.random.default_rng(0))
    hits = np.zeros(len(_STRENGTHS))
    for n in range(_FOLDS):
        own, held = fold != n, fold == n
        if len(np.unique(labels[own])) < 2 or not held.any():
            continue
        model = LogisticRegression(max_iter=_SEARCH_STEPS, warm_start=True)
        for place, strength in enumerate(_STRENGTHS):
            model.set_params(C=strength).fit(x[own], labels[own])
            hits[place] += (model.predict(x[held]) == labels[held]).sum()
    return _STRENGTHS[int(hits.argmax())]
