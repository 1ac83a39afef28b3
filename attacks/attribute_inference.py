"""Infer an attribute of a person from what is stored of them, by models that never saw the person.

The adversary knows the attribute of other people in the store, or of people in a public set, and
learns from them how stored features go with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.evaluation.attribute_values import Attribute, attribute_of
from privkit.evaluation.equal_rows import equal_rows
from privkit.evaluation.people import dealt, derangement, folds_by_label, sample_of_people
from privkit.evaluation.posteriors import (
    MODELS,
    Known,
    Model,
    cross_fitted,
    hits,
    models_for,
    shares,
)
from privkit.evaluation.trials import Trials

__all__ = ["AttributeInference", "InferenceOutcome", "infer_trials"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Features ``(m, width)`` and values ``(m,)`` of other people.
Public = tuple[NDArray[np.float32], NDArray[np.generic]]


@dataclass(frozen=True)
class InferenceOutcome:
    """What attribute inference did.

    Attributes:
        trials: by model and measure; none where nothing can be inferred.
        notes: what was left out or joined, and why nothing can be inferred, in sentences.
    """

    trials: tuple[Trials, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AttributeInference:
    """Settings of attribute inference.

    The attack is that of supervised inference (Fredrikson et al. 2014; Yeom et al. 2018, section
    4), cross-fitted over people. Its control, as in anonymeter (Giomi et al., PoPETs 2023, section
    3.1), is the same attack on people of whom the features say nothing: each person is given the
    features of another, in learning and in scoring.

    Attributes:
        models: names in :data:`privkit.evaluation.posteriors.MODELS`; by default all that suit the
            features.
        folds: in which people are attacked in turn.
        most_records: taken by any model; fewer where the model is slow.
    """

    models: tuple[str, ...] = ()
    folds: int = 5
    most_records: int = 200_000

    def run(
        self,
        features: NDArray[np.float32],
        person: Ints,
        values: NDArray[np.generic],
        *,
        name: str,
        seed: int,
        public: Public | None = None,
    ) -> InferenceOutcome:
        """Attack one attribute; see :func:`infer_trials`."""
        _check(features, person, values, public)
        drawn = sample_of_people(person, self.most_records, np.random.default_rng(seed))
        notes = [] if drawn.all() else [_drawn(f"{name} is attacked", person, drawn)]
        features, person, values = features[drawn], person[drawn], values[drawn]
        attribute = attribute_of(values, person, name)
        notes += attribute.notes
        if len(attribute.names) < 2:
            return InferenceOutcome((), tuple(notes))
        labels = attribute.labels(values)
        known = Known(features, person, labels, len(attribute.names)).take(labels >= 0)
        outside = None if public is None else _outside(attribute, public, name, notes)
        trials: list[Trials] = []
        for model in self.models or models_for(equal_rows(known.features)):
            rng = np.random.default_rng([seed, *model.encode()])
            most = MODELS[model].most(features.shape[1], known.classes)
            chosen = sample_of_people(known.person, most, rng)
            part = known.take(chosen)
            if not chosen.all():
                notes.append(_drawn(f"inference_{model} attacks {name}", known.person, chosen))
            trials += self._trials(model, part, name, None, seed, rng)
            if outside is not None:
                # Beside and not instead: public records of another kind teach less than none.
                trials += [
                    replace(t, attack=f"{t.attack}_public")
                    for t in self._trials(
                        model, part, name, _at_most(outside, most, rng), seed, rng
                    )
                ]
        return InferenceOutcome(tuple(trials), tuple(notes))

    def deal(self, labels: Ints, person: Ints, seed: int) -> Ints:
        """Which fold each record is in, alike for all models: they are compared with one another.

        Args:
            labels: ``(n,)``.
            person: ``(n,)``, whose records go into one fold.
            seed: of the attack.

        Returns:
            ``(n,)`` from 0.
        """
        folds = min(self.folds, len(np.unique(person)))
        return folds_by_label(labels, person, folds, np.random.default_rng([seed, 0]))

    def _trials(
        self,
        model: str,
        known: Known,
        name: str,
        public: Known | None,
        seed: int,
        rng: np.random.Generator,
    ) -> list[Trials]:
        people = len(np.unique(known.person))
        fold = self.deal(known.labels, known.person, seed)
        given = dealt(known.person, derangement(people, rng), rng)
        control = Known(known.features[given], known.person, known.labels, known.classes)
        unrelated = public
        if public is not None:
            mixed = public.features[rng.permutation(len(public))]
            unrelated = Known(mixed, public.person, public.labels, public.classes)
        count = Model(lambda of, rows: np.tile(shares(of), (len(rows), 1)), lambda _, __: 0)
        prior = cross_fitted(count, known, fold, public)
        attacked = cross_fitted(MODELS[model], known, fold, public)
        controlled = cross_fitted(MODELS[model], control, fold, unrelated)
        # The value most frequent among others falls behind the best guess in a small balanced
        # store; the one most frequent of all is right at least as often as any constant answer.
        frequent = hits(np.tile(shares(known), (len(known), 1)), known.labels)
        guess = max(frequent, hits(prior, known.labels), key=np.mean)
        attack = f"inference_{model}"
        sizes = np.bincount(known.labels, minlength=known.classes)
        present = int((sizes > 0).sum())
        plain = Trials(
            attack,
            f"accuracy of {name}",
            known.person,
            hits(attacked, known.labels),
            guess,
            hits(controlled, known.labels),
            folds=int(fold.max()) + 1,
        )
        balanced = Trials(
            attack,
            f"balanced accuracy of {name}",
            known.person,
            hits(_lift(attacked, prior), known.labels),
            np.full(len(known), 1 / present),
            hits(_lift(controlled, prior), known.labels),
            len(known) / (present * sizes[known.labels]),
            plain.folds,
        )
        return [plain, balanced]


def infer_trials(
    features: NDArray[np.float32],
    person: Ints,
    values: NDArray[np.generic],
    *,
    name: str,
    seed: int,
    public: Public | None = None,
    settings: AttributeInference | None = None,
) -> InferenceOutcome:
    """Attack one attribute by every model, with people kept apart.

    Two measures a model. *Accuracy*: the likeliest value, beside the guess of the value that is
    most frequent among the people learned from. *Balanced accuracy*: the value whose probability
    the feature raises most, every value counting the same (the weights make the mean so), beside
    one over the number of values; a rare value can leak without beating the majority.

    Membership is an attribute like any other: give whether the record was trained on.

    Args:
        features: ``(n, width)`` float32, codes as ±1 or floats; finite.
        person: ``(n,)``, whose record each is.
        values: ``(n,)`` of text, numbers or truth values; ``None``, NaN and blank are left out.
        name: of the attribute.
        seed: the same gives the same trials.
        public: features ``(m, width)`` and values ``(m,)`` of other people: every model attacks
            again, as ``…_public``, having learned from them too.
        settings: by default all models that suit the features.

    Raises:
        InputError: lengths or widths that do not match, or features that are not finite.
    """
    return (settings or AttributeInference()).run(
        features, person, values, name=name, seed=seed, public=public
    )


def _drawn(what: str, person: Ints, drawn: NDArray[np.bool_]) -> str:
    people, of_people = len(np.unique(person[drawn])), len(np.unique(person))
    return (
        f"{what} on {drawn.sum():,} of {len(person):,} records, those of {people:,} of "
        f"{of_people:,} people, drawn at random, to end in time"
    )


def _outside(attribute: Attribute, public: Public, name: str, notes: list[str]) -> Known | None:
    """The public records whose value is one of the attribute's."""
    features, values = public
    labels = attribute.labels(values)
    usable = labels >= 0
    if not usable.all():
        notes.append(
            f"{(~usable).sum():,} of {len(labels):,} public records have no {name} that the stored "
            "people have, and are left out"
        )
    if not usable.any():
        return None
    alone = np.arange(len(labels), dtype=np.int64)
    return Known(features, alone, labels, len(attribute.names)).take(usable)


