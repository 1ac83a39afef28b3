"""Name the person behind a stored feature by comparing it with those of known photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Adversary, Scene
from attacks.base import Attack, Makes
from attacks.closed_set import ClosedSet
from attacks.cross_fitting import FEWEST_PEOPLE, CrossFitted, deal_folds
from attacks.matched_scores import Judge, OneByOne
from attacks.matching import MATCHERS
from attacks.needs import Need

__all__ = ["ClassifierLinkage", "Linkage"]


@dataclass(frozen=True)
class Linkage(Attack):
    """Compare with a gallery of known photos (record linkage; Domingo-Ferrer 2001).

    The adversary has named photos of the candidates, stores them through the same network and
    defense, and names the candidate who fits best. No picture is made: an attack that needs none
    cannot be stopped by making pictures ugly. Ties, frequent among short codes, are broken at
    random by the scoring.

    A matcher that learns does so from the photos of other people. Some of them are candidates too:
    a candidate is scored by what was learned without that person (cross-fitting), so that none
    stands out by having been learned from. With fewer than four others there is nothing to learn,
    and the nearest photo is taken.

    Attributes:
        compare: a name in :data:`attacks.matching.MATCHERS`.
    """

    makes: ClassVar[Makes] = "names"
    needs: ClassVar[frozenset[Need]] = frozenset({"pairs"})

    compare: str = "nearest"

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Score each candidate; those without a known photo lowest."""
        known = adversary.store_of(adversary.gallery)
        return _scores(self._judge(stored, adversary, rng), known, adversary)

    def _judge(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> Judge:
        matcher, others = MATCHERS[self.compare], adversary.auxiliary
        nobody = _nobody(stored)
        if not matcher.learns or len(np.unique(others.person)) < FEWEST_PEOPLE:
            plain = MATCHERS["nearest"] if matcher.learns else matcher
            return OneByOne(plain.fit(None, None, rng), stored, nobody)
        people = np.concatenate([others.person, adversary.gallery.person])
        return CrossFitted(
            matcher,
            stored,
            person=nobody,
            probe_fold=nobody,
            public=adversary.store_of(others),
            public_person=others.person,
            folds=deal_folds(people, others.person, rng),
            seed=int(rng.integers(2**31)),
        )


@dataclass(frozen=True)
class ClassifierLinkage(Attack):
    """Learn from the gallery what tells its people apart (:class:`attacks.closed_set.ClosedSet`).

    The adversary is that of :class:`Linkage`, and knows that the target is one of the candidates.
    """

    makes: ClassVar[Makes] = "names"
    needs: ClassVar[frozenset[Need]] = frozenset({"pairs"})

    def missing(self, scene: Scene) -> str | None:
        """Also where the candidates are too many to be learned in time, or only one."""
        width = scene.stored.shape[1]
        for part in scene.parts:
            gallery = part.adversary.gallery
            if not ClosedSet.suits(gallery.person, width):
                return "a gallery of two people at least, and few enough to learn them all at once"
        return super().missing(scene)

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Score each candidate; those without a known photo lowest. Draws nothing."""
        known, person = adversary.store_of(adversary.gallery), adversary.gallery.person
        return _scores(ClosedSet(stored, _nobody(stored), known, person), known, adversary)


def _scores(judge: Judge, known: NDArray[np.float32], adversary: Adversary) -> NDArray[np.float32]:
    """The scores of all candidates, of whom the gallery stores ``known``."""
    person = adversary.gallery.person
    scores = np.full((len(judge.person), adversary.people), np.finfo(np.float32).min)
    scores[:, np.unique(person)] = judge.score(known, person)
    return scores.astype(np.float32)


def _nobody(stored: NDArray[np.float32]) -> NDArray[np.int64]:
    """The targets' people, whom no attack is told."""
    return np.full(len(stored), -1)
