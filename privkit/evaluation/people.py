"""Keeping people apart: folds, controls and samples in which a person's records go together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "dealt",
    "derangement",
    "folds_by_label",
    "place_among_own",
    "rarest_of_own",
    "sample_of_people",
]

Ints = NDArray[np.int64]


def folds_by_label(
    labels: NDArray[Any], person: Ints | None, folds: int, rng: np.random.Generator
) -> Ints:
    """Deal people into folds by label in turn, so that a rare value is in as many as it can be.

    A person of several values counts as having the rarest of them.

    Args:
        labels: ``(n,)``.
        person: ``(n,)``, whose records go into one fold; ``None``: each record is its own.
        folds: above 0.
        rng: for the order in which people of one value are dealt.

    Returns:
        ``(n,)``, the fold of each record, from 0.
    """
    if person is None:
        own, inverse = np.unique(labels, return_inverse=True)[1], np.arange(len(labels))
    else:
        _, inverse = np.unique(person, return_inverse=True)
        own = rarest_of_own(labels, inverse)
    order = rng.permutation(len(own))
    fold = np.empty(len(own), dtype=np.int64)
    fold[order[np.argsort(own[order], kind="stable")]] = np.arange(len(own)) % folds
    return fold[inverse]


def rarest_of_own(labels: NDArray[Any], person: Ints) -> Ints:
    """Of each person the rarest value, as its number in sorted order.

    Args:
        labels: ``(n,)``.
        person: ``(n,)``, from 0, nobody without a record.

    Returns:
        ``(people,)``.
    """
    _, code, count = np.unique(labels, return_inverse=True, return_counts=True)
    # Sorted by person and then by how rare the value is: the first of each is its own value.
    by_rarity = np.lexsort((count[code], person))
    first = np.searchsorted(person[by_rarity], np.arange(person.max() + 1))
    own: Ints = code[by_rarity[first]]
    return own


def derangement(people: int, rng: np.random.Generator) -> Ints:
    """A random giver for each of several people, nobody their own: one cycle through all.

    Args:
        people: at least 2.
        rng: for the order of the cycle.
    """
    order = rng.permutation(people)
    giver = np.empty(people, dtype=np.int64)
    giver[order] = np.roll(order, 1)
    return giver


def dealt(person: Ints, giver: Ints, rng: np.random.Generator) -> Ints:
    """For each record, a record of the person who gives to its person.

    What is a person's stays together: the records of one giver all go to one taker, in a random
    order, over again where the taker has more of them, in part where fewer.

    Args:
        person: ``(n,)``; in sorted order, person k takes from person ``giver[k]``.
        giver: ``(people,)``, a permutation.
        rng: for the order of a giver's records.

    Returns:
        ``(n,)``, rows.
    """
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(code))
    rows = shuffled[np.argsort(code[shuffled], kind="stable")]
    start = np.cumsum(count) - count
    taker = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(code)) - start[taker]
    out = np.empty(len(code), dtype=np.int64)
    out[rows] = rows[start[giver[taker]] + place % count[giver[taker]]]
    return out


def place_among_own(group: Ints, rng: np.random.Generator) -> Ints:
    """The how-many-th of its group each record is, from 0, in a random order.

    Args:
        group: ``(n,)``, e.g. whose each record is.
        rng: for the order.

    Returns:
        ``(n,)``.
    """
    _, code, count = np.unique(group, return_inverse=True, return_counts=True)
    order = rng.permutation(len(code))
    by_group = order[np.argsort(code[order], kind="stable")]
    place = np.empty(len(code), dtype=np.int64)
    place[by_group] = np.arange(len(code)) - np.repeat(np.cumsum(count) - count, count)
    return place


def sample_of_people(person: Ints, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw people until their records are ``most`` at most; all of them where they already are.

    Args:
        person: ``(n,)``.
        most: records, above 0. Two people are drawn even if they have more.
        rng: for the order in which people are drawn.

    Returns:
        ``(n,)``, whether a record is one of a drawn person.
    """
    if len(person) <= most:
        return np.ones(len(person), dtype=np.bool_)
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    order = rng.permutation(len(count))
    drawn = np.zeros(len(count), dtype=np.bool_)
    drawn[order[: max(2, int(np.searchsorted(np.cumsum(count[order]), most, side="right")))]] = True
    return drawn[code]
