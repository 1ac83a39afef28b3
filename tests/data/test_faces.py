"""Choosing a face set, the set itself, and the AT&T and Olivetti Faces in their places."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from face_archives import write_files

from privkit.data import att, olivetti
from privkit.data.face_set import Faces, listing_sha256
from privkit.data.faces import SOURCES, found_sets, open_faces
from privkit.data.locations import cache_folder
from privkit.errors import InputError


def test_auto_without_photographs_draws_faces_and_says_so() -> None:
    faces = open_faces(seed=3)
    assert faces.generated
    assert faces.source == "generated faces (seed 3)"
    assert "privkit data fetch att" in faces.notice


@pytest.mark.parametrize("place", ["PRIVKIT_DATA", "PRIVKIT_CACHE"])
def test_auto_takes_att_where_it_is(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canonical: dict[str, bytes]
) -> None:
    folder = write_files(
        tmp_path / "here" / "att_faces", {**canonical, "README": b"text", "notes.txt": b"text"}
    )
    monkeypatch.setenv(place, str(folder.parent))
    faces = open_faces()
    assert (faces.source, faces.generated, faces.notice) == ("AT&T Faces", False, "")
    assert faces.images.shape == (400, 112, 92)
    assert faces.photos == att.PHOTO_NAMES
    assert faces.skipped == ("notes.txt: not part of the set",)
    assert faces.sha256 == open_faces(str(folder)).sha256
    assert "verified" in found_sets()["att"]


def test_a_damaged_copy_is_named_and_never_replaced_by_generated_faces(
    own_places: Path, canonical: dict[str, bytes]
) -> None:
    folder = write_files(own_places / "att_faces", canonical)
    (folder / "s1/1.pgm").unlink()
    (folder / "s2/2.pgm").write_bytes(b"P5\n92 112\n255\nshort")
    (folder / "s3/3.pgm").write_bytes(b"P5\n2 2\n255\n1234")
    (folder / "s3/11.pgm").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        open_faces()
    line = str(caught.value)
    for part in ("missing: s1/1.pgm", "unreadable: s2/2.pgm", "wrong size: s3/3.pgm"):
        assert part in line
    assert "surplus: s3/11.pgm" in line
    assert "privkit data fetch att" in line
    assert "\n" not in line
    assert "damaged" in found_sets()["att"]


def test_a_changed_grey_value_is_found_and_named_with_a_listing(
    own_places: Path, canonical: dict[str, bytes]
) -> None:
    folder = write_files(own_places / "att_faces", canonical)
    listing = att.att_listing(folder)
    changed = bytearray(canonical["s7/10.pgm"])
    changed[-1] ^= 1
    (folder / "s7/10.pgm").write_bytes(changed)
    with pytest.raises(InputError, match="digests are not those"):
        open_faces("att")
    (folder / "SHA256SUMS").write_text(listing)
    with pytest.raises(InputError, match=r"found: differs: s7/10\.pgm;"):
        open_faces("att")


def test_att_and_olivetti_missing_name_the_remedy() -> None:
    with pytest.raises(InputError, match="privkit data fetch att"):
        open_faces("att")
    with pytest.raises(InputError, match="privkit data fetch olivetti"):
        open_faces("olivetti")
    assert set(SOURCES) == {"auto", "att", "olivetti", "generated"}


def test_olivetti_is_read_back_and_checked(own_places: Path, generated: Faces) -> None:
    own_places.mkdir()
    path = own_places / olivetti.FILE
    images = generated.images[:, :64, :64].copy()
    olivetti.write_olivetti(images, path)
    faces = open_faces("olivetti")
    np.testing.assert_array_equal(faces.images, images)
    assert (faces.source, faces.n, faces.people[39]) == ("Olivetti Faces", 400, "p40")
    np.savez(path, images=images + 1, sha256=np.array(faces.sha256))
    with pytest.raises(InputError, match="damaged"):
        open_faces("olivetti")
    np.savez(path, images=np.array([{}], object), sha256=np.array("x"))
    with pytest.raises(InputError, match="damaged"):
        open_faces("olivetti")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        open_faces("olivetti")


def test_pixels_and_subset(generated: Faces) -> None:
    pixels = generated.pixels()
    assert pixels.shape == (400, 112 * 92)
    assert pixels.dtype == np.float32
    assert pixels.min() >= -1
    assert pixels.max() <= 1
    part = generated.subset(generated.person >= 38)
    assert (part.n, part.people) == (20, generated.people)
    assert set(part.person) == {38, 39}
    assert part.photos[0] == "g39/1.png"
    assert len(part.attributes["hair"]) == 20
    assert part.sha256 == listing_sha256(part.images, part.photos) != generated.sha256
    assert part.notice == generated.notice
    assert generated.subset([5, 3]).photos == ("g1/6.png", "g1/4.png")


def test_the_digest_is_of_the_listing_as_documented() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    inner = hashlib.sha256(b"2 3\n\x00\x01\x02\x03\x04\x05").hexdigest()
    expected = hashlib.sha256(f"{inner}  a/1.png\n".encode()).hexdigest()
    assert listing_sha256(image, ["a/1.png"]) == expected


def test_bad_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="belongs to a folder"):
        open_faces("generated", person_pattern="(?P<person>x)")
    with pytest.raises(InputError, match="no such face folder"):
        open_faces("at")
    with pytest.raises(InputError, match="that small"):
        open_faces(str(tmp_path), size=(0, 5))
    monkeypatch.setenv("PRIVKIT_DATA", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="PRIVKIT_DATA"):
        open_faces()


def test_the_cache_is_the_users_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRIVKIT_CACHE")
    assert cache_folder().name == "privkit"
    assert cache_folder().is_absolute()


@pytest.mark.real_faces
def test_the_real_att_faces_verify(real_data: Path) -> None:
    faces = open_faces()
    assert faces.source == "AT&T Faces"
    assert hashlib.sha256(att.att_listing(real_data / att.FOLDER).encode()).hexdigest() == (
        att.LISTING_SHA256
    )
    assert faces.sha256 == open_faces(str(real_data / att.FOLDER)).sha256
