"""Faces from the user's folder: layouts, sizes, formats and every kind of bad input."""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from privkit.data.face_folder import read_face_folder, write_face_folder
from privkit.data.face_set import Faces
from privkit.data.faces import open_faces
from privkit.data.generated_faces import NOTICE
from privkit.data.pictures import fit, read_grey
from privkit.errors import InputError

Writer = Callable[..., Path]


def test_one_folder_a_person(face_folder: Writer, generated: Faces) -> None:
    faces = open_faces(str(face_folder("p{person}/{photo}.pgm", people=11)))
    assert faces.people == tuple(f"p{i}" for i in range(11)), "numbers are ordered by value"
    assert faces.photos[:2] == ("p0/0.pgm", "p0/1.pgm")
    np.testing.assert_array_equal(faces.images[:4], generated.images[:4])
    assert (faces.source, faces.generated, faces.notice) == ("face folder faces", False, "")


@pytest.mark.parametrize(
    "pattern",
    ["anna{person}_{photo}.png", "b-{person}-{photo}.PNG", "x.{person}.{photo}.gif"],
)
def test_flat_folder(pattern: str, face_folder: Writer) -> None:
    faces = open_faces(str(face_folder(pattern)))
    assert faces.n == 16
    assert faces.person.tolist() == [i // 4 for i in range(16)]
    assert faces.people[2] == pattern.split("{photo}", maxsplit=1)[0][:-1].format(person=2)


def test_person_pattern(face_folder: Writer) -> None:
    folder = face_folder("{photo}by{person}.png")
    faces = open_faces(str(folder), person_pattern=r"by(?P<person>\d)")
    assert faces.people == ("0", "1", "2", "3")
    with pytest.raises(InputError, match="no pictures of people"):
        open_faces(str(folder))


def test_the_digest_does_not_depend_on_place_or_format(face_folder: Writer, tmp_path: Path) -> None:
    folder = face_folder("p{person}/{photo}.png")
    first = open_faces(str(folder))
    moved = folder.rename(tmp_path / "elsewhere")
    assert open_faces(str(moved)).sha256 == first.sha256
    Image.fromarray(255 - first.images[0]).save(moved / "p0/0.png")
    assert open_faces(str(moved)).sha256 != first.sha256


def test_written_sets_keep_their_notice(tmp_path: Path, generated: Faces) -> None:
    part = generated.subset(np.arange(50))
    write_face_folder(part, tmp_path)
    back = open_faces(str(tmp_path))
    np.testing.assert_array_equal(back.images, part.images)
    assert (back.generated, back.notice) == (True, NOTICE)
    table = (tmp_path / "attributes.csv").read_text().splitlines()
    assert table[0] == "photo,person,glasses,hair,expression,beard,eyes_closed"
    assert len(table) == 51


def test_what_is_passed_over_is_listed(face_folder: Writer, tmp_path: Path) -> None:
    folder = face_folder()
    (folder / "README").write_text("text")
    (folder / "p0/notes.txt").write_text("text")
    (folder / "p1/deeper").mkdir()
    Image.new("L", (9, 9)).save(folder / "loose.png")
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("L", (9, 9)).save(outside / "1.png")
    (folder / "p9").symlink_to(outside)
    (folder / "p0/9.png").symlink_to(outside / "1.png")
    (folder / "p0/8.png").symlink_to(folder / "p0/gone.png")
    faces = open_faces(str(folder))
    assert faces.n == 16
    assert len(faces.skipped) == 7
    assert "README: not a picture by its ending" in faces.skipped
    assert "loose.png: not in a person's folder" in faces.skipped
    assert "p9: a link out of the folder" in faces.skipped
    assert "p0/9.png: a link out of the folder" in faces.skipped


def test_formats_and_depths_become_8_bit_grey(face_folder: Writer) -> None:
    folder = face_folder()
    grey = np.arange(112 * 92, dtype=np.uint32).reshape(112, 92) % 256
    deep = Image.fromarray((grey * 257).astype(np.uint16))
    deep.save(folder / "p0/0.png")
    deep.save(folder / "p0/1.pgm")
    colour = Image.merge("RGB", [Image.fromarray(grey.astype(np.uint8))] * 3)
    colour.save(folder / "p0/2.png")
    clear = colour.copy()
    clear.putalpha(0)
    clear.save(folder / "p0/3.png")
    (folder / "p0/1.png").unlink()
    faces = open_faces(str(folder))
    at = dict(zip(faces.photos, faces.images, strict=True))
    for name in ("p0/0.png", "p0/1.pgm", "p0/2.png"):
        np.testing.assert_array_equal(at[name], grey)
    assert (at["p0/3.png"] == 128).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 120), st.integers(1, 120))
def test_fit_gives_the_size_for_any_picture(w: int, h: int, height: int, width: int) -> None:
    out = fit(Image.new("L", (w, h), 77), (height, width))
    assert out.shape == (height, width)
    assert (out == 77).all()


