"""Trying a TorchScript file; run in a confined child, see :mod:`privkit.confined`.

It imports nothing of privkit. A damaged program may end the process that runs it: better this one.
"""

from __future__ import annotations

import contextlib
import json
import warnings

import torch


def answer(message: bytes) -> bytes:
    """Load the file ``path`` and run it on noise of ``shape``, forth and back.

    Both are fields of a JSON object. What the program raises on noise is no concern here.
    """
    asked = json.loads(message)
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(asked["path"], map_location="cpu")  # type: ignore[no-untyped-call]
    pictures = torch.rand(2, 1, *asked["shape"], generator=torch.Generator().manual_seed(0))
    with contextlib.suppress(Exception):
        module(2 * pictures - 1)
    with contextlib.suppress(Exception):
        module((2 * pictures - 1).requires_grad_()).sum().backward()
    return b""