def _at_most(known: Known, most: int, rng: np.random.Generator) -> Known:
    return known.take(sample_of_people(known.person, most, rng))


def _lift(posterior: Floats, prior: Floats) -> Floats:
    """How many times likelier the feature makes each value; 0 for one that was never learned."""
    lift: Floats = np.divide(posterior, prior, out=np.zeros_like(posterior), where=prior > 0)
    # Where the feature says nothing, rounding must not choose.
    return np.round(lift, 9)


def _check(
    features: NDArray[np.float32],
    person: Ints,
    values: NDArray[np.generic],
    public: Public | None,
) -> None:
    if features.ndim != 2 or not len(features) == len(person) == len(values) > 0:
        raise InputError(
            "each record needs a feature, a person and a value",
            where="attribute inference",
            rule="(n, width) features, n people, n values, n above 0",
            found=f"{features.shape} features, {len(person)} people, {len(values)} values",
        )
    if public is not None and (
        public[0].ndim != 2
        or public[0].shape[1] != features.shape[1]
        or len(public[0]) != len(public[1])
    ):
        raise InputError(
            "the public features do not match the stored ones",
            where="attribute inference",
            rule=f"(m, {features.shape[1]}) features and m values",
            found=f"{public[0].shape} features and {len(public[1])} values",
        )
    for of in (features, *(() if public is None else (public[0],))):
        if not np.isfinite(of).all():
            raise InputError(
                "a feature is not a finite number",
                where="attribute inference",
                remedy="leave such records out",
            )
