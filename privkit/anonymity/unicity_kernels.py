"""The compiled inner loop of :mod:`privkit.anonymity.unicity`."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["known_until_alone"]

Ints = NDArray[np.int64]


@numba.njit(cache=True)
def _contains(drawn: Ints, codes: Ints) -> bool:
    """Tell whether all drawn codes are among ascending distinct codes."""
    for wanted in drawn:
        low, high = 0, codes.size
        while low < high:
            middle = (low + high) // 2
            if codes[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        if low == codes.size or codes[low] != wanted:
            return False
    return True


@numba.njit(cache=True)
def _follows(drawn: Ints, codes: Ints) -> bool:
    """Tell whether the drawn codes occur among the codes in that order, with gaps allowed."""
    reached = 0
    for code in codes:
        if code == drawn[reached]:
            reached += 1
            if reached == drawn.size:
                return True
    return False


@numba.njit(cache=True)
def known_until_alone(
    persons: Ints,
    drawn: Ints,
    lengths: Ints,
    starts: Ints,
    codes: Ints,
    holder_starts: Ints,
    holders: Ints,
    ordered: bool,
) -> Any:
    """Return how many known codes still fit another person, for every draw.

    A person who fits ``p + 1`` of the codes of a draw fits the first ``p`` as well, so one number
    says it for every p: alone from that number plus one on. Only the holders of the rarest known
    code can fit; the search stops at the first who does, and goes on behind those who failed.

    Args:
        persons: shape ``(draws,)``, whose codes were drawn.
        drawn: shape ``(draws, p_max)``, places of the drawn codes in ``codes``, in the order in
            which the observer learns them.
        lengths: shape ``(draws,)``, how many of a row of ``drawn`` are meant.
        starts: shape ``(people + 1,)``, where the codes of each person begin in ``codes``.
        codes: the codes, person by person: ascending and distinct, or as a sequence.
        holder_starts: shape ``(classes + 1,)``, where the holders of each code begin.
        holders: the distinct people who have each code.
        ordered: whether the order of the codes is known as well.

    Returns:
        shape ``(draws,)``, int64, from 0 to ``lengths``.
    """
    fitting = np.zeros(persons.size, dtype=np.int64)
    known = np.empty(drawn.shape[1], dtype=np.int64)
    for draw in range(persons.size):
        person = persons[draw]
        rarest, resume, other = -1, 0, -1
        for p in range(1, lengths[draw] + 1):
            place = drawn[draw, p - 1]
            at = p - 1
            while at > 0 and known[at - 1] > place:  # an observer knows their order in time
                known[at] = known[at - 1]
                at -= 1
            known[at] = place
            sought = codes[known[:p]]
            if other >= 0:
                own = codes[starts[other] : starts[other + 1]]
                if _follows(sought, own) if ordered else _contains(sought, own):
                    fitting[draw] = p
                    continue
            code = codes[place]
            held = holder_starts[code + 1] - holder_starts[code]
            if rarest < 0 or held < holder_starts[rarest + 1] - holder_starts[rarest]:
                rarest, resume = code, holder_starts[code]
            other = -1
            while resume < holder_starts[rarest + 1] and other < 0:
                candidate = holders[resume]
                resume += 1
                if candidate == person:
                    continue
                own = codes[starts[candidate] : starts[candidate + 1]]
                if _follows(sought, own) if ordered else _contains(sought, own):
                    other = candidate
            if other < 0:
                break
            fitting[draw] = p
    return fitting
