"""Open records beside the store: a gallery of the same people, and public ones of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.copied import copied_share
from privkit.audit.given import MOST_BYTES, Given, Record
from privkit.audit.labels import Labels, attribute_values, only, read_labels, text_labels
from privkit.audit.material import Known, Material, Pictures
from privkit.errors import InputError
from privkit.features.open_features import open_features
from privkit.features.stored_features import StoredFeatures

__all__ = ["KnownRecords"]

#: Known records of which more are in the store are the store.
_COPIED = 0.5


@dataclass(frozen=True, eq=False)
class KnownRecords:
    """Opens them, each against the store.

    Attributes:
        given: the options.
        exclude: columns of the store that are no features.
        record: what is opened is noted there.
    """

    given: Given
    exclude: Sequence[str]
    record: Record

    def gallery(self, material: Material, person: Labels | None) -> Material:
        """The material with the named records of the same people, where they are given.

        Args:
            material: the store.
            person: names of its people.

        Raises:
            InputError: they cannot be used, or would prove nothing.
        """
        given = self.given
        if given.gallery is None:
            return material
        if person is None:
            raise _needs_person("--gallery")
        known, labels = self._known(given.gallery, given.gallery_person, "gallery", material)
        if labels is None:
            raise InputError(
                "it is not known whose the records of the gallery are",
                where="--gallery",
                rule="a person for each record",
                remedy="name its column or file with --gallery-person",
            )
        numbers = {name: i for i, name in enumerate(person.names)}
        code = np.array(
            [numbers.setdefault(name, len(numbers)) for name in labels.names], dtype=np.int64
        )[labels.code]
        shared = np.intersect1d(code, material.owners)
        if len(shared) < 2:
            raise InputError(
                "the gallery and the store have too few people in common",
                where="--gallery",
                rule="at least 2 people with records in both, named alike",
                found=f"{len(shared)} people",
            )
        share = copied_share(known.features, material.features, code, material.owners)
        self._copies(
            share,
            "--gallery",
            "other observations of the people: linking a record to itself proves nothing",
            "leave --gallery out; several records a person are compared with each other",
        )
        return replace(material, gallery=replace(known, person=code), people=tuple(numbers))

    def public(self, material: Material) -> Material:
        """The material with records or pictures of other people, where they are given.

        Raises:
            InputError: they cannot be used, or are of people in the store.
        """
        given = self.given
        if given.public is None:
            return material
        if Path(given.public).is_dir() and _holds_pictures(Path(given.public)):
            known = self._public_pictures(material)
            self._untold(material, known)
            return replace(material, public=known)
        known, labels = self._known(given.public, given.public_person, "public", material)
        names = () if labels is None else labels.names
        both = sorted(set(names) & set(material.people))
        if both:
            raise InputError(
                "the public records are of people in the store",
                where="--public",
                rule="an adversary learns from other people than those attacked",
                found=f"{len(both)} people in both, e.g. {both[0]!r}",
            )
        self._copies(
            copied_share(known.features, material.features),
            "--public",
            "an adversary learns from other people than those attacked",
            "records of other people",
        )
        if labels is None:
            self.record.warn(
                "It is not known whose the public records are: nothing is learned from them about "
                "linking (name their people with --public-person)."
            )
        self._untold(material, known)
        code = np.arange(len(known)) if labels is None else labels.code
        first = max(len(material.people), int(material.owners.max()) + 1)
        return replace(material, public=replace(known, person=first + code))

    def _public_pictures(self, material: Material) -> Known:
        if material.encoder is None or material.pictures is None:
            raise InputError(
                "a folder of public pictures needs the encoder",
                where="--public",
                rule="--encoder turns public pictures into features",
                remedy="give --encoder and --images, or a file of public features",
            )
        assert self.given.public is not None  # noqa: S101 - asked before
        faces = self.given.faces(self.given.public, "--public", material.pictures.shape)
        self.record.pictures(faces, "public")
        pixels = faces.pixels()
        self._copies(
            copied_share(pixels, material.pictures.pixels),
            "--public",
            "pictures of other people than those attacked",
            "pictures of other people",
        )
        first = max(len(material.people), int(material.owners.max()) + 1)
        return Known(
            material.encoder.store(pixels),
            first + faces.person,
            pictures=Pictures(pixels, faces.shape),
        )

    def _untold(self, material: Material, public: Known) -> None:
        """Warn of attributes that the public records do not have."""
        for name in material.sensitive:
            if name not in public.sensitive:
                self.record.warn(
                    f"The public records have no {name!r}: nothing is learned from them about it "
                    "(it has to be a column of the store and of these records)."
                )

    def _copies(self, share: float, option: str, rule: str, remedy: str) -> None:
        """Refuse known records that are the attacked ones, and warn of some that are."""
        if share > _COPIED:
            raise InputError(
                "these are the very records that are attacked",
                where=option,
                rule=rule,
                found=f"{share:.0%} of them are in the store",
                remedy=remedy,
            )
        if share > 0:
            self.record.warn(
                f"{share:.1%} of the records of {option} are equal to records of the store: "
                "if they are the same observations, rates are too high."
            )

    def _known(
        self, path: str, person: str | None, role: str, material: Material
    ) -> tuple[Known, Labels | None]:
        """Records beside the store, with their people and attributes where they are named."""
        features: StoredFeatures = open_features(
            path,
            bits=self.given.bits,
            columns=self.given.columns,
            exclude=[*self.exclude, *([person] if person else [])],
            option=f"--{role}",
        )
        if features.width != material.features.shape[1] or features.bits != material.bits:
            raise InputError(
                f"the records of the {role} are not like those of the store",
                where=f"--{role}",
                rule=f"{material.features.shape[1]} numbers a record, "
                f"{'floats' if material.bits is None else f'codes of {material.bits} bits'}",
                found=f"{features.width} numbers, {features.kind}",
            )
        self.record.used(features.source, role, features.paths, features.n)
        most = max(1000, MOST_BYTES // (4 * features.width))
        rows = np.arange(features.n)
        if features.n > most:
            rng = np.random.default_rng([self.given.seed, 43])
            rows = np.sort(rng.permutation(features.n)[:most])
            self.record.warn(
                f"Of the {role} {most:,} of {features.n:,} records, drawn at random, are used."
            )
        labels = None
        name = person or self._column(self.given.person, path)
        if name is not None:
            columns, files = read_labels(name, path, rows=features.n, option=f"--{role}-person")
            if files is not None:
                self.record.used(files.source, f"{role}-person", files.paths, features.n)
            one = only(columns, f"--{role}-person")
            labels = text_labels(one.values[rows], option=f"--{role}-person")
        sensitive: dict[str, NDArray[Any]] = {}
        for given in self.given.sensitive:
            column = self._column(given, path)
            if column is not None:
                values, _ = read_labels(column, path, rows=features.n, option="--sensitive")
                sensitive[values[0].name] = attribute_values(values[0].values)[rows]
        return Known(features.rows(rows), np.zeros(len(rows), np.int64), sensitive), labels

    def _column(self, given: str | None, path: str) -> str | None:
        """A name that is a column of the store, if that file has it too."""
        if given is None or Path(given).exists():
            return None
        try:
            read_labels(given, path, rows=None, option="--person")
        except InputError:
            return None
        return given


def _holds_pictures(folder: Path) -> bool:
    """Whether a folder is one of pictures rather than of feature files."""
    from privkit.data.pictures import PICTURE_ENDINGS

    return any(p.suffix.lower() in PICTURE_ENDINGS for p in folder.rglob("*"))


def _needs_person(option: str) -> InputError:
    return InputError(
        "it is not known whose the records of the store are",
        where=option,
        rule="a person for each record",
        remedy="name its column or file with --person",
    )
