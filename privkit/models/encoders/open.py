"""The one way to open an encoder of the user: ``open_encoder``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.encoders.face_network import face_network_source
from privkit.models.encoders.onnx_file import onnx_source
from privkit.models.encoders.opened import OpenedEncoder, checked
from privkit.models.encoders.python import python_source
from privkit.models.encoders.source import ENCODERS, Source
from privkit.models.encoders.torchscript import torchscript_source

__all__ = ["open_encoder"]

_FILES: dict[str, Callable[[Path, tuple[int, int]], Source]] = {
    ".pt": torchscript_source,
    ".ts": torchscript_source,
    ".onnx": onnx_source,
    ".safetensors": face_network_source,
}
_DRAWN = 4
"""Pictures of noise that an encoder is tried with where no others are given."""


def open_encoder(
    spec: str,
    *,
    shape: tuple[int, int],
    sample: NDArray[np.float32] | None = None,
    width: int | None = None,
) -> OpenedEncoder:
    """Open an encoder and try it on a few pictures.

    ``module:function`` (:mod:`privkit.models.encoders.python`) and TorchScript run the user's own
    code in this process: whoever names them vouches for them. An ONNX file is run in a confined
    child process (:mod:`privkit.models.encoders.onnx_file`).

    Args:
        spec: ``module:name``, a ``.pt`` or ``.ts`` file of TorchScript, an ``.onnx`` file, or a
            ``.safetensors`` file of privkit's own face network.
        shape: height and width of the pictures.
        sample: pictures ``(n, h·w)`` in [-1, 1] to try it with, a few; of noise by default.
        width: numbers that are stored of a picture, where that is known.

    Returns:
        The encoder, whose ``notes`` say what was noticed: that it has no gradient, is not
        deterministic, or depends on the other pictures of a batch.

    Raises:
        InputError: there is no such encoder, it raises, or it returns something else than one row
            of ``width`` finite numbers a picture.
    """
    source = _source(spec, shape)
    if sample is None:
        size = (_DRAWN, shape[0] * shape[1])
        sample = np.random.default_rng(0).uniform(-1, 1, size).astype(np.float32)
    return checked(source, shape, sample, width)


def _source(spec: str, shape: tuple[int, int]) -> Source:
    path = Path(spec)
    opener = _FILES.get(path.suffix.lower())
    if opener is not None:
        if path.is_file():
            return opener(path, shape)
        raise InputError(
            "there is no such file", where=spec, rule="--encoder names an encoder", found=spec
        )
    module, colon, name = spec.partition(":")
    if colon and all(part.isidentifier() for part in f"{module}.{name}".split(".")):
        return python_source(spec, shape)
    raise InputError(
        "this does not name an encoder",
        where="--encoder",
        rule=ENCODERS,
        found=spec,
    )
