"""The classes of an attribute: what an adversary guesses, made of the values that people have.

A number of many values is cut at its quantiles, values that too few people have are joined, and
values that are not there are left out. Each is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privkit.evaluation.guessing import shown

__all__ = ["FEWEST_PEOPLE", "Attribute", "attribute_of"]

Ints = NDArray[np.int64]

#: People who must have a value: one to learn from, one to attack, and one more.
FEWEST_PEOPLE = 3
#: A number of more different values is cut into classes.
_MOST_NUMBERS = 20
_QUANTILES = 5
#: Of more classes, those that fewest people have are joined.
_MOST_CLASSES = 30
#: Of more classes, one that is told surely adds less to the rate than the policy's usual limit.
_MANY_CLASSES = 10
_OTHER = "other"


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute as classes.

    Attributes:
        names: of the classes, in the order of their numbers; fewer than two: nothing to infer.
        notes: what was done to the values, and why nothing can be inferred, in sentences.
        edges: where a number is cut; empty for other values.
        values: the class of each value that keeps or shares one; empty for a number that is cut.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    edges: NDArray[np.float64]
    values: dict[str, int]

    def labels(self, values: NDArray[np.generic]) -> Ints:
        """The class of each value, ``(n,)``; -1 for one that is missing or has no class."""
        text, there = _texts(values)
        out = np.full(len(text), -1, dtype=np.int64)
        if self.edges.size:
            numbers = _numbers(text)
            known = there & np.isfinite(numbers)
            out[known] = np.searchsorted(self.edges, numbers[known], side="left")
        elif self.values:
            kinds, code = np.unique(text, return_inverse=True)
            known_as = np.array([self.values.get(kind, -1) for kind in kinds.tolist()])
            out[there] = known_as[code[there]]
        return out


def attribute_of(values: NDArray[np.generic], person: Ints, name: str) -> Attribute:
    """Decide the classes of an attribute.

    Args:
        values: ``(n,)`` of text, numbers or truth values; ``None``, NaN and blank are missing.
        person: ``(n,)``, whose record each is.
        name: of the attribute, for the notes.
    """
    text, there = _texts(values)
    notes = []
    if not there.all():
        notes.append(f"{(~there).sum():,} of {len(text):,} records have no {name} and are left out")
    if not there.any():
        return _nothing([*notes, f"{name} is not attacked: no record has a value"])
    numbers = _numbers(text[there])
    if np.isfinite(numbers).all() and len(np.unique(numbers)) > _MOST_NUMBERS:
        return _cut(numbers, name, notes)
    kinds, code = np.unique(text[there], return_inverse=True)
    people = _people_of(code, person[there])
    if len(kinds) < 2:
        return _nothing([*notes, f"{name} is not attacked: it has one value, {shown(kinds[0])!r}"])
    everybody = len(np.unique(person[there]))
    if people.max() == 1 and len(kinds) == everybody:
        return _nothing(
            [
                *notes,
                f"{name} is not attacked: each person has a value of their own, so that it cannot "
                "be learned from other people; to tell who somebody is, is linkability",
            ]
        )
    return _joined(kinds.tolist(), code, person[there], name, notes)


def _cut(numbers: NDArray[np.float64], name: str, notes: Sequence[str]) -> Attribute:
    """Cut a number at its quantiles; equal numbers stay together."""
    inner = np.quantile(numbers, np.arange(1, _QUANTILES) / _QUANTILES, method="inverted_cdf")
    edges = np.unique(inner)
    edges = edges[edges < numbers.max()]
    if not edges.size:  # most are the largest value: it against all others
        edges = np.array([numbers[numbers < numbers.max()].max()])
    bounds = [f"{edge:g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(bounds)]
    names = (f"at most {bounds[0]}", *between, f"above {bounds[-1]}")
    different = len(np.unique(numbers))
    said = (
        f"{name} is a number of {different:,} different values; it is cut at its "
        f"quantiles into {len(names)} classes: {'; '.join(names)}"
    )
    if (numbers % 1 == 0).all() and different <= len(numbers) / FEWEST_PEOPLE:
        said += "; codes rather than amounts are attacked one by one if written as words (c17)"
    return Attribute(names, (*notes, said), edges, {})


def _joined(
    kinds: Sequence[str], code: Ints, person: Ints, name: str, notes: Sequence[str]
) -> Attribute:
    """Join the values of too few people, or leave them out where together they are too few."""
    people = _people_of(code, person)
    order = np.lexsort((np.arange(len(kinds)), -people))
    kept = np.zeros(len(kinds), dtype=np.bool_)
    kept[order[:_MOST_CLASSES]] = True
    kept &= people >= FEWEST_PEOPLE
    rare = ~kept
    sharing = len(np.unique(person[rare[code]]))
    said = list(notes)
    names = [kind for kind, keeps in zip(kinds, kept, strict=True) if keeps]
    values = {kind: number for number, kind in enumerate(names)}
    if rare.any():
        why = f"{rare.sum():,} values of {name} that few people have ({sharing:,} in all)"
        if sharing >= FEWEST_PEOPLE and names:
            values |= dict.fromkeys(
                (kind for kind, joins in zip(kinds, rare, strict=True) if joins), len(names)
            )
            names.append(_OTHER if _OTHER not in names else f"{_OTHER} values")
            said.append(f"{why} are joined into {names[-1]!r}")
        else:
            said.append(f"{why} are left out")
    if len(names) < 2:
        return _nothing(
            [*said, f"{name} is not attacked: no two values are of {FEWEST_PEOPLE} people each"]
        )
    if len(names) > _MANY_CLASSES:
        said.append(
            f"{name} has {len(names)} classes, which count alike: whether one of them alone is "
            "told, is asked by an attribute of its own, yes or no"
        )
    return Attribute(tuple(names), tuple(said), np.empty(0), values)


def _nothing(notes: Sequence[str]) -> Attribute:
    return Attribute((), tuple(notes), np.empty(0), {})


def _people_of(code: Ints, person: Ints) -> Ints:
    """How many people have each value."""
    _, who = np.unique(person, return_inverse=True)
    pairs = np.unique(code * (who.max() + 1) + who)
    return np.bincount(pairs // (who.max() + 1))


def _texts(values: NDArray[np.generic]) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """The values as text, blank where missing, and whether each is there."""
    import pandas as pd

    missing = np.asarray(pd.isna(values), dtype=np.bool_)
    # Of text: np.str_ would cut nothing, but an array of objects may hold a null beside it.
    text = np.array(
        ["" if gone else str(v).strip() for v, gone in zip(values.tolist(), missing, strict=True)],
        dtype=np.str_,
    )
    return text, text != ""


def _numbers(text: NDArray[np.str_]) -> NDArray[np.float64]:
    """The values as numbers, NaN where one is none."""
    import pandas as pd

    found = pd.to_numeric(pd.Series(text, dtype=object), errors="coerce")
    return np.asarray(found, dtype=np.float64)