def test_fit_keeps_the_middle() -> None:
    wide = np.zeros((50, 150), np.uint8)
    wide[:, 50:100] = 200
    out = fit(Image.fromarray(wide), (50, 50))
    assert (out == 200).all()


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
    return start + struct.pack(">II", zlib.crc32(head), 9) + b"IDAT"


def cut(path: Path) -> bytes:
    return path.read_bytes()[: path.stat().st_size // 2]


@pytest.mark.parametrize("ending", ["png", "pgm", "jpg", "gif"])
@pytest.mark.parametrize("lenient", [False, True])
def test_a_truncated_picture_is_an_error(
    ending: str, lenient: bool, face_folder: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    folder = face_folder("p{person}/{photo}." + ending)
    path = folder / f"p2/3.{ending}"
    path.write_bytes(cut(path))
    with pytest.raises(InputError, match=rf"p2/3\.{ending}: .*remedy"):
        open_faces(str(folder))
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the picture is empty"),
        (b"this is text", "not a picture"),
        (b"P5\n92", "cannot be read|not a picture"),
        (b"P5\n-5 3\n255\nxx", "cannot be read|not a picture"),
        (b"P5\nxx yy\n255\n", "cannot be read|not a picture"),
        (b"%PDF-1.4", "not a picture"),
        (png_header(30_000, 30_000), "too large"),
        (png_header(9_000, 9_000), "too large"),
        (png_header(10, 10), "cannot be read|not a picture"),
    ],
)
def test_a_bad_picture_is_named(content: bytes, says: str, face_folder: Writer) -> None:
    folder = face_folder()
    (folder / "p1/2.png").write_bytes(content)
    with pytest.raises(InputError, match=rf"^p1/2\.png: .*({says})") as caught:
        open_faces(str(folder))
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes_never_give_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, generated: Faces, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x.gif"
    kind = data.draw(st.sampled_from(["PNG", "PPM", "JPEG", "GIF"]))
    Image.fromarray(generated.images[0, ::8, ::8]).save(path, format=kind)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    # Whatever the bytes are: a grey picture or an InputError, and nothing else is raised.
    with contextlib.suppress(InputError):
        assert read_grey(path).mode == "L"


def test_too_few_people_or_pictures(face_folder: Writer) -> None:
    folder = face_folder(people=3)
    with pytest.raises(InputError, match=r"at least 4 people.*found: 3 \(p0, p1, p2\)"):
        open_faces(str(folder))
    face_folder("p3/{photo}.png", people=1, photos=1)
    with pytest.raises(InputError, match="at least 4 pictures of each person; found: 1 of p3"):
        open_faces(str(folder))


def test_a_caller_that_splits_nothing_takes_fewer(face_folder: Writer) -> None:
    folder = face_folder(people=1, photos=1)
    assert open_faces(str(folder), fewest_people=1, fewest_photos=1).people == ("p0",)
    with pytest.raises(InputError, match="at least 2 people"):
        open_faces(str(folder), fewest_people=2, fewest_photos=1)
    with pytest.raises(InputError, match=r"at least 2 pictures.*found: 1 of p0"):
        open_faces(str(folder), fewest_people=1, fewest_photos=2)


def test_a_remedy_names_the_option_that_was_given(tmp_path: Path) -> None:
    """The pattern of people belongs to --faces alone."""
    picture = tmp_path / "anna.png"
    Image.new("L", (4, 4)).save(picture)
    for option, remedy in (("--faces", "set --person-pattern"), ("--images", "name the files so")):
        with pytest.raises(InputError, match=f"point {option} at the pictures, or {remedy}$"):
            open_faces(str(tmp_path), option=option)
        with pytest.raises(InputError, match=f"^{option}: .*or use {option} generated$"):
            open_faces(str(tmp_path / "none"), option=option)
    picture.rename(tmp_path / "anna_1.png")
    with pytest.raises(InputError, match=r"add people, or name the files so$"):
        open_faces(str(tmp_path), option="--images")


def test_one_person_only(face_folder: Writer) -> None:
    with pytest.raises(InputError, match=r"found: 1 \(me\)"):
        open_faces(str(face_folder("me_{photo}.png", people=1)))


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        read_face_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(InputError, match=r"no pictures.*PGM, PNG.*e\.g\. notes\.txt"):
        read_face_folder(tmp_path)
    with pytest.raises(InputError, match="no such face folder"):
        read_face_folder(tmp_path / "notes.txt")


@pytest.mark.parametrize("pattern", ["(", "(?P<name>x)", ""])
def test_bad_person_pattern(pattern: str, face_folder: Writer) -> None:
    with pytest.raises(InputError, match=r"--person-pattern.*person"):
        open_faces(str(face_folder()), person_pattern=pattern)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_unicode_survives(face_folder: Writer) -> None:
    folder = face_folder()
    (folder / "p0").rename(folder / os.fsdecode(b"p\xff"))
    faces = open_faces(str(folder))
    assert "p\\udcff" in faces.people
    assert all(photo.encode("utf-8") for photo in faces.photos)
