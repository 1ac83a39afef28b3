"""Open everything that an audit is given, and refuse what would make its numbers mean nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.encoder_file import encoder_file
from privkit.audit.given import MOST_BYTES, Given, Record
from privkit.audit.known_records import KnownRecords
from privkit.audit.labels import (
    Labels,
    attribute_values,
    only,
    read_labels,
    read_yes_no,
    text_labels,
)
from privkit.audit.material import Material, Pictures
from privkit.audit.rounding import noticed_rounding
from privkit.audit.unexamined import in_order, listed, unexamined
from privkit.errors import InputError
from privkit.evaluation.people import sample_of_people
from privkit.features.open_features import open_features

if TYPE_CHECKING:
    from privkit.data.face_set import Faces
    from privkit.models.encoders import Match

__all__ = ["Opened", "open_material"]

#: Records that are compared with what the encoder gives for their pictures.
_COMPARED = 32
#: Of these so many at least have to be the nearest to what the encoder gives.
_ALIKE = 0.5


@dataclass(frozen=True)
class Opened:
    """What was opened.

    Attributes:
        material: for the attacks.
        store: the store in words.
        record: every input with its hash, and what was noticed.
    """

    material: Material
    store: str
    record: Record


def open_material(given: Given) -> Opened:
    """Open all that is given.

    Raises:
        InputError: something cannot be opened, does not fit the store, or would prove nothing.
    """
    return _Opener(given).opened()


class _Opener:
    """Opens one input after the other, each against the store."""

    def __init__(self, given: Given) -> None:
        self.given = given
        named = (given.person, *given.sensitive, given.members)
        self.exclude = [name for name in named if name is not None]
        paths = list(given.features)
        self.source: Any = paths[0] if len(paths) == 1 else paths
        self.features = open_features(
            self.source, bits=given.bits, columns=given.columns, exclude=self.exclude
        )
        self.record = Record(warnings=list(self.features.notes))
        self.record.used(self.features.source, "features", self.features.paths, self.features.n)

    def opened(self) -> Opened:
        """Everything, in the order in which one input is needed for the next."""
        given, n = self.given, self.features.n
        faces = self._faces()
        if faces is not None and given.person is None and given.encoder is None:
            raise InputError(
                "nothing tells whether the pictures are in the order of the records",
                where="--images",
                rule="the person of each record is named, or the encoder gives what is stored",
                remedy="add --person or --encoder",
            )
        person = None if given.person is None else self._labels(given.person, "--person", "person")
        if person is None and faces is not None:
            person = text_labels(np.array(faces.people)[faces.person])
        if faces is not None and person is not None:
            _same_people(faces, person)
        sensitive = self._sensitive()
        member = None
        if given.members is not None:
            columns = self._values(given.members, "--members", "members")
            member = read_yes_no(only(columns, "--members").values, given.members)
        rows = self._rows(person)
        material = Material(
            features=self.features.rows(rows),
            bits=self.features.bits,
            person=None if person is None else person.code[rows],
            people=() if person is None else person.names,
            sensitive={name: values[rows] for name, values in sensitive.items()},
            member=None if member is None else member[rows],
            pictures=None if faces is None else Pictures(faces.pixels()[rows], faces.shape),
            sampled_from=n if len(rows) < n else None,
            unexamined=unexamined(self.features),
        )
        material = self._with_encoder(material)
        beside = KnownRecords(given, self.exclude, self.record)
        material = beside.public(beside.gallery(material, person))
        self._notice(material)
        if self.features.columns:
            self.record.warn(
                f"The features are the columns {listed(self.features.columns)}: a record's or a "
                "person's number among them is found as a leak (name the others with --columns)."
            )
        for lack in material.unexamined:
            self.record.warn(f"Not examined: {lack.attack}: {lack.why}.")
        what = (
            f"codes of {material.bits} bits"
            if material.bits
            else (f"features of {self.features.width} numbers")
        )
        people = f", {len(person.names):,} people" if person is not None else ""
        store = f"{self.features.source}: {n:,} {what}{people}"
        return Opened(material, store, self.record)

    def _values(self, given: str, option: str, role: str) -> list[Labels]:
        columns, files = read_labels(given, self.source, rows=self.features.n, option=option)
        if files is not None:
            self.record.used(files.source, role, files.paths, self.features.n)
        return columns

    def _labels(self, given: str, option: str, role: str) -> Labels:
        return text_labels(only(self._values(given, option, role), option).values, option=option)

    def _sensitive(self) -> dict[str, NDArray[Any]]:
        """The attributes, by the names of their columns."""
        found: dict[str, NDArray[Any]] = {}
        for name in self.given.sensitive:
            for column in self._values(name, "--sensitive", "sensitive"):
                if column.name in found:
                    raise InputError(
                        f"two attributes are called {column.name!r}",
                        where="--sensitive",
                        rule="every attribute has a name of its own",
                        remedy="rename the column of one of the files",
                    )
                found[column.name] = attribute_values(column.values)
        return found

    def _rows(self, person: Labels | None) -> NDArray[np.int64]:
        """All rows, or those of people drawn at random where they would not fit into memory."""
        n = self.features.n
        most = max(1000, MOST_BYTES // (4 * self.features.width))
        if n <= most:
            return np.arange(n)
        rng = np.random.default_rng([self.given.seed, 41])
        owner = np.arange(n) if person is None else person.code
        rows = np.flatnonzero(sample_of_people(owner, most, rng))
        drawn = np.unique(owner[rows])
        unit = "records" if person is None else "people"
        self.record.warn(
            f"The store is larger than memory: {len(rows):,} of {n:,} records, those of "
            f"{len(drawn):,} {unit} drawn at random, are audited. Among fewer people each is found "
            "more easily, so the rates are too high rather than too low."
        )
        return rows

    def _faces(self) -> Faces | None:
        if self.given.images is None:
            return None
        faces = self.given.faces(self.given.images, "--images", self.given.image_size)
        if faces.n != self.features.n:
            raise InputError(
                "there is not one picture for each record",
                where="--images",
                rule=f"{self.features.n} pictures, in the order of the records: people in natural "
                "order, the pictures of each in natural order",
                found=f"{faces.n} pictures",
            )
        self.record.pictures(faces, "images")
        return faces

    def _with_encoder(self, material: Material) -> Material:
        from privkit.models.encoders import open_encoder

        if self.given.encoder is None:
            return material
        if material.pictures is None:
            raise InputError(
                "an encoder without pictures has nothing to encode",
                where="--encoder",
                rule="--encoder goes with --images",
                found="no --images",
            )
        rng = np.random.default_rng([self.given.seed, 42])
        rows = np.sort(rng.permutation(len(material))[:_COMPARED])
        stored, pixels = material.features[rows], material.pictures.pixels[rows]
        encoder = open_encoder(
            self.given.encoder,
            shape=material.pictures.shape,
            sample=pixels,
            width=stored.shape[1],
        )
        match = encoder.matches(stored, pixels)
        defense, approximate = None, False
        if match.equal < 1 and material.bits is None:
            defense = noticed_rounding(stored, encoder.store(pixels))
        if defense is not None:
            self.record.warn(
                f"The stored floats are {defense.name}; the attacks take every feature that "
                "rounds to a stored value for a match."
            )
        else:
            self._match(match)
            approximate = match.equal < 1
        for note in encoder.notes:
            self.record.warn(note[0].upper() + note[1:])
        path = encoder_file(self.given.encoder)
        if path is not None:
            self.record.used(self.given.encoder.rpartition("/")[2], "encoder", [path], 1)
        return replace(material, encoder=encoder.attacked, defense=defense, approximate=approximate)

    def _match(self, match: Match) -> None:
        """The encoder has to be the one that filled the store, and the pictures those behind it."""
        if match.nearest < _ALIKE:
            raise InputError(
                "the encoder does not give what the store holds",
                where="--encoder",
                rule="the store's records are what the encoder makes of the pictures, in order",
                found=f"the record is the nearest to its own picture's feature in "
                f"{match.nearest:.0%} of {_COMPARED} cases",
                remedy="check the order of the pictures, their size, and the encoder",
            )
        if match.equal < 1:
            self.record.warn(
                f"The encoder gives exactly what the store holds of {match.equal:.0%} of the "
                f"records (mean difference {match.difference:.3g}): something was added when they "
                "were stored, and attacks through the encoder may be weaker for not knowing it."
            )

    def _notice(self, material: Material) -> None:
        """Say what makes the features say nothing, and what the order of the records says."""
        # Pictures are given in the order of their people, whatever that of the store is.
        if material.pictures is None and material.person is not None and in_order(material.person):
            self.record.warn(
                "Records of one person stand side by side: who sees the store in this order can "
                "link them without any attack. The attacks do not use it; shuffle what you store."
            )
        spread = np.ptp(material.features, axis=0)
        if not spread.any():
            self.record.warn("All stored features are equal: they say nothing of anybody.")
        elif not spread.all():
            self.record.warn(
                f"{int((spread == 0).sum()):,} of {len(spread):,} numbers are the same in every "
                "record and say nothing."
            )


def _same_people(faces: Faces, person: Labels) -> None:
    """The pictures and the labels have to say the same of who is who."""
    pairs = np.unique(np.column_stack([faces.person, person.code]), axis=0)
    if not len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])):
        raise InputError(
            "the people of the records are not those of the pictures",
            where="--person",
            rule="the records of one person show one person of --images, and no other",
            found=f"{len(np.unique(pairs[:, 1]))} people named, {len(np.unique(pairs[:, 0]))} "
            f"shown, {len(pairs)} combinations",
            remedy="check the order of the records, or leave --person out",
        )
