"""Throw files made by a coverage-guided fuzzer (atheris) at the openers of features.

The first byte of what the fuzzer makes chooses the kind of file, the rest is the file. Only
:class:`privkit.errors.PrivkitError` may come out; anything else stops the run, and the input that
caused it is kept beside the corpus. FAISS, ONNX and TorchScript are read by child processes,
whose coverage the fuzzer does not see; tests/features/test_fuzz.py throws files at them.

Run it where atheris installs (pip install atheris; Linux, CPython)::

    python benchmarks/fuzz/open_features.py CORPUS -max_total_time=60

CORPUS is a folder, which is made and filled with whole files if it is not there; what follows are
libFuzzer's own options. At its end libFuzzer tells the number of executions.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["privkit", "numpy.lib"]):
    import numpy as np

    from privkit.errors import PrivkitError
    from privkit.features import open_codes, open_features

ENDINGS = (".npy", ".npz", ".safetensors", ".h5", ".parquet", ".csv")
_FOLDER = Path(tempfile.mkdtemp(prefix="privkit-fuzz-"))


def one_input(data: bytes) -> None:
    """Open one file in several ways and read all of it."""
    if not data:
        return
    path = _FOLDER / f"f{ENDINGS[data[0] % len(ENDINGS)]}"
    path.write_bytes(data[1:])
    for bits in (None, 12):
        with contextlib.suppress(PrivkitError):
            stored = open_features(path, bits=bits)
            stored.rows(np.array([0, stored.n - 1]))
            for _ in stored.chunks():
                pass
    with contextlib.suppress(PrivkitError):
        for _ in open_codes(path, bits=12).packed_chunks():
            pass


def fill(corpus: Path) -> None:
    """Write whole files of each kind, behind the byte that chooses it."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests/features"))
    import malformed

    corpus.mkdir(parents=True)
    for ending, files in malformed.seeds().items():
        for i, data in enumerate(files):
            kind = bytes([ENDINGS.index(ending)])
            (corpus / f"whole-{ending[1:]}-{i}").write_bytes(kind + data)


def main() -> None:
    """Fuzz until libFuzzer's options end it."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: open_features.py CORPUS [-max_total_time=60 ...]")
    if not Path(sys.argv[1]).exists():
        fill(Path(sys.argv[1]))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
