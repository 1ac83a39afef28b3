"""Reading a file of weights that came from outside: tensors only, never code."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from privkit.errors import InputError

__all__ = ["read_state"]

#: What training programs put their weights under, beside the optimizer's state.
_WRAPPERS = ("model_state_dict", "state_dict", "model")

_RULE = "a safetensors file, or a PyTorch file that holds tensors and nothing else"


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the weights of a ``.safetensors`` or PyTorch file onto the CPU.

    A pickle is read by torch's weights-only unpickler, which runs no code.

    Args:
        path: the file; a training checkpoint may hold the weights under ``model_state_dict``,
            ``state_dict`` or ``model``.

    Raises:
        InputError: the file is not there, is broken, or holds anything else than named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file of weights", where=path, rule=_RULE)
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise _refused(path, str(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old formats; the file is checked below
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    # A broken or hostile pickle makes the unpickler raise nearly anything.
    except Exception as error:
        raise _refused(path, _reason(error)) from error
    return _named_tensors(path, loaded)


def _named_tensors(path: Path, loaded: Any) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise _refused(path, f"a {type(loaded).__name__}")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise _refused(path, f"{str(name)[:80]!r} is a {type(value).__name__}")
        if value.layout != torch.strided or value.is_quantized or value.is_complex():
            raise _refused(path, f"{name[:80]!r} is {value.layout}, {value.dtype}")
    return dict(loaded)


def _refused(path: Path, found: str) -> InputError:
    return InputError(
        "this is not a file of weights that can be read safely",
        where=path,
        rule=_RULE,
        found=found[:200],
    )


def _reason(error: Exception) -> str:
    """The unpickler's own words, without its advice to switch the protection off."""
    found = re.search(r"(?:WeightsUnpickler error: |Trying to load )([^\n]+)", str(error))
    reason = found.group(1).split(" by default")[0] if found else str(error).split("\n", 1)[0]
    return "code, or no weights" if "weights_only" in reason else reason or type(error).__name__
