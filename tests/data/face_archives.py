"""Picture files and archives in memory, and what a loopback server answers."""

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image


def pgm(image: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PPM")
    return file.getvalue()


def zipped(files: dict[str, bytes], top: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return out.getvalue()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Loopback:
    """A server on this machine; ``answers`` maps a path to body and claimed length."""

    url: str = ""
    answers: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, body: bytes, *, claimed: int | None = None, path: str = "/set") -> str:
        self.answers[path] = (body, len(body) if claimed is None else claimed)
        return self.url + path
