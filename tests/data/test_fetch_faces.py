"""Fetching over loopback: success, cut connections and hostile archives leave nothing behind."""

import gzip
import io
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets
from face_archives import Loopback, write_files, zipped

from privkit.data import archives, att, fetch
from privkit.data.face_set import Faces
from privkit.data.faces import open_faces
from privkit.errors import InputError


def tarred(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in extra:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> (
    tarfile.TarInfo
):  # fmt: skip
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def zip_link(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO(zipped(files))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo("s1/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def lying_zip(files: dict[str, bytes]) -> bytes:
    """A bomb whose headers claim one byte."""
    body = bytearray(zipped({**files, "s1/1.pgm": bytes(80 * 2**20)}))
    at = body.rfind((80 * 2**20).to_bytes(4, "little"))
    body[at : at + 4] = (1).to_bytes(4, "little")
    return bytes(body)


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "zip below a folder": lambda files: zipped(files, "att_faces/"),
    "tar": tarred,
    "tar.gz": lambda files: gzip.compress(tarred(files), 1),
    "with other files": lambda files: zipped({**files, "README": b"text", "s41/1.pgm": b"x"}),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_good_archive_is_kept(
    packer: str, server: Loopback, canonical: dict[str, bytes], own_places: Path
) -> None:
    folder = fetch.fetch_att(server.serve(PACKERS[packer](canonical)))
    assert folder == own_places / "att_faces"
    assert [p.name for p in own_places.iterdir()] == ["att_faces"]
    assert len(list(folder.rglob("*.pgm"))) == 400
    assert open_faces().source == "AT&T Faces"


def test_a_good_copy_is_not_fetched_again_and_a_damaged_one_is_replaced(
    server: Loopback,
    canonical: dict[str, bytes],
    own_places: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetch, "ATT_URLS", (server.url + "/gone", server.serve(zipped(canonical))))
    fetch.fetch_att()
    assert server.asked == ["/gone", "/set"], "the second address is tried when the first fails"
    fetch.fetch_att()
    assert len(server.asked) == 2
    (own_places / "att_faces/s1/1.pgm").unlink()
    fetch.fetch_att()
    assert len(server.asked) == 4
    assert open_faces().n == 400
    assert [p.name for p in own_places.iterdir()] == ["att_faces"]


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], bytes], str]] = {
    "zip outside": (lambda f: zipped({**f, "../evil": b"x"}), "would lie outside"),
    "zip absolute": (lambda f: zipped({**f, "/evil": b"x"}), "would lie outside"),
    "zip windows": (lambda f: zipped({**f, "C:\\evil": b"x"}), "would lie outside"),
    "zip backslash": (lambda f: zipped({**f, "a\\..\\..\\evil": b"x"}), "would lie outside"),
    "zip outside, wanted name": (
        lambda f: zipped({**f, "../s1/1.pgm": b"x"}),
        "would lie outside",
    ),
    "zip link": (zip_link, "link or a device"),
    "zip bomb": (lambda f: zipped({**f, "s1/1.pgm": bytes(70 * 2**20)}), "64 MiB"),
    "zip bomb, not wanted": (lambda f: zipped({**f, "big": bytes(70 * 2**20)}), "64 MiB"),
    "zip bomb that lies": (lying_zip, "64 MiB|cannot be read whole"),
    "zip twice": (lambda f: zipped({**f, "again/s1/1.pgm": b"x"}), "twice"),
    "zip many": (
        lambda f: zipped({**f, **{f"x{i}": b"" for i in range(1700)}}),
        "more than 2,000 members",
    ),
    "zip cut": (lambda f: zipped(f)[:-5000], "cannot be read whole"),
    "tar outside": (lambda f: tarred(f, member("../evil")), "would lie outside"),
    "tar absolute": (lambda f: tarred(f, member("/evil")), "would lie outside"),
    "tar symlink": (
        lambda f: tarred(f, member("s1", tarfile.SYMTYPE, "/etc")),
        "link or a device",
    ),
    "tar hardlink": (
        lambda f: tarred(f, member("s1/1.pgm", tarfile.LNKTYPE, "/etc/passwd")),
        "link or a device",
    ),
    "tar device": (lambda f: tarred(f, member("null", tarfile.CHRTYPE)), "link or a device"),
    "tar bomb": (
        lambda f: gzip.compress(tarred(f, member("big", size=70 * 2**20)), 1),
        "64 MiB",
    ),
    "tar long header": (
        lambda f: gzip.compress(tarred(f, member("x", tarfile.XHDTYPE, size=70 * 2**20)), 1),
        "64 MiB",
    ),
    "tar many": (
        lambda f: tarred(f, *(member(f"x{i}") for i in range(1700))),
        "more than 2,000 members",
    ),
    "tar cut": (lambda f: tarred(f)[:-50_000], "cut off|cannot be read whole|missing"),
    "gz cut": (lambda f: gzip.compress(tarred(f), 1)[:-5000], "cannot be read whole"),
    "text": (lambda _: b"<html>not found</html>", "cannot be read whole"),
    "nothing": (lambda _: b"", "cannot be read whole"),
    "missing file": (
        lambda f: zipped({n: b for n, b in f.items() if n != "s9/9.pgm"}),
        "missing: s9/9.pgm",
    ),
    "wrong pixels": (
        lambda f: zipped({**f, "s9/9.pgm": f["s9/9.pgm"][:-1] + b"\x01"}),
        "digests are not those",
    ),
    "wrong size": (
        lambda f: zipped({**f, "s9/9.pgm": b"P5\n1 1\n255\nx"}),
        "wrong size: s9/9.pgm",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_leaves_nothing(
    name: str, server: Loopback, canonical: dict[str, bytes], own_places: Path, tmp_path: Path
) -> None:
    pack, says = HOSTILE[name]
    url = server.serve(pack(canonical))
    with pytest.raises(fetch.FetchError, match=says) as caught:
        fetch.fetch_att(url)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert list(own_places.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]


def test_a_cut_connection_leaves_nothing_and_keeps_the_copy_before(
    server: Loopback, canonical: dict[str, bytes], own_places: Path
) -> None:
    body = zipped(canonical)
    url = server.serve(body[: len(body) // 2], claimed=len(body))
    with pytest.raises(fetch.FetchError, match="download failed"):
        fetch.fetch_att(url)
    assert list(own_places.iterdir()) == []
    write_files(own_places / "att_faces", canonical)
    with pytest.raises(fetch.FetchError):
        fetch.fetch_att(url)
    assert open_faces().source == "AT&T Faces"


def test_refused_and_missing_addresses(
    server: Loopback, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(fetch.FetchError, match="404"):
        fetch.fetch_att(server.url + "/missing")
    with pytest.raises(InputError, match="only http"):
        fetch.fetch_att("file:///etc/passwd")
    monkeypatch.setattr(fetch, "MOST_DOWNLOAD", 1000)
    with pytest.raises(fetch.FetchError, match="larger than"):
        fetch.fetch_att(server.serve(bytes(2000)))
    assert list(own_places.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("text")
    monkeypatch.setenv("PRIVKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="PRIVKIT_CACHE"):
        fetch.fetch_att("http://127.0.0.1:9/none")


def test_limits_are_the_documented_ones() -> None:
    assert (archives.MOST_MEMBERS, archives.MOST_BYTES) == (2_000, 64 * 2**20)
    assert len(set(att.PHOTO_NAMES)) == 400
    assert att.photo_name("a/b/s40/10.pgm") == "s40/10.pgm"
    assert att.photo_name("s41/1.pgm") is None
    assert att.photo_name("xs4/1.pgm") is None


def olivetti_bunch(generated: Faces) -> SimpleNamespace:
    images = generated.images[:, 20:84, 14:78].astype(np.float32) / 255
    return SimpleNamespace(images=images, target=np.repeat(np.arange(40), 10))


def test_olivetti_goes_through_a_temporary_folder(
    generated: Faces, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetcher(data_home: str, shuffle: bool) -> SimpleNamespace:
        (Path(data_home) / "olivetti_py3.pkz").write_bytes(b"a pickle")
        return olivetti_bunch(generated)

    monkeypatch.setattr(sklearn.datasets, "fetch_olivetti_faces", fetcher)
    path = fetch.fetch_olivetti()
    assert [p.name for p in own_places.iterdir()] == [path.name] == ["olivetti_faces.npz"]
    faces = open_faces("olivetti")
    np.testing.assert_array_equal(faces.images, generated.images[:, 20:84, 14:78])


def test_olivetti_failures_leave_nothing(
    generated: Faces, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(**_: object) -> None:
        raise OSError("the connection was cut")

    monkeypatch.setattr(sklearn.datasets, "fetch_olivetti_faces", cut)
    with pytest.raises(fetch.FetchError, match="was cut"):
        fetch.fetch_olivetti()
    wrong = olivetti_bunch(generated)
    wrong.target = wrong.target[::-1]
    monkeypatch.setattr(sklearn.datasets, "fetch_olivetti_faces", lambda **_: wrong)
    with pytest.raises(fetch.FetchError, match="expected"):
        fetch.fetch_olivetti()
    assert list(own_places.iterdir()) == []
    with pytest.raises(InputError, match="fixed address"):
        fetch.fetch_olivetti("http://127.0.0.1/")


def test_opening_faces_imports_no_network_library() -> None:
    code = (
        "import sys; from privkit.data.faces import open_faces; open_faces('generated');"
        "bad = {'requests', 'pooch', 'urllib3', 'sklearn', 'torch'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
