"""Running an ONNX model; run in a confined child, see :mod:`privkit.confined`.

It imports nothing of privkit. ONNX Runtime itself refuses external data outside the folder of the
file, from version 1.24.4 on: 1.23.2 was seen to read it.
"""

from __future__ import annotations

import io
import json
import os
import re
from typing import Any

import numpy as np
import onnxruntime

_OPENED: dict[str, Any] = {}
_SAFE = (1, 24, 4)


def answer(message: bytes) -> bytes:
    """Open the model of a JSON object's field ``path``, or run it on an npy array.

    Returns:
        Of the model: its inputs, each ``name``, ``type`` and ``shape``, and the names of its
        ``outputs``, as JSON. Of an array: the first output as npy.
    """
    if message[:1] == b"{":
        return _open(json.loads(message)["path"])
    session = _OPENED["session"]
    pixels = np.load(io.BytesIO(message), allow_pickle=False)
    first = session.get_outputs()[0].name
    (out,) = session.run([first], {session.get_inputs()[0].name: pixels})
    if not isinstance(out, np.ndarray) or out.dtype.kind not in "biuf":
        raise TypeError(f"the output {first!r} is no array of numbers")
    file = io.BytesIO()
    np.save(file, out, allow_pickle=False)
    return file.getvalue()


def _open(path: str) -> bytes:
    version = tuple(int(part) for part in re.findall(r"\d+", onnxruntime.__version__)[:3])
    if version < _SAFE:
        raise RuntimeError(
            f"onnxruntime {onnxruntime.__version__} reads any file that a model names; "
            "pip install 'onnxruntime>=1.24.4'"
        )
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(4, os.cpu_count() or 1)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    _OPENED["session"] = session
    inputs = [
        {
            "name": item.name,
            "type": item.type,
            "shape": [size if isinstance(size, int) else None for size in item.shape],
        }
        for item in session.get_inputs()
    ]
    outputs = [item.name for item in session.get_outputs()]
    return json.dumps({"inputs": inputs, "outputs": outputs}).encode()
