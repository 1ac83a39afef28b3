"""l-diversity: how much a class gives away of what its people have in common.

Machanavajjhala, Kifer, Gehrke and Venkitasubramaniam (2007), "l-Diversity: Privacy Beyond
k-Anonymity", definitions 4.1 to 4.3. In a class with ``r_1 >= r_2 >= ... >= r_m`` records of its m
different sensitive values:

* distinct: l = m;
* entropy: l = exp(H), H the entropy of the values in the class in nats;
* recursive (c, l): ``r_1 < c (r_l + r_{l+1} + ... + r_m)``; 1-diversity always holds.

A table is as diverse as its least diverse class. Missing is a value of its own.

Where people have several records, a class is as diverse as its people: ``r_i`` counts the people
of a value, each once. A value that everybody in the class has is given away, whatever else some of
them have, so that such a class has l = 1 in every form; a class of one person gives all their
values away. Where each person has one record this is the same as counting records.

pycanon agrees on the distinct l. Its entropy l is this one rounded down to a whole number. It
reports the least whole c for l = the distinct l, as ``recursive_c`` here, but sorts the counts
ascending, so that its ``r_1`` is the *rarest* value and its c mostly 1: it equals ours where all
values of a class are equally frequent, and is smaller elsewhere. It drops records with a missing
quasi-identifier. Several sensitive columns are looked at one at a time, as pycanon does with
``gen=True``, whose l is then the smallest; its ``gen=False``, in which the other sensitive columns
count as quasi-identifiers, is ``diversity(join(grouping, other.grouping), sensitive)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.grouping import Grouping, group_labels
from privkit.anonymity.sensitive import Sensitive, class_values
from privkit.errors import InputError

__all__ = ["Diversity", "diversity"]


@dataclass(frozen=True)
class Diversity:
    """l-diversity of one sensitive column.

    Attributes:
        name: the column.
        values: different values, a missing one among them.
        missing: records without a value.
        records: records.
        classes: equivalence classes.
        distinct: l, distinct.
        entropy: l, entropy; at most ``distinct``.
        c: the c of the recursive l.
        recursive: l, recursive for that c, at least 1.
        recursive_c: the least whole c for which recursive (c, ``distinct``)-diversity holds;
            ``None`` where ``distinct`` is 1, which always holds.
        homogeneous: classes that give a value away, because everybody in them has it.
        homogeneous_records: records in them.
        people: distinct people, where they are known; every l is then over people.
        homogeneous_people: people with at least one record in such a class.
    """

    name: str
    values: int
    missing: int
    records: int
    classes: int
    distinct: int
    entropy: float
    c: float
    recursive: int
    recursive_c: int | None
    homogeneous: int
    homogeneous_records: int
    people: int | None = None
    homogeneous_people: int | None = None


def diversity(
    grouping: Grouping,
    sensitive: Sensitive,
    *,
    c: float = 3.0,
    persons: NDArray[np.int64] | None = None,
) -> Diversity:
    """Measure the l-diversity of one sensitive column.

    Args:
        grouping: the class of each record.
        sensitive: its sensitive value.
        c: for recursive diversity: the most frequent value of a class may be less than c times as
            frequent as all but the l - 1 most frequent ones together. Above 0.
        persons: shape ``(n,)``, the person of each record, where known.

    Raises:
        InputError: if ``c`` is not above 0, or values or persons are not one a record.
    """
    if not c > 0:
        raise InputError("c cannot be used", where="c", rule="a number above 0", found=c)
    found = class_values(grouping, sensitive, persons)
    starts = found.starts
    order = np.lexsort((-found.counts, found.classes))
    counts = found.counts[order]
    most = counts[starts]
    given_away = most == found.sizes
    distinct = np.where(given_away, 1, np.diff(starts, append=counts.size))
    # Of records the sum is the size of the class; people count once for each of their values.
    total = np.add.reduceat(counts, starts)
    # H = log s - sum(r log r) / s, for a class of s records.
    logs = np.add.reduceat(counts * np.log(counts), starts)
    entropy = np.where(given_away, 0.0, np.maximum(0.0, np.log(total) - logs / total))
    before = np.cumsum(counts) - counts
    tail = total[found.classes] - (before - before[starts][found.classes])
    holds = most[found.classes] < c * tail  # falls with the rank, so their number is l
    recursive = np.maximum(1, np.add.reduceat(holds.astype(np.int64), starts))
    recursive[given_away] = 1
    least = int(distinct.min())
    exposed = given_away[grouping.labels]
    people = None if persons is None else group_labels(persons, records=len(grouping))
    return Diversity(
        name=sensitive.name,
        values=sensitive.grouping.classes,
        missing=sensitive.missing,
        records=len(grouping),
        classes=grouping.classes,
        distinct=least,
        entropy=float(np.exp(entropy.min())),
        c=c,
        recursive=int(recursive.min()),
        recursive_c=None if least == 1 else int((most // tail[starts + least - 1]).max()) + 1,
        homogeneous=int(given_away.sum()),
        homogeneous_records=int(exposed.sum()),
        people=None if people is None else people.classes,
        homogeneous_people=None
        if people is None
        else int(np.unique(people.labels[exposed], return_counts=True)[0].size),
    )
