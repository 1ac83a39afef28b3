"""What an audit opens beside its store, and what it says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privkit.audit.given import Given
from privkit.audit.inputs import open_material
from privkit.data.generated_faces import generate_faces
from privkit.errors import InputError

FACES = generate_faces(people=8, photos=4, size=(16, 16))


def encode(images: np.ndarray) -> np.ndarray:
    """The means of the rows of each picture."""
    return images.reshape(len(images), 16, -1).mean(2)


def folder_of(place: Path, counts: Sequence[int], first: int = 0) -> np.ndarray:
    """A folder of so many pictures of each person; returns their rows."""
    rows = [np.flatnonzero(FACES.person == first + p)[:n] for p, n in enumerate(counts)]
    for row in np.concatenate(rows):
        path = place / f"p{FACES.person[row]}" / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(FACES.images[row]).save(path)
    return np.concatenate(rows)


@pytest.mark.parametrize("counts", [[1], [4, 4, 4], [3] * 4, [4, 4, 4, 1]])
def test_pictures_of_however_few_people_are_opened(tmp_path: Path, counts: list[int]) -> None:
    rows = folder_of(tmp_path / "faces", counts)
    folder_of(tmp_path / "public", [1, 2], first=5)
    store = tmp_path / "store.npy"
    np.save(store, encode(FACES.pixels()[rows]))
    given = Given(
        [str(store)], images=str(tmp_path / "faces"), image_size=(16, 16),
        encoder="audit.test_inputs:encode", public=str(tmp_path / "public"),
    )  # fmt: skip
    opened = open_material(given)
    assert opened.material.owners.tolist() == np.repeat(range(len(counts)), counts).tolist()
    assert opened.material.public is not None
    assert len(opened.material.public) == 3
    used = {d.role: (d.name, d.rows, d.notice) for d in opened.record.data}
    assert used["images"] == ("face folder faces", sum(counts), "")
    assert used["public"] == ("face folder public", 3, "")


def test_errors_of_pictures_name_the_option_of_the_audit(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.ones((3, 2), np.float32))
    (tmp_path / "faces").mkdir()
    Image.fromarray(FACES.images[0]).save(tmp_path / "faces" / "anna.png")
    for images in (tmp_path / "faces", tmp_path / "none"):
        with pytest.raises(InputError, match="--images") as caught:
            open_material(Given([str(tmp_path / "s.npy")], images=str(images)))
        assert "--faces" not in str(caught.value)
        assert "--person-pattern" not in str(caught.value)


def test_public_records_without_the_attribute_are_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sex = np.arange(24) % 2
    for name, extra in (("store", {"sex": sex}), ("told", {"sex": sex}), ("untold", {})):
        codes = rng.standard_normal((24, 4)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", codes=codes, **extra)
    np.save(tmp_path / "glasses.npy", sex)
    named = ["sex", str(tmp_path / "glasses.npy")]

    def warnings(public: str) -> list[str]:
        store = str(tmp_path / "store.npz")
        given = Given([store], sensitive=named, public=str(tmp_path / public))
        return [w for w in open_material(given).record.warnings if "have no" in w]

    said = "The public records have no '{}': nothing is learned from them about it (it has to be a "
    said += "column of the store and of these records)."
    assert warnings("told.npz") == [said.format("glasses")]
    assert warnings("untold.npz") == [said.format("sex"), said.format("glasses")]
