"""Face folders, a fake AT&T set and a loopback server for the tests of `privkit.data`."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from face_archives import Loopback, pgm
from PIL import Image

from privkit.data import att
from privkit.data.face_set import Faces
from privkit.data.generated_faces import generate_faces


@pytest.fixture(scope="session")
def generated() -> Faces:
    return generate_faces()


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's data or cache."""
    monkeypatch.delenv("PRIVKIT_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setenv("PRIVKIT_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def fake_files(generated: Faces) -> dict[str, bytes]:
    """400 generated pictures under the names of the AT&T Faces."""
    return {name: pgm(image) for name, image in zip(att.PHOTO_NAMES, generated.images, strict=True)}


@pytest.fixture
def canonical(fake_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The fake files, taken for the canonical ones."""
    listing = "".join(f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in fake_files.items())
    monkeypatch.setattr(att, "LISTING_SHA256", hashlib.sha256(listing.encode()).hexdigest())
    return fake_files


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            loopback.asked.append(self.path)
            if self.path not in loopback.answers:
                self.send_error(404)
                return
            body, claimed = loopback.answers[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(claimed))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    loopback.url = f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield loopback
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.fixture
def face_folder(tmp_path: Path, generated: Faces) -> Callable[..., Path]:
    """Writes pictures of the generated people below a folder, named by a pattern."""

    def write(
        pattern: str = "p{person}/{photo}.png", people: int = 4, photos: int = 4, **save: object
    ) -> Path:
        folder = tmp_path / "faces"
        for person in range(people):
            for photo in range(photos):
                path = folder / pattern.format(person=person, photo=photo)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(generated.images[person * 10 + photo]).save(path, **save)
        return folder

    return write


REAL_DATA = os.environ.get("PRIVKIT_DATA", "")


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that PRIVKIT_DATA named when the tests started."""
    if not (REAL_DATA and (Path(REAL_DATA) / att.FOLDER).is_dir()):
        pytest.skip("needs the AT&T Faces: set PRIVKIT_DATA to the folder above att_faces")
    monkeypatch.setenv("PRIVKIT_DATA", REAL_DATA)
    return Path(REAL_DATA)
