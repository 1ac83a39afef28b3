"""Choose the settings of an attack on auxiliary people whom it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from attacks.adversary import Photos
from privkit.evaluation.identity import IdentityEvaluator

__all__ = ["HeldOut", "hold_out"]

Choice = TypeVar("Choice")

#: Fewer people or photos of each cannot tell one setting from another.
_FEWEST_PEOPLE = 2
_FEWEST_PHOTOS = 4


@dataclass(frozen=True)
class HeldOut:
    """Auxiliary photos in two parts that share no person.

    Attributes:
        learn: an attack learns from these.
        probe: and is tried on these, half of the photos of each other person.
        evaluator: fitted on the other half of them.
    """

    learn: Photos
    probe: Photos
    evaluator: IdentityEvaluator

    def best(
        self, choices: Iterable[Choice], made: Callable[[Choice], NDArray[np.float32]]
    ) -> Choice:
        """The choice by which most people are recognised; the first among equals.

        Args:
            choices: at least one.
            made: what an attack makes of the probes by a choice, ``(probes, h·w)``.
        """
        return max(
            choices,
            key=lambda c: float(self.evaluator.recognises(made(c), self.probe.person).mean()),
        )


def hold_out(photos: Photos, rng: np.random.Generator) -> HeldOut | None:
    """Half of the people to learn from, the others to try on.

    Args:
        photos: auxiliary photos.
        rng: deals the people and their photos.

    Returns:
        ``None`` where there are too few people or photos of each.
    """
    people = rng.permutation(np.unique(photos.person))
    tried = people[: len(people) // 2]
    rows = [rng.permutation(np.flatnonzero(photos.person == person)) for person in tried]
    rows = [own for own in rows if len(own) >= _FEWEST_PHOTOS]
    if len(rows) < _FEWEST_PEOPLE:
        return None
    known = photos.take(np.concatenate([own[: len(own) // 2] for own in rows]))
    return HeldOut(
        learn=photos.take(~np.isin(photos.person, tried)),
        probe=photos.take(np.concatenate([own[len(own) // 2 :] for own in rows])),
        evaluator=IdentityEvaluator(known.pixels, known.person),
    )
