"""Open everything that an audit is given, and refuse what would make its numbers mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privkit.audit.copied import copied_share
from privkit.audit.encoder_file import encoder_file
from privkit.audit.labels import (
    Labels,
    attribute_values,
    only,
    read_labels,
    read_yes_no,
    text_labels,
)
from privkit.audit.material import Known, Material, Pictures
from privkit.audit.rounding import noticed_rounding
from privkit.errors import InputError
from privkit.features.open_features import open_features
from privkit.features.stored import files_sha256
from privkit.features.stored_features import StoredFeatures
from privkit.result import DataUsed

if TYPE_CHECKING:
    from privkit.data.face_set import Faces
    from privkit.models.encoders import Match

__all__ = ["Given", "Opened", "open_material"]

#: Bytes of features that are held; of a larger store people are drawn.
_BYTES = 3 << 29
#: Records that are compared with what the encoder gives for their pictures.
_COMPARED = 32
#: Of these so many at least have to be the nearest to what the encoder gives.
_ALIKE = 0.5
#: Known records of which more are in the store are the store.
_COPIED = 0.5


@dataclass(frozen=True)
class Given:
    """What the options of ``privkit audit`` name.

    Attributes:
        features: files of the store.
        bits: N of packed or whole-number codes.
        columns: feature columns of a table.
        person: column or file that names the person of each record.
        sensitive: columns or files of attributes.
        members: column or file that says whether a record was in the training set.
        gallery: files of named records of the same people.
        gallery_person: column or file of their names; by default the store's column.
        public: files of records of other people, or a folder of their pictures.
        public_person: column or file of their names; by default the store's column.
        images: face set or folder with the picture of each record.
        image_size: height and width in pixels that pictures are brought to.
        encoder: ``module:function``, a TorchScript or ONNX file, or privkit's own network.
        seed: of draws and of generated faces.
    """

    features: Sequence[str]
    bits: int | None = None
    columns: Sequence[str] | None = None
    person: str | None = None
    sensitive: Sequence[str] = ()
    members: str | None = None
    gallery: str | None = None
    gallery_person: str | None = None
    public: str | None = None
    public_person: str | None = None
    images: str | None = None
    image_size: tuple[int, int] = (112, 92)
    encoder: str | None = None
    seed: int = 0


@dataclass
class Opened:
    """What was opened.

    Attributes:
        material: for the attacks.
        store: the store in words.
        data: every input with its hash.
        warnings: what was noticed.
    """

    material: Material
    store: str
    data: list[DataUsed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


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
        self.data: list[DataUsed] = []
        self.warnings: list[str] = list(self.features.notes)
        self._used(self.features.source, "features", self.features.paths, self.features.n)

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
        )
        material = self._with_encoder(material)
        material = self._with_gallery(material, person)
        material = self._with_public(material)
        self._notice(material)
        if self.features.columns:
            self.warnings.append(
                f"The features are the columns {', '.join(self.features.columns[:20])}"
                f"{' and more' if len(self.features.columns) > 20 else ''}: a record's or a "
                "person's number among them is found as a leak (name the others with --columns)."
            )
        what = (
            f"codes of {material.bits} bits"
            if material.bits
            else (f"features of {self.features.width} numbers")
        )
        people = f", {len(person.names):,} people" if person is not None else ""
        store = f"{self.features.source}: {n:,} {what}{people}"
        return Opened(material, store, self.data, self.warnings)

    def _used(
        self, name: str, role: str, paths: Sequence[Path], rows: int, notice: str = ""
    ) -> None:
        self.data.append(DataUsed(name, role, files_sha256(paths), rows, notice))

    def _values(self, given: str, option: str, role: str) -> list[Labels]:
        columns, files = read_labels(given, self.source, rows=self.features.n, option=option)
        if files is not None:
            self._used(files.source, role, files.paths, self.features.n)
        return columns

    def _labels(self, given: str, option: str, role: str) -> Labels:
        columns = self._values(given, option, role)
        return text_labels(columns[0].values, option=option, columns=[c.name for c in columns])

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
        most = max(1000, _BYTES // (4 * self.features.width))
        if n <= most:
            return np.arange(n)
        rng = np.random.default_rng([self.given.seed, 41])
        owner = np.arange(n) if person is None else person.code
        counts = np.bincount(owner)
        order = rng.permutation(len(counts))
        drawn = order[: max(2, int(np.searchsorted(np.cumsum(counts[order]), most)))]
        keep = np.zeros(len(counts), dtype=bool)
        keep[drawn] = True
        rows = np.flatnonzero(keep[owner])
        unit = "records" if person is None else "people"
        self.warnings.append(
            f"The store is larger than memory: {len(rows):,} of {n:,} records, those of "
            f"{len(drawn):,} {unit} drawn at random, are audited. Among fewer people each is found "
            "more easily, so the rates are too high rather than too low."
        )
        return rows

    def _faces(self) -> Faces | None:
        from privkit.data.faces import open_faces

        if self.given.images is None:
            return None
        faces = open_faces(self.given.images, seed=self.given.seed, size=self.given.image_size)
        if faces.n != self.features.n:
            raise InputError(
                "there is not one picture for each record",
                where="--images",
                rule=f"{self.features.n} pictures, in the order of the records: people in natural "
                "order, the pictures of each in natural order",
                found=f"{faces.n} pictures",
            )
        self.data.append(DataUsed(faces.source, "images", faces.sha256, faces.n, faces.notice))
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
            self.warnings.append(
                f"The stored floats are {defense.name}; the attacks take every feature that "
                "rounds to a stored value for a match."
            )
        else:
            self._match(match)
            approximate = match.equal < 1
        self.warnings += [note[0].upper() + note[1:] for note in encoder.notes]
        path = encoder_file(self.given.encoder)
        if path is not None:
            self._used(self.given.encoder.rpartition("/")[2], "encoder", [path], 1)
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
            self.warnings.append(
                f"The encoder gives exactly what the store holds of {match.equal:.0%} of the "
                f"records (mean difference {match.difference:.3g}): something was added when they "
                "were stored, and attacks through the encoder may be weaker for not knowing it."
            )

    def _with_gallery(self, material: Material, person: Labels | None) -> Material:
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

    def _with_public(self, material: Material) -> Material:
        given = self.given
        if given.public is None:
            return material
        if Path(given.public).is_dir() and _holds_pictures(Path(given.public)):
            return replace(material, public=self._public_pictures(material))
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
            self.warnings.append(
                "It is not known whose the public records are: nothing is learned from them about "
                "linking (name their people with --public-person)."
            )
        code = np.arange(len(known)) if labels is None else labels.code
        first = max(len(material.people), int(material.owners.max()) + 1)
        return replace(material, public=replace(known, person=first + code))

    def _public_pictures(self, material: Material) -> Known:
        from privkit.data.faces import open_faces

        if material.encoder is None or material.pictures is None:
            raise InputError(
                "a folder of public pictures needs the encoder",
                where="--public",
                rule="--encoder turns public pictures into features",
                remedy="give --encoder and --images, or a file of public features",
            )
        assert self.given.public is not None  # noqa: S101 - asked before
        faces = open_faces(self.given.public, seed=self.given.seed, size=material.pictures.shape)
        self.data.append(DataUsed(faces.source, "public", faces.sha256, faces.n, faces.notice))
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
            self.warnings.append(
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
        self._used(features.source, role, features.paths, features.n)
        most = max(1000, _BYTES // (4 * features.width))
        rows = np.arange(features.n)
        if features.n > most:
            rng = np.random.default_rng([self.given.seed, 43])
            rows = np.sort(rng.permutation(features.n)[:most])
            self.warnings.append(
                f"Of the {role} {most:,} of {features.n:,} records, drawn at random, are used."
            )
        labels = None
        name = person or self._column(self.given.person, path)
        if name is not None:
            columns, files = read_labels(name, path, rows=features.n, option=f"--{role}-person")
            if files is not None:
                self._used(files.source, f"{role}-person", files.paths, features.n)
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

    def _notice(self, material: Material) -> None:
        """Say what makes the features say nothing at all."""
        spread = np.ptp(material.features, axis=0)
        if not spread.any():
            self.warnings.append("All stored features are equal: they say nothing of anybody.")
        elif not spread.all():
            self.warnings.append(
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
