"""Three checks, run in every audit, of whether its attacks and its scoring are worth anything.

- An **identity encoder**, which stores what is to be hidden almost in the clear, must leak.
- A **constant encoder**, which stores the same of everybody, must score chance.
- **Shuffled labels**: with the people's labels dealt to each other the store itself must score
  chance; a set-up in which a record is compared with itself would not.

Where one of them fails there is no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.findings import Control
from privkit.audit.material import Known, Material
from privkit.evaluation.people import place_among_own, rarest_of_own
from privkit.evaluation.rates import Rate, rate_of
from privkit.evaluation.trials import Trials

__all__ = [
    "CONTROLS",
    "check",
    "constant",
    "identity",
    "identity_of_people",
    "reduced",
    "reduced_by_class",
    "shuffled_people",
    "shuffled_secrets",
    "titled",
]

#: A control fails by chance in one of a thousand audits, whatever the number of its attacks.
_CONFIDENCE = 0.999

#: People whose records the controls are run on, and records of each; the machinery is the same for
#: more.
_PEOPLE = 200
_RECORDS = 20

#: Numbers that the identity encoder stores of a secret, and the noise on each.
_WIDTH = 64
_NOISE = 0.1


def reduced(material: Material, seed: int) -> Material:
    """A few records of at most 200 people, those first who can be linked: enough for a control.

    Args:
        material: the store, with its gallery or without.
        seed: of the people and records drawn.
    """
    rng = np.random.default_rng([seed, 21])
    everyone, counts = np.unique(material.owners, return_counts=True)
    linked = counts > 1
    if material.gallery is not None:
        linked = np.isin(everyone, material.gallery.person)
    order = rng.permutation(len(everyone))
    people = everyone[order[np.argsort(~linked[order], kind="stable")]][:_PEOPLE]
    few = place_among_own(material.owners, rng) < _RECORDS
    small = material.take(np.flatnonzero(few & np.isin(material.owners, people)))
    gallery = material.gallery
    if gallery is not None:
        keep = np.isin(gallery.person, people)
        gallery = replace(gallery, features=gallery.features[keep], person=gallery.person[keep])
    return replace(small, gallery=gallery, public=None)


def reduced_by_class(material: Material, label: NDArray[np.int64], seed: int) -> Material:
    """The same for an attribute: of each of its values as many people as there are, or alike many.

    Of people drawn at random a rare value would be left with nobody to learn from, and the more
    people there are, the surer.

    Args:
        material: the store.
        label: ``(n,)``, the class of each record, -1 where it has none.
        seed: of the people and records drawn.

    Returns:
        Records of at most 200 people, of each class of a person 20 at most, without a gallery.
    """
    rng = np.random.default_rng([seed, 25])
    rows = np.flatnonzero(label >= 0)
    # The first of every class, then the second of every class, and so on.
    _, code = np.unique(material.owners[rows], return_inverse=True)
    own = rarest_of_own(label[rows], code)
    kept = np.lexsort((own, place_among_own(own, rng)))[:_PEOPLE]
    both = np.unique(np.stack([code, label[rows]]), axis=1, return_inverse=True)[1]
    few = place_among_own(both.ravel(), rng) < _RECORDS
    small = material.take(rows[few & np.isin(code, kept)])
    return replace(small, gallery=None, public=None)


def identity(material: Material, secret: NDArray[np.generic], seed: int) -> Material:
    """The same records stored by an encoder that hides nothing of the secret.

    Args:
        material: the records; their gallery, if any, is left out.
        secret: ``(n,)``, what the encoder gives away: the person, or an attribute.
        seed: of the vectors.
    """
    values, index = np.unique(secret, return_inverse=True)
    stored = _noisy_vectors(len(values), seed)
    return replace(material, features=stored(index), bits=None, gallery=None)


def identity_of_people(material: Material, seed: int) -> Material:
    """The store and its gallery as an encoder that hides nothing of the person would store them.

    Args:
        material: the records, with people.
        seed: of the vectors.
    """
    gallery = material.gallery
    if gallery is None:
        return identity(material, material.owners, seed)
    stored = _noisy_vectors(1 + int(max(gallery.person.max(), material.owners.max())), seed)
    return replace(
        material,
        features=stored(material.owners),
        bits=None,
        gallery=replace(gallery, features=stored(gallery.person)),
    )


def _noisy_vectors(values: int, seed: int) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """A random vector for each value, and what turns values into theirs, with some noise."""
    rng = np.random.default_rng([seed, 22])
    vectors = rng.standard_normal((values, _WIDTH)).astype(np.float32)

    def stored(index: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = rng.standard_normal((len(index), _WIDTH)).astype(np.float32)
        return vectors[index] + np.float32(_NOISE) * noise

    return stored


def constant(material: Material) -> Material:
    """The same records stored by an encoder that says nothing."""

    def same(known: Known) -> Known:
        return replace(known, features=np.zeros_like(known.features))

    return replace(
        material,
        features=np.zeros_like(material.features),
        gallery=None if material.gallery is None else same(material.gallery),
    )


def shuffled_people(material: Material, seed: int) -> Material:
    """The store with each record given to some person at random; nobody has more or fewer."""
    rng = np.random.default_rng([seed, 23])
    assert material.person is not None  # noqa: S101 - only asked where it is known
    return replace(material, person=rng.permutation(material.person))


def shuffled_secrets(material: Material, seed: int) -> Material:
    """The store with attributes and membership dealt to other people, who keep their records."""
    rng = np.random.default_rng([seed, 23])

    def dealt(values: NDArray[Any]) -> NDArray[Any]:
        return _dealt(values, material.owners, rng)

    return replace(
        material,
        sensitive={name: dealt(values) for name, values in material.sensitive.items()},
        member=None if material.member is None else dealt(material.member),
    )


def _dealt(
    values: NDArray[Any], owners: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[Any]:
    """Values dealt to other people; to other records where they differ within a person."""
    people, first, code = np.unique(owners, return_index=True, return_inverse=True)
    of_person = values[first]
    if (of_person[code] == values).all():
        return of_person[rng.permutation(len(people))][code]
    return values[rng.permutation(len(values))]


def check(name: str, trials: Sequence[Trials], *, of: str = "") -> Control:
    """Judge a control by what the attacks did on it.

    Args:
        name: one of :data:`CONTROLS`.
        trials: of all attacks on the risk, at least one.
        of: the attribute, where there are several.
    """
    rates = [rate_of(t, confidence=_CONFIDENCE, family=len(trials)) for t in trials]
    found: Rate = max(rates, key=lambda rate: (rate.bound, rate.residual))
    leaks, expected = CONTROLS[name]
    passed = found.residual > _MUST_LEAK if leaks else found.bound <= 1e-9
    return Control(titled(name, of), expected, found, bool(passed), of)


def titled(name: str, of: str) -> str:
    """The name of a control, with the attribute in brackets if it is of one."""
    return f"{name} ({of})" if of else name


#: Of an identity encoder the strongest attack has to succeed in at least so much of what is there.
_MUST_LEAK = 0.5

#: Name, whether it must leak, and that in words.
CONTROLS: dict[str, tuple[bool, str]] = {
    "identity encoder": (True, "the strongest attack succeeds in most trials"),
    "constant encoder": (False, "no attack does better than a guess"),
    "shuffled labels": (False, "no attack does better than a guess"),
}
