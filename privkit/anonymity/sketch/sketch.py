"""``Sketch``: counts of a stream too long to keep, from a keyed sample of its codes.

Distinct sampling (Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values
queries and event reports"), as KHyperLogLog does it for privacy (Chia and others 2019, IEEE S&P):
a code is counted if and only if its keyed hash, its rank, lies below a threshold. Those that are,
are counted exactly, from their first record to their last. When too much is held, the threshold is
halved and what lies above it is dropped, as in adaptive sampling (Wegman; Flajolet 1990).

What is held depends on the stream as a set only, never on its order or on how it was cut: the
threshold is the largest power of 1/2 that fits. So sketches of parts merge into exactly the sketch
of the whole. Where all codes fit, the threshold is 1 and everything is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.anonymity.sketch.contents import checksum, contents
from privkit.anonymity.sketch.hashing import hash_people
from privkit.anonymity.sketch.held import Held, Sample, Words, add_up, smallest
from privkit.anonymity.sketch.key import Key
from privkit.anonymity.sketch.layout import Layout
from privkit.errors import InputError
from privkit.features.codes import Codes, check_bits

__all__ = ["MOST", "PEOPLE_CAP", "Sketch"]

MOST = 1 << 16
PEOPLE_CAP = 1 << 10
PAIRS = 16
"""Pairs of class and person that are held at most, as a multiple of ``most``; one class always."""
BLOCK = 1 << 16


class Sketch:
    """A mergeable sample of the equivalence classes of a stream.

    Args:
        bits: N of the codes; ``None`` for tuples of a table's columns.
        key: under which is hashed; a sketch from a file has its fingerprint only, and can be
            merged and read but not updated.
        columns: the quasi-identifiers, for tuples.
        most: how many classes are held at most.
        people_cap: how many people of a class are told apart; larger classes have 'at least' so
            many.

    Attributes:
        sources: the checksums of the sketches that this one was merged from or continues.

    Raises:
        InputError: if a setting cannot be used.
    """

    def __init__(
        self,
        bits: int | None,
        key: Key | None,
        *,
        columns: Sequence[str] = (),
        most: int = MOST,
        people_cap: int = PEOPLE_CAP,
    ) -> None:
        if (bits is None) == (not columns):
            raise InputError(
                "it is not said what is counted",
                where="Sketch",
                rule="either bits, for codes, or columns, for tuples",
                found=f"bits {bits}, columns {list(columns)}",
            )
        self.layout = Layout(None if bits is None else check_bits(bits), tuple(columns))
        self.key = key
        self.fingerprint = "" if key is None else key.fingerprint
        self.public = key is not None and key.public
        self.most = _size("most", most)
        self.people_cap = _size("people_cap", people_cap)
        self.sources: frozenset[str] = frozenset()
        self._checksum: str | None = None  # of the file that it is still equal to
        self._sample = Sample(0, 0, Held.empty(), np.zeros(0, dtype=np.uint64))
        self._new: list[Held] = []
        self._new_crowd: list[Words] = []
        self._waiting = 0

    @classmethod
    def restored(
        cls,
        layout: Layout,
        sample: Sample,
        *,
        key: Key | None,
        fingerprint: str,
        public: bool,
        most: int,
        people_cap: int,
        sources: frozenset[str],
        checksum: str,
    ) -> Sketch:
        """Put a sketch together again from what it was saved as.

        Raises:
            InputError: if the parts cannot be those of one sketch.
        """
        sketch = cls(layout.bits, key, columns=layout.columns, most=most, people_cap=people_cap)
        sketch.layout, sketch.fingerprint, sketch.public = layout, fingerprint, public
        sample.check(most, people_cap, with_people=bool(layout.persons))
        sketch._sample = sample
        sketch.sources = sources
        sketch.note_saved(checksum)
        return sketch

    @property
    def sample(self) -> Sample:
        """The sample of everything that was counted so far."""
        self._settle()
        return self._sample

    @property
    def streams(self) -> frozenset[str]:
        """What names the streams in it: its sources, or else its own checksum.

        Nothing for a sketch of no record, which may be merged as often as one likes.
        """
        if self.sources or not self._sample.n:
            return self.sources
        return frozenset([self._checksum or checksum(*contents(self))])

    def note_saved(self, checksum: str) -> None:
        """Remember the file that holds this sketch: what is counted later continues it."""
        self._checksum = checksum

    def update(self, chunk: Codes | NDArray[Any] | Any, persons: Any = None) -> None:
        """Count further records.

        Args:
            chunk: ``Codes``; packed rows ``(m, ceil(N / 8))`` uint8; integers ``(m,)`` below
                ``2**N``; a boolean matrix ``(m, N)``; or, for tuples, a ``pyarrow.Table``.
            persons: whose record each is, shape ``(m,)``, of numpy or Arrow: whole numbers or
                text that name the same people in every stream that will be merged. With them
                always, or never.

        Raises:
            InputError: if the chunk does not fit the sketch, the persons do not fit the chunk, or
                the sketch was opened without its key.
        """
        if self.key is None:
            raise InputError(
                "this sketch cannot count further records",
                where="sketch",
                rule="hashing needs the key, and a file holds only its fingerprint",
                remedy="open it with its key",
            )
        rows = self.layout.rows(chunk)
        n = len(rows)
        if persons is not None and len(persons) != n:
            raise InputError(
                "the persons do not go with the records",
                where="persons",
                rule=f"one person a record, {n}",
                found=len(persons),
            )
        if not n:
            return
        self.layout = self._agreed(self.layout.of(rows, persons))
        if self._checksum is not None:  # from now on it only contains what is in the file
            self.sources, self._checksum = self.streams, None
        for start in range(0, n, BLOCK):
            stop = min(n, start + BLOCK)
            ranks, identities = self.layout.hashed(rows[start:stop], self.key)
            whose = None if persons is None else hash_people(persons[start:stop], self.key)
            self._take(ranks, identities, whose)

    def merge(self, other: Sketch) -> Sketch:
        """Return the sketch of both streams together; neither of the two is changed.

        Apart from ``sources``, it equals, to the last bit, the sketch of the joined stream (with
        the smaller ``most`` and ``people_cap`` of the two). That no stream is in both is for the
        caller to know, as two short streams may be equal; of files, ``merge_files`` checks it.

        Raises:
            InputError: if they were made under different keys or of different layouts (N,
                columns, with or without people).
        """
        if self.fingerprint != other.fingerprint:
            raise InputError(
                "these are sketches of different keys",
                where="merge",
                rule="all sketches are made under one key",
                found=f"keys with the fingerprints {self.fingerprint} and {other.fingerprint}",
                remedy="make them anew with the same --key",
            )
        both = Sketch(
            self.layout.bits,
            self.key or other.key,
            columns=self.layout.columns,
            most=min(self.most, other.most),
            people_cap=min(self.people_cap, other.people_cap),
        )
        both.fingerprint, both.public = self.fingerprint, self.public
        both.sources = self.streams | other.streams
        both.layout = other._agreed(self.layout) if self._sample.n else self._agreed(other.layout)
        a, b = self.sample, other.sample
        level = max(a.level, b.level)
        both._sample = Sample(a.n + b.n, level, a.held.below(level), a.crowd)
        both._new, both._new_crowd = [b.held.below(level)], [b.crowd]
        both._settle()
        return both

    def _agreed(self, layout: Layout) -> Layout:
        """Return the layout if this sketch can take such records."""
        mine = self.layout
        started = bool(self._sample.n)
        same = mine == layout if started else mine.bits == layout.bits
        if not same or mine.columns != layout.columns:
            raise InputError(
                "these records cannot be counted together",
                where="sketch",
                rule=f"this sketch is of {mine.name}",
                found=layout.name,
                remedy="give all streams the same codes and columns, all with people or all "
                "without",
            )
        return layout

    def _take(self, ranks: Words, identities: Words, whose: Words | None) -> None:
        """Note the records of one block that are in the sample."""
        now = self._sample
        self._sample = Sample(now.n + ranks.size, now.level, now.held, now.crowd)
        if whose is not None:
            full = now.crowd.size == self.most
            crowd = whose[whose < now.crowd[-1]] if full else whose
            self._new_crowd.append(smallest([crowd], self.most))
            self._waiting += self._new_crowd[-1].size
        if now.level:
            kept = ranks >> np.uint64(64 - now.level) == 0
            ranks, identities = ranks[kept], identities[kept]
            whose = None if whose is None else whose[kept]
        classes = people = np.zeros(0, dtype=np.uint64)
        if whose is not None:
            useful = now.held.useful(identities, whose, self.people_cap)
            classes, people = identities[useful], whose[useful]
        ones = np.ones(identities.size, dtype=np.int64)
        part = add_up([Held(identities, ranks, ones, classes, people)], self.people_cap)
        self._new.append(part)
        self._waiting += part.classes + part.pairs
        if self._waiting > max(2 * self.most, now.held.classes + now.held.pairs):
            self._settle()

    def _settle(self) -> None:
        """Add up what waits, and halve the threshold until the rest fits."""
        if not self._new and not self._new_crowd:
            return
        now = self._sample
        level = now.level
        held = add_up([now.held, *self._new], self.people_cap)
        crowd = smallest([now.crowd, *self._new_crowd], self.most)
        pairs = max(PAIRS * self.most, self.people_cap)
        while held.classes > self.most or held.pairs > pairs:
            level += 1
            held = held.below(level)
        self._sample = Sample(now.n, level, held, crowd)
        self._new, self._new_crowd, self._waiting = [], [], 0


def _size(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        raise InputError(
            "the sketch cannot have this size",
            where=name,
            rule="a whole number of at least 2",
            found=value,
        )
    return value
