"""Malformed files of every kind: one clear line or numbers, no hang, and no code of theirs runs."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import pickle
import shutil
import signal
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import malformed
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privkit.audit.policy import read_policy
from privkit.confined import Confined, ConfinedError
from privkit.errors import PrivkitError
from privkit.features import faiss_index, open_codes, open_features
from privkit.features.columns import open_columns
from privkit.models.encoders import onnx_file, open_encoder, torchscript

SECONDS = 60
"""The longest that one malformed file may take."""

PIXELS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6)
POLICY = Path(__file__).parents[2] / "privkit/audit/default_policy.toml"


class Kept:
    """Stands for ``Confined`` and keeps a child for many files, until one ends it."""

    children: dict[Path, Confined] = {}  # noqa: RUF012 - on purpose one for all

    def __init__(self, script: Path, *, memory: int) -> None:
        self.script, self.memory = script, memory

    def ask(self, message: bytes, *, seconds: float) -> bytes:
        limit = SECONDS / 4
        if self.script not in self.children:
            self.children[self.script] = Confined(self.script, memory=self.memory)
            limit = SECONDS / 2  # it imports its library first
        child = self.children[self.script]
        try:
            return child.ask(message, seconds=min(seconds, limit))
        except ConfinedError as error:
            if "its reader" in str(error) or "took longer" in str(error):
                child.close()
                del self.children[self.script]
            raise

    def close(self) -> None:
        """Leave the child to the next file."""

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def one_child_for_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (faiss_index, onnx_file, torchscript):
        monkeypatch.setattr(module, "Confined", Kept)
    yield
    for child in Kept.children.values():
        child.close()
    Kept.children.clear()


def features(path: Path) -> None:
    """Open a file in every way there is and read all of it."""
    for options in ({}, {"bits": 12}, {"columns": ["a"]}, {"exclude": ["who"]}):
        with contextlib.suppress(PrivkitError):
            stored = open_features(path, **options)
            stored.rows(np.array([0, stored.n - 1]))
            for _ in stored.chunks():
                pass
            stored.ids("who")
    for options in ({}, {"bits": 16}, {"columns": ["who"]}):
        with contextlib.suppress(PrivkitError):
            for _ in open_codes(path, **options).packed_chunks():
                pass
    for names in (None, ["who"]):
        with contextlib.suppress(PrivkitError):
            open_columns(path, names, rows=None, option="--person")


def vectors(path: Path) -> None:
    with contextlib.suppress(PrivkitError):
        for _ in open_features(path).chunks():
            pass


def encoder(path: Path) -> None:
    with contextlib.suppress(PrivkitError):
        open_encoder(str(path), shape=malformed.SHAPE, sample=PIXELS).store(PIXELS)


def policy(path: Path) -> None:
    with contextlib.suppress(PrivkitError):
        read_policy(path)


NETWORK = "-network.safetensors"
"""What the name of a face network's file ends with here."""
ARRAYS = [".npy", ".npz", ".safetensors", ".h5", ".parquet", ".csv"]
OPENERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(ARRAYS, features),
    ".faiss": vectors,
    ".onnx": encoder,
    ".pt": encoder,
    ".toml": policy,
    NETWORK: encoder,
}
EXTRAS = {".faiss": "faiss", ".onnx": "onnx onnxruntime"}
SHARE = {".faiss": 0.5, ".onnx": 0.5, ".pt": 0.5}
"""Fewer files of the kinds whose readers are slow."""


def whole(ending: str) -> list[bytes]:
    others = {
        ".faiss": malformed.faiss_seeds,
        ".onnx": malformed.onnx_seeds,
        ".pt": malformed.torchscript_seeds,
        ".toml": lambda: [POLICY.read_bytes()],
        NETWORK: malformed.network_seeds,
    }
    return others[ending]() if ending in others else malformed.seeds()[ending]


def too_long(*_: object) -> None:
    raise AssertionError(f"this file took longer than {SECONDS} s")


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    old = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def throw(ending: str, folder: Path, examples: int) -> int:
    """Throw that many malformed files at the opener of a kind; return how many were thrown."""
    for name in EXTRAS.get(ending, "").split():
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    thrown = Counter[str]()

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
    )
    @given(malformed.malformed(whole(ending)), st.sampled_from(malformed.NAMES))
    def one(data: bytes, name: str) -> None:
        path = malformed.written(folder, name + ending, data)
        with in_time():
            OPENERS[ending](path)
        shutil.rmtree(path.parent)
        thrown[ending] += 1

    one()
    return thrown[ending]


@pytest.mark.parametrize("ending", OPENERS)
def test_whole_files_pass(tmp_path, ending):
    """Otherwise the malformed ones would all stop at the first check."""
    for name in EXTRAS.get(ending, "").split():
        pytest.importorskip(name)
    for i, data in enumerate(whole(ending)):
        path = malformed.written(tmp_path, f"whole{ending}", data)
        if ending in (".onnx", ".pt", NETWORK):
            assert open_encoder(str(path), shape=malformed.SHAPE, sample=PIXELS).width
        elif ending == ".toml":
            read_policy(path)
        else:
            options = {"bits": 16} if ending in (".npy", ".csv") and i in (1, 2) else {}
            if ending == ".csv" and i == 2:
                options = {"columns": ["a"]}
            assert open_features(path, **options).n


@pytest.mark.parametrize("ending", OPENERS)
def test_malformed_files_are_one_line_or_numbers(tmp_path, ending):
    assert throw(ending, tmp_path, 60) >= 55


def share(ending: str) -> int:
    """How many files of a kind are thrown of more than ten thousand."""
    return int(1300 * SHARE.get(ending, 1))


def test_the_shares_are_more_than_ten_thousand():
    assert sum(0.99 * share(ending) for ending in OPENERS) >= 10_000


@pytest.mark.slow
@pytest.mark.parametrize("ending", OPENERS)
def test_ten_thousand_malformed_files(tmp_path, ending):
    assert throw(ending, tmp_path, share(ending)) >= 0.99 * share(ending)


class Runs:
    """Makes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


def with_pickles(whole_file: bytes, payload: bytes) -> bytes:
    """Put a pickle into every pickled member of a TorchScript archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole_file)) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.infolist():
            new.writestr(
                item.filename, payload if item.filename.endswith(".pkl") else old.read(item)
            )
    return out.getvalue()


def test_no_code_of_a_file_runs(tmp_path):
    marker = tmp_path / "ran"
    payload = pickle.dumps(Runs(marker))
    pickle.loads(payload)  # noqa: S301 - that it would run
    assert marker.exists()
    marker.unlink()
    objects = np.empty((1, 1), dtype=object)
    objects[0, 0] = Runs(marker)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", features=objects, who=objects)
    files = [tmp_path / "a.npy", tmp_path / "a.npz"]
    for ending in [*ARRAYS, ".faiss", ".onnx", ".pt", ".toml"]:
        files.append(malformed.written(tmp_path, f"p{ending}", payload))
    for data in malformed.torchscript_seeds():
        files.append(malformed.written(tmp_path, "t.pt", with_pickles(data, payload)))
    for path in files:
        OPENERS[path.suffix](path)
    assert not marker.exists()
