"""What the options of an audit name, and the record that is kept of what was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from privkit.features.stored import files_sha256
from privkit.result import DataUsed

if TYPE_CHECKING:
    from privkit.data.face_set import Faces

__all__ = ["MOST_BYTES", "Given", "Record"]

#: Bytes of features that are held; of a larger store or gallery some are drawn.
MOST_BYTES = 3 << 29


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

    def faces(self, named: str, option: str, size: tuple[int, int]) -> Faces:
        """Open pictures of however few people: only reconstruction has to have more.

        Raises:
            InputError: they cannot be opened, or there are none.
        """
        from privkit.data.faces import open_faces

        return open_faces(
            named, seed=self.seed, size=size, fewest_people=1, fewest_photos=1, option=option
        )


@dataclass
class Record:
    """What was opened, and what was noticed.

    Attributes:
        data: every input with its hash.
        warnings: sentences.
    """

    data: list[DataUsed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def used(self, name: str, role: str, paths: Sequence[Path], rows: int) -> None:
        """Note files with their hash."""
        self.data.append(DataUsed(name, role, files_sha256(paths), rows))

    def pictures(self, faces: Faces, role: str) -> None:
        """Note a set of pictures."""
        self.data.append(DataUsed(faces.source, role, faces.sha256, faces.n, faces.notice))

    def warn(self, sentence: str) -> None:
        """Note what was noticed."""
        self.warnings.append(sentence)
