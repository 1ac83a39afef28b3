"""Files that are cut off are found, wherever the cut falls."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from privkit.data.videos.decode import probe
from privkit.data.videos.whole import whole_fault
from privkit.errors import InputError

FORMS = {
    "plain.mp4": ("libx264", {}),
    "faststart.mp4": ("libx264", {"movflags": "faststart"}),
    "whole.avi": ("mpeg4", {}),
    "whole.webm": ("libvpx", {}),
    "whole.gif": ("gif", {}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name, (codec, options) in FORMS.items():
        write(folder / name, codec, options)
    return folder


def write(path: Path, codec: str, options: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "gray" if codec == "gif" else "yuv420p"
        for _ in range(12):
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def fault(path: Path) -> str | None:
    with path.open("rb") as file:
        return whole_fault(path, file.read(8))


@pytest.mark.parametrize("name", FORMS)
def test_every_cut_is_found(made: Path, tmp_path: Path, name: str) -> None:
    data = (made / name).read_bytes()
    assert fault(made / name) is None
    for length in range(48, len(data), 211):
        cut = tmp_path / name
        cut.write_bytes(data[:length])
        with pytest.raises(InputError):
            probe(cut)


def test_a_fragment_without_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    write(path, "libx264", {"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    assert fault(path) is None
    behind_moof = data.rindex(b"moof") - 4
    behind_moof += int.from_bytes(data[behind_moof : behind_moof + 4], "big")
    path.write_bytes(data[:behind_moof])
    assert "index of a fragment" in (fault(path) or "")


def test_several_riffs_and_sizes_that_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    riff = b"RIFF" + struct.pack("<I", 5) + b"AVI  " + b"\0"  # 5 bytes and one to make them even
    path.write_bytes(riff + b"RIFF" + struct.pack("<I", 4) + b"AVIX")
    assert fault(path) is None
    path.write_bytes(riff + b"RIFF" + struct.pack("<I", 9) + b"AVIX")
    assert fault(path) == "an AVI of which 26 of 31 bytes are there"
    path.write_bytes(b"RIFF" + struct.pack("<I", 0) + b"AVI ")
    assert fault(path) is None
    path = tmp_path / "a.mp4"
    box = struct.pack(">I", 12) + b"ftypmp42"
    for rest, found in (
        (struct.pack(">I", 0) + b"mdat" + b"\1" * 99, None),
        (struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 17) + b"\1", None),
        (struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 18) + b"\1", "29 of 30 bytes"),
        (struct.pack(">I", 3) + b"junk", None),
    ):
        path.write_bytes(box + rest)
        assert (found in (fault(path) or "")) if found else fault(path) is None
