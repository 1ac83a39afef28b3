"""Encoders in ONNX files, run by ONNX Runtime in a child process; they give no gradient.

The model has one float32 input: ``(n, 1, h, w)`` grey in [-1, 1], or ``(n, 3, h, w)``, which gets
the grey three times, or ``(n, h·w)``. Its first output is what is stored, ``(n, width)``.
"""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.confined import Confined, ConfinedError, memory_for
from privkit.errors import InputError
from privkit.models.encoders.source import Source

__all__ = ["onnx_source"]

_SCRIPT = Path(__file__).with_name("onnx_session.py")
_OPEN_SECONDS, _BATCH_SECONDS = 60.0, 120.0
_ACTIVATIONS = 4 << 30


def onnx_source(path: Path, shape: tuple[int, int]) -> Source:
    """Open an ONNX file in a child with limits on its memory and time.

    Raises:
        InputError: onnxruntime is not installed, the file is damaged or no ONNX file, or the
            model does not take pictures of this shape.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise InputError(
            "ONNX files cannot be run without onnxruntime",
            where=path,
            rule="onnxruntime is installed",
            remedy="pip install 'privkit[onnx]'",
        )
    child = Confined(_SCRIPT, memory=memory_for(path) + _ACTIVATIONS)
    asked = json.dumps({"path": str(path.absolute())}).encode()
    try:
        model = json.loads(child.ask(asked, seconds=_OPEN_SECONDS))
        expected = _expected(path, model["inputs"], shape)
    except ConfinedError as error:
        child.close()
        empty = path.stat().st_size == 0
        raise InputError(
            "this is not a readable ONNX file",
            where=path,
            rule="a whole ONNX model; data outside its folder is never read",
            found="an empty file, 0 bytes" if empty else error,
        ) from error
    except InputError:
        child.close()
        raise

    def store(pixels: NDArray[np.float32]) -> NDArray[Any]:
        batches = [pixels] if expected[0] is None else np.split(pixels, len(pixels))
        return np.concatenate([_run(child, batch, expected, shape) for batch in batches])

    return Source(str(path), "ONNX", store)


def _expected(path: Path, inputs: list[dict[str, Any]], shape: tuple[int, int]) -> list[int | None]:
    """Return the shape of the model's one input, if it takes pictures of ``shape``."""
    wanted: dict[int, list[tuple[int, ...]]] = {
        2: [(shape[0] * shape[1],)],
        4: [(1, *shape), (3, *shape)],
    }
    sizes = inputs[0]["shape"] if len(inputs) == 1 else []
    takes = any(
        all(size in (None, want) for size, want in zip(sizes[1:], given, strict=True))
        for given in wanted.get(len(sizes), [])
    )
    if takes and sizes[0] in (None, 1) and inputs[0]["type"] == "tensor(float)":
        return list(sizes)
    h, w = shape
    raise InputError(
        "the model does not take such pictures",
        where=path,
        rule=f"one float32 input of shape (n, 1, {h}, {w}), (n, 3, {h}, {w}) or (n, {h * w})",
        found="; ".join(f"{i['name']}: {i['type']} {i['shape']}" for i in inputs) or "no input",
        remedy="resize the pictures, or export the model with this input",
    )


def _run(
    child: Confined,
    pixels: NDArray[np.float32],
    expected: list[int | None],
    shape: tuple[int, int],
) -> NDArray[Any]:
    if len(expected) == 4:
        pixels = pixels.reshape(-1, 1, *shape).repeat(expected[1] or 1, axis=1)
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(pixels), allow_pickle=False)
    reply = child.ask(file.getvalue(), seconds=_BATCH_SECONDS)
    return np.asarray(np.load(io.BytesIO(reply), allow_pickle=False))
