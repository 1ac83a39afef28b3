"""Models that say how likely each value of a label is, given a stored feature.

Each learns from labelled records and gives probabilities for others. None is the attacked network.
All scale to large stores by a limit on the records that they take.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.evaluation.equal_rows import equal_rows
from privkit.evaluation.people import folds_by_label
from privkit.evaluation.probes import NEIGHBOURS, linear_probe
from privkit.evaluation.ridge import LEAST_RIDGE, ridge

__all__ = ["MODELS", "Known", "Model", "cross_fitted", "hits", "models_for", "shares"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST = 20_000  # records, with which the slowest model takes seconds
_STEPS = 500  # of the linear probe's solver, from there on its answers do not change
#: Records that stand for all others in the space of the kernel.
_LANDMARKS = 300
_LEAVES = 15
_ROUNDS = 50
_TREES = 200
#: Trees of the random forest.
_FOREST = 100
#: Features that boosting looks at: those that differ most between the labels in training.
_COLUMNS = 64
#: Records that the naive Bayes of a code can be worth beside the records of the very same code.
_BACK_OFF = (0.5, 5.0, 50.0, 500.0)


@dataclass(frozen=True, eq=False)
class Known:
    """Labelled records.

    Attributes:
        features: ``(n, width)``, codes as ±1 or floats.
        person: ``(n,)``, whose they are.
        labels: ``(n,)``, from 0 to ``classes - 1``.
        classes: how many labels there are, seen here or not.
    """

    features: NDArray[np.float32]
    person: Ints
    labels: Ints
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.bool_] | Ints) -> Known:
        """Some of these records."""
        return Known(self.features[rows], self.person[rows], self.labels[rows], self.classes)

    def beside(self, other: Known) -> Known:
        """These records and those of other people, whose numbers may be the same by chance."""
        apart = other.person - other.person.min() + self.person.max() + 1
        return Known(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.person, apart]),
            np.concatenate([self.labels, other.labels]),
            self.classes,
        )


@dataclass(frozen=True)
class Model:
    """A way to learn the probabilities of a label.

    Attributes:
        posterior: from what is known and features ``(m, width)`` to ``(m, classes)``, rows that
            sum to 1. It is given records of two labels at least.
        most: how many records it takes at most, of a width and a number of classes.
    """

    posterior: Callable[[Known, NDArray[np.float32]], Floats]
    most: Callable[[int, int], int]


def shares(known: Known) -> Floats:
    """How frequent each label is among the records, ``(classes,)``."""
    return np.bincount(known.labels, minlength=known.classes) / len(known)


def _spread(found: Floats, labels: Ints, classes: int) -> Floats:
    """Columns for the labels that training did not show, at 0."""
    out = np.zeros((len(found), classes))
    out[:, labels] = found
    return out


def _linear(known: Known, features: NDArray[np.float32]) -> Floats:
    fitted = linear_probe(known.features, known.labels, known.person, steps=_STEPS)
    return _spread(fitted.posterior(features), fitted.model.classes_, known.classes)


def _discriminant(known: Known, features: NDArray[np.float32]) -> Floats:
    """Gaussian classes of one covariance (Fisher 1936), which is hardly shrunk.

    It sees along directions of little spread beside others of much, which a penalty drowns.
    scikit-learn's fails where a class has no spread at all, as of a constant.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.special import softmax

    seen, code, count = np.unique(known.labels, return_inverse=True, return_counts=True)
    x = known.features.astype(np.float64)
    centre = x.mean(0)
    x -= centre
    held = features.astype(np.float64) - centre
    if x.shape[1] > len(x):  # all that was learned lies in the space of the rows
        basis = np.linalg.qr(x.T)[0]
        x, held = x @ basis, held @ basis
    mean = np.zeros((len(seen), x.shape[1]))
    np.add.at(mean, code, x)
    mean /= count[:, None]
    within = x - mean[code]
    scatter = within.T @ within / max(1, len(x) - len(seen))
    variance = float((x**2).sum()) / x.size
    scatter[np.diag_indices_from(scatter)] += ridge(LEAST_RIDGE, variance, known.features)
    weights = cho_solve(cho_factor(scatter), mean.T)
    score = held @ weights - 0.5 * (mean.T * weights).sum(0) + np.log(count / len(x))
    return _spread(softmax(score, axis=1), seen, known.classes)


def _kernel(known: Known, features: NDArray[np.float32]) -> Floats:
    """A linear probe in the space of a Gaussian kernel (Williams and Seeger, NIPS 2000)."""
    from sklearn.kernel_approximation import Nystroem

    x = known.features
    gamma = 1.0 / max(x.shape[1] * float(x.var()), 1e-6)
    space = Nystroem(gamma=gamma, n_components=min(_LANDMARKS, len(x)), random_state=0).fit(x)
    near = space.transform(x).astype(np.float32)
    fitted = linear_probe(near, known.labels, known.person, steps=_STEPS)
    found = fitted.posterior(space.transform(features).astype(np.float32))
    return _spread(found, fitted.model.classes_, known.classes)


