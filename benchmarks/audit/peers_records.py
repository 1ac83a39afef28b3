"""Attributes and names read from stored features, by privkit and by peers.

Peers are scikit-learn's estimators with their default settings and the attribute inference of
adversarial-robustness-toolbox (ART), with several of its models. ``AttributeInferenceBlackBox``
also sees whom the network's head names. All learn from the same people and are asked about the
same records.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from art.attacks.inference.attribute_inference import (
    AttributeInferenceBaseline,
    AttributeInferenceBlackBox,
)
from art.estimators.classification import PyTorchClassifier
from numpy.typing import NDArray
from peers_side import Side, timed
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from torch import Tensor, nn

from attacks.attribute_inference import AttributeInference, infer_trials
from attacks.link_trials import closed_set_trials, link_trials
from attacks.matching import MATCHERS
from attacks.split import Split
from privkit.evaluation.attribute_values import attribute_of
from privkit.evaluation.equal_rows import equal_rows
from privkit.evaluation.posteriors import models_for
from privkit.evaluation.trials import Trials
from privkit.models.defenses import Defense
from privkit.models.face_net import FaceNet

__all__ = ["attribute_sides", "linkage_sides"]

#: Nearest neighbours of ART are those of scikit-learn, and its one tree is weaker than its forest.
ART_MODELS = ("nn", "rf", "gb", "lr", "svm")
BLACK_BOX_MODELS = ("nn", "rf")

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
#: From features and labels learned from, and features asked about, to labels.
Guess = Callable[[Features, Labels, Features], Labels]


def attribute_sides(
    features: Features,
    person: Labels,
    values: NDArray[Any],
    network: FaceNet,
    name: str,
    seed: int,
) -> Iterator[Side]:
    """Infer an attribute of people who were not learned from, by accuracy and balanced accuracy.

    Args:
        features: ``(n, width)``.
        person: ``(n,)``.
        values: ``(n,)``, the attribute.
        network: whose features they are.
        name: of the attribute.
        seed: of folds and models.
    """
    for model in models_for(equal_rows(features)):
        only = AttributeInference(models=(model,))
        run = partial(infer_trials, features, person, values, name=name, seed=seed, settings=only)
        outcome, seconds = timed(run)
        yield from (Side(trials, seconds, ours=True) for trials in outcome.trials)
    attribute = attribute_of(values, person, name)
    if len(attribute.names) < 2:  # nothing to infer, for either side
        return
    labels = attribute.labels(values)
    inside = labels >= 0
    features, person, labels = features[inside], person[inside], labels[inside]
    fold = AttributeInference().deal(labels, person, seed)
    count = np.bincount(labels, minlength=len(attribute.names))
    weight = len(labels) / (np.count_nonzero(count) * count[labels])
    nothing = np.zeros(len(labels))
    for peer, guess in guessers(network, seed).items():
        found, seconds = timed(partial(cross_fitted, guess, features, labels, fold))
        hit = (found == labels).astype(float)
        for measure, own in (("accuracy", np.ones(len(labels))), ("balanced accuracy", weight)):
            trials = Trials(peer, f"{measure} of {name}", person, hit, nothing, nothing, own)
            yield Side(trials, seconds, ours=False)


def cross_fitted(guess: Guess, features: Features, labels: Labels, fold: Labels) -> Labels:
    """What is guessed of each record by what was learned from the other folds."""
    out = np.empty_like(labels)
    for k in np.unique(fold):
        held = fold == k
        out[held] = guess(features[~held], labels[~held], features[held])
    return out


def guessers(network: FaceNet, seed: int) -> Mapping[str, Guess]:
    """Every peer, by name."""
    plain = {
        "LogisticRegression": LogisticRegression,
        "RandomForestClassifier": partial(RandomForestClassifier, random_state=seed),
        "KNeighborsClassifier": KNeighborsClassifier,
        "HistGradientBoostingClassifier": partial(
            HistGradientBoostingClassifier, random_state=seed
        ),
    }
    return {
        **{f"scikit-learn {name}": partial(by_estimator, make) for name, make in plain.items()},
        **{f"ART baseline, {kind}": partial(by_art, kind, seed) for kind in ART_MODELS},
        **{
            f"ART black box, {kind}": partial(by_art_with_head, kind, seed, network)
            for kind in BLACK_BOX_MODELS
        },
    }


def by_estimator(
    make: Callable[[], Any], known: Features, labels: Labels, asked: Features
) -> Labels:
    """Fit an estimator, and predict."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its defaults are what is compared, converged or not
        return np.asarray(make().fit(known, labels).predict(asked))


def by_art(kind: str, seed: int, known: Features, labels: Labels, asked: Features) -> Labels:
    """ART's attack that sees the features alone; the attribute is the last column of a table."""
    seeded(seed)
    attack = AttributeInferenceBaseline(attack_model_type=kind, attack_feature=known.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack.fit(np.column_stack([known, labels.astype(np.float32)]))
        return np.asarray(attack.infer(asked)).astype(np.int64)


class Head(nn.Module):
    """The network's head on a table whose last column is the attribute, which it does not use."""

    def __init__(self, network: FaceNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, table: Tensor) -> Tensor:
        """Logits."""
        return self.network.name(table[:, :-1])


def by_art_with_head(
    kind: str, seed: int, network: FaceNet, known: Features, labels: Labels, asked: Features
) -> Labels:
    """ART's attack that also sees whom the network's head names."""
    seeded(seed)
    width = known.shape[1]
    head = PyTorchClassifier(
        model=Head(network),
        loss=nn.CrossEntropyLoss(),
        input_shape=(width + 1,),
        nb_classes=network.last.out_features,
        device_type="cpu",
    )
    attack = AttributeInferenceBlackBox(head, attack_model_type=kind, attack_feature=width)
    unknown = np.column_stack([asked, np.zeros(len(asked), dtype=np.float32)])
    named = head.predict(unknown).argmax(1).reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack.fit(np.column_stack([known, labels.astype(np.float32)]))
        return np.asarray(attack.infer(asked, pred=named)).astype(np.int64)


def seeded(seed: int) -> None:
    """ART draws from the global generators."""
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def linkage_sides(split: Split, network: FaceNet, defense: Defense, seed: int) -> Iterator[Side]:
    """Name the people of new photos from known ones, by what is stored of both."""
    probes, gallery = (
        defense.apply(network.store(part.pixels)) for part in (split.new, split.known)
    )
    person, known = split.new.person, split.known.person
    run = partial(link_trials, probes, person, gallery, known, seed=seed)
    own = [partial(run, matchers={name: matcher}) for name, matcher in MATCHERS.items()]
    own.append(partial(closed_set_trials, probes, person, gallery, known, seed=seed))
    for attack in own:
        every, seconds = timed(attack)
        found = [t for t in every if t.measure == "rank-1" and not t.attack.endswith("_fused")]
        yield from (Side(trials, seconds / len(found), ours=True) for trials in found)
    plain: dict[str, Callable[[], Any]] = {
        "KNeighborsClassifier(1)": partial(KNeighborsClassifier, 1),
        "NearestCentroid": NearestCentroid,
        "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis,
        "LogisticRegression": LogisticRegression,
    }
    nothing = np.zeros(len(person))
    for name, make in plain.items():
        named, seconds = timed(partial(by_estimator, make, gallery, known, probes))
        hit = (named == person).astype(float)
        trials = Trials(f"scikit-learn {name}", "rank-1", person, hit, nothing, nothing)
        yield Side(trials, seconds, ours=False)
