"""Encoders in TorchScript files. This runs the user's own program, as compiled by torch.

The program takes a float32 tensor ``(n, 1, h, w)``, grey in [-1, 1], and returns ``(n, width)``.
A method ``relaxed`` that it exports (``@torch.jit.export``) is taken for the differentiable form of
the same, as of a code whose sign has no gradient.
No Python object of the file is unpickled. A child process tries the program first: a damaged one
may crash the process that runs it.
"""

from __future__ import annotations

import json
import warnings
import zipfile
import zlib
from pathlib import Path

from privkit.confined import Confined, memory_for
from privkit.errors import InputError
from privkit.models.encoders.source import Source, from_callable

__all__ = ["torchscript_source"]

_TRIAL = Path(__file__).with_name("torchscript_trial.py")
_SECONDS = 120.0
_TORCH = 12 << 30
"""Bytes of addresses that torch reserves for its libraries."""


def torchscript_source(path: Path, shape: tuple[int, int]) -> Source:
    """Load a TorchScript file on the processor, in the mode in which it was saved.

    Raises:
        InputError: it is damaged or no TorchScript file.
    """
    import torch

    _check_archive(path)
    asked = json.dumps({"path": str(path.absolute()), "shape": shape}).encode()
    try:
        with Confined(_TRIAL, memory=memory_for(path) + _TORCH) as child:
            child.ask(asked, seconds=_SECONDS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is old
            module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:  # torch raises what its parts raise
        raise _unreadable(path, error) from error
    return from_callable(
        str(path), "TorchScript", module, shape, gradient=getattr(module, "relaxed", module)
    )


def _check_archive(path: Path) -> None:
    """Read every member once: torch itself does not look at the checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > 2 * path.stat().st_size:
                raise ValueError("its members are packed, which TorchScript's are not")
            damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    empty = path.stat().st_size == 0
    return InputError(
        "this is not a readable TorchScript file",
        where=path,
        rule="a program saved with torch.jit.save; pickled models are never loaded",
        found="an empty file, 0 bytes" if empty else " ".join(str(error).split())[:300],
        remedy="torch.jit.save(torch.jit.trace(model.eval(), example), path), or module:function",
    )