def _boosting(known: Known, features: NDArray[np.float32]) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_selection import SelectKBest, f_classif

    x, held = known.features, features
    if x.shape[1] > _COLUMNS:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # features that never change tell nothing
            chosen = SelectKBest(f_classif, k=_COLUMNS).fit(x, known.labels).get_support()
        x, held = x[:, chosen], held[:, chosen]
    seen = len(np.unique(known.labels))
    model = HistGradientBoostingClassifier(
        max_iter=_ROUNDS if seen == 2 else max(10, min(_ROUNDS, _TREES // seen)),
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=max(2, min(20, len(x) // 40)),
        early_stopping=False,
        random_state=0,
    ).fit(x, known.labels)
    return _spread(model.predict_proba(held), model.classes_, known.classes)


def _forest(known: Known, features: NDArray[np.float32]) -> Floats:
    """A random forest (Breiman 2001), which few records of many features mislead least."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(_FOREST, random_state=0).fit(known.features, known.labels)
    return _spread(model.predict_proba(features), model.classes_, known.classes)


def _neighbours(known: Known, features: NDArray[np.float32]) -> Floats:
    from sklearn.neighbors import KNeighborsClassifier

    k = min(NEIGHBOURS, len(known))
    with warnings.catch_warnings():
        # That many classes of few records each may be no classes; people are.
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        model = KNeighborsClassifier(k, algorithm="brute").fit(known.features, known.labels)
        found = model.predict_proba(features)
    votes = _spread(k * found, model.classes_, known.classes)
    return (votes + shares(known)) / (k + 1)


def _table(known: Known, features: NDArray[np.float32]) -> Floats:
    """Count the labels of the very same code, beside naive Bayes for what is seen seldom.

    How much naive Bayes is worth is chosen on a third of the people in training.
    """
    held = folds_by_label(known.labels, known.person, 3, np.random.default_rng(0)) == 0
    worth = _BACK_OFF[0]
    if held.any() and len(np.unique(known.labels[~held])) > 1:
        counts, naive = _counts(known.take(~held), known.features[held])
        truth = known.labels[held, None]
        likelihood = [
            np.log(np.take_along_axis(_mixed(counts, naive, w), truth, 1) + 1e-12).sum()
            for w in _BACK_OFF
        ]
        worth = _BACK_OFF[int(np.argmax(likelihood))]
    return _mixed(*_counts(known, features), worth)


def _mixed(counts: Floats, naive: Floats, worth: float) -> Floats:
    out: Floats = (counts + worth * naive) / (counts.sum(1, keepdims=True) + worth)
    return out


def _counts(known: Known, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """How often each label has the very code of each record, and what naive Bayes says of it."""
    from sklearn.naive_bayes import BernoulliNB

    model = BernoulliNB(binarize=0.0).fit(known.features, known.labels)
    naive = _spread(model.predict_proba(features), model.classes_, known.classes)
    ids = equal_rows(np.concatenate([known.features, features]))
    own, held = ids[: len(known)], ids[len(known) :]
    counts = np.zeros((len(held), known.classes))
    for label in range(known.classes):
        counts[:, label] = np.bincount(own[known.labels == label], minlength=ids.max() + 1)[held]
    return counts, naive


#: The models by name. ``table`` looks up whole codes: on codes that repeat it tends to the best
#: guess that any adversary can make (Bayes), however the code was made.
MODELS = {
    "linear": Model(_linear, lambda w, c: min(_MOST, max(2_000, 30_000_000 // (w * c)))),
    "discriminant": Model(_discriminant, lambda w, _: min(_MOST, max(2_000, int(4e9 / w**2)))),
    "kernel": Model(_kernel, lambda _, __: 4_000),
    "boosting": Model(_boosting, lambda _, c: min(_MOST, max(4_000, 80_000 // c))),
    "forest": Model(_forest, lambda _, __: 4_000),
    "neighbours": Model(_neighbours, lambda w, _: min(_MOST, int((3e10 / w) ** 0.5))),
    "table": Model(_table, lambda _, __: 10 * _MOST),
}


def models_for(ids: Ints) -> list[str]:
    """The models for records of these numbers: ``table`` only where some are not alone.

    Args:
        ids: as :func:`privkit.evaluation.equal_rows.equal_rows` gives them.
    """
    alone = float((np.bincount(ids) == 1).sum()) / len(ids)
    return [name for name in MODELS if name != "table" or alone <= 0.9]


def cross_fitted(model: Model, known: Known, fold: Ints, public: Known | None = None) -> Floats:
    """What a model says of each record after learning from the other folds.

    Args:
        model: one of :data:`MODELS`.
        known: the records.
        fold: ``(n,)``, of each; no person may be in two.
        public: records of other people, learned from in every fold.

    Returns:
        ``(n, classes)``. A fold whose training shows one label only is given that label.
    """
    from threadpoolctl import threadpool_limits

    out = np.zeros((len(known), known.classes))
    for k in np.unique(fold):
        train, held = known.take(fold != k), fold == k
        if public is not None:
            train = train.beside(public)
        if np.ptp(train.labels) == 0:
            out[held] = shares(train)
            continue
        # Of matrices so small, the threads of the linear algebra wait for each other.
        with threadpool_limits(1):
            out[held] = model.posterior(train, known.features[held])
    return out


def hits(scores: Floats, truth: Ints) -> Floats:
    """Whether the largest score is that of the truth; of several equal ones, its share.

    Args:
        scores: ``(n, classes)``.
        truth: ``(n,)``.

    Returns:
        ``(n,)`` in [0, 1].
    """
    top = scores >= scores.max(1, keepdims=True)
    hit: Floats = top[np.arange(len(truth)), truth] / top.sum(1)
    return hit
