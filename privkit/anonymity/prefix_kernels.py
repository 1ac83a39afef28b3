"""Compiled loops over sorted codes: what neighbours share, and the nodes of their trie.

Codes in lexicographic order and the number of leading bits that neighbours share describe the
binary trie of the codes completely: an interval of codes whose neighbours all share at least
``own`` bits, and which shares fewer with what lies around it, is a node (Abouelhoda, Kurtz and
Ohlebusch 2004, 'Replacing suffix trees with enhanced suffix arrays'). A node of which ``parent``
leading bits are shared beyond its ends is one class for every prefix length in
``(parent, own]``, so that one pass over the nodes counts the classes of all lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = [
    "break_ties",
    "next_nodes",
    "previous_of_person",
    "shared_by_integers",
    "shared_by_words",
]

WORD = 64


def _count_leading_zeros(_context: Any, value: Any) -> Any:
    if value != types.uint64:  # pragma: no cover - a slip in this file
        raise TypingError("leading zeros are counted of uint64")

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


#: The leading zero bits of a uint64, by the processor's own instruction.
_leading_zeros: Any = intrinsic(_count_leading_zeros)


@njit(cache=True)
def shared_by_integers(values: Any, bits: int) -> Any:
    """Count the leading bits that neighbours of sorted ``bits``-bit integers share.

    Args:
        values: shape ``(n,)``, ascending, unsigned.
        bits: N, at most 64.

    Returns:
        shape ``(n - 1,)``, int32, from 0 to N; N where the neighbours are equal.
    """
    shared = np.empty(values.size - 1, dtype=np.int32)
    for i in range(shared.size):
        differ = np.uint64(values[i]) ^ np.uint64(values[i + 1])
        shared[i] = np.int64(_leading_zeros(differ)) - (WORD - bits)
    return shared


@njit(cache=True)
def shared_by_words(words: Any, order: Any, bits: int) -> Any:
    """Count the leading bits that neighbours share, for codes of several words.

    Args:
        words: shape ``(n, W)``, uint64; bit 0 is the most significant bit of the first word.
        order: shape ``(n,)``, the rows in ascending order.
        bits: N, at most ``64 W``.

    Returns:
        shape ``(n - 1,)``, int32, from 0 to N.
    """
    shared = np.empty(order.size - 1, dtype=np.int32)
    for i in range(shared.size):
        a, b = order[i], order[i + 1]
        shared[i] = bits
        for word in range(words.shape[1]):
            differ = words[a, word] ^ words[b, word]
            if differ:
                shared[i] = WORD * word + np.int64(_leading_zeros(differ))
                break
    return shared


@njit(cache=True)
def break_ties(words: Any, order: Any) -> None:
    """Sort rows that are sorted by their first word by all their words, in place.

    Multikey quicksort (Bentley and Sedgewick 1997) over 64-bit words instead of characters:
    rows are compared one word at a time, and a word that many rows share is read once a row.

    Args:
        words: shape ``(n, W)``, uint64.
        order: shape ``(n,)``, int64, rows sorted by ``words[:, 0]``.
    """
    width = words.shape[1]
    pending: Any = [(0, 0, 1)]
    pending.pop()  # leaves an empty list whose type is known
    start = 0
    for i in range(1, order.size + 1):
        if i == order.size or words[order[i], 0] != words[order[start], 0]:
            if i - start > 1:
                pending.append((start, i, 1))
            start = i
    while pending:
        low, high, word = pending.pop()
        if word == width or high - low < 2:
            continue
        a, b = words[order[low], word], words[order[high - 1], word]
        middle = words[order[(low + high) // 2], word]
        pivot = max(min(a, b), min(max(a, b), middle))
        less, more, i = low, high, low
        while i < more:
            row = order[i]
            value = words[row, word]
            if value < pivot:
                order[i] = order[less]
                order[less] = row
                less += 1
                i += 1
            elif value > pivot:
                more -= 1
                order[i] = order[more]
                order[more] = row
            else:
                i += 1
        pending.append((low, less, word))
        pending.append((less, more, word + 1))
        pending.append((more, high, word))


@njit(cache=True)
def previous_of_person(persons: Any, people: int) -> Any:
    """Find, for every place, the last place before it that belongs to the same person.

    Args:
        persons: shape ``(n,)``, int64 from 0 to ``people - 1``, in the order of the codes.
        people: how many ids there can be.

    Returns:
        shape ``(n,)``, int64, -1 where there is none.
    """
    latest = np.full(people, -1, dtype=np.int64)
    previous = np.empty(persons.size, dtype=np.int64)
    for place in range(persons.size):
        previous[place] = latest[persons[place]]
        latest[persons[place]] = place
    return previous


@njit(cache=True)
def next_nodes(
    shared: Any, bounds: Any, previous: Any, bits: int, state: Any, stack: Any, out: Any
) -> int:
    """Fill a block with nodes of the trie, children before their parent.

    The open nodes, those that may still grow to the right, lie on a stack; a node is complete
    when a neighbour shares less than it does. Where people are told apart, a record whose person
    has one before it is subtracted at the deepest node that holds both (Hui 1992, 'Color set
    size problem'): that is the deepest open node that starts at or before the earlier one.

    Args:
        shared: shape ``(m - 1,)``, leading bits shared by neighbours of the m distinct codes.
        bounds: shape ``(m + 1,)``, int64, where the records of each distinct code begin.
        previous: of :func:`previous_of_person`, or empty where people are not told apart.
        bits: N.
        state: ``[code, open]``, int64: where to go on and how many nodes are open; changed.
        stack: shape ``(3, N + 2)``, int64: start, own and repeated people of the open nodes.
        out: shape ``(5, block)``, int64, with a block above ``N + 2``; receives start, end (as
            records), own, parent and the number of distinct people (records without persons).

    Returns:
        The number of nodes in the block, 0 at the end.
    """
    codes = shared.size + 1
    code, top = state[0], state[1] - 1
    starts, owns, repeats = stack
    filled = 0
    while code < codes and filled + bits + 2 < out.shape[1]:
        left: Any = shared[code - 1] if code else -1
        right: Any = shared[code] if code < codes - 1 else -1
        start, end = bounds[code], bounds[code + 1]
        repeated = 0
        if previous.size:
            for record in range(start, end):
                if previous[record] >= start:
                    repeated += 1
                elif previous[record] >= 0:
                    repeats[_deepest(starts, top, previous[record])] += 1
        filled = _put(out, filled, start, end, bits, max(left, right), repeated)
        if right > left:  # this code opens a node; the repeats within the code go with it
            carried = repeated
        else:
            carried = 0
            if top >= 0:
                repeats[top] += repeated
        while top >= 0 and owns[top] > right:
            below: Any = owns[top - 1] if top else -1
            start = starts[top]
            filled = _put(out, filled, start, end, owns[top], max(right, below), repeats[top])
            top -= 1
            if top >= 0 and below >= right:
                repeats[top] += repeats[top + 1]
            else:
                carried = repeats[top + 1]
        if right >= 0 and (top < 0 or owns[top] < right):
            top += 1
            starts[top], owns[top], repeats[top] = start, right, carried
        code += 1
    state[0], state[1] = code, top + 1
    return filled


@njit(inline="always")
def _put(out: Any, place: int, start: int, end: int, own: int, parent: int, repeated: int) -> int:
    out[0, place] = start
    out[1, place] = end
    out[2, place] = own
    out[3, place] = parent
    out[4, place] = end - start - repeated
    return place + 1


@njit(cache=True)
def _deepest(starts: Any, top: int, place: int) -> int:
    """Find the last open node that starts at or before ``place``."""
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        if starts[middle] <= place:
            low = middle
        else:
            high = middle - 1
    return low
