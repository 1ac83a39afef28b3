"""Trained networks on disk: safetensors, reused when configuration and data hash agree."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from privkit.runs import write_atomically

_LOG = logging.getLogger(__name__)

__all__ = ["checkpoint_path", "load_checkpoint", "save_checkpoint", "weights_of"]


def checkpoint_path(folder: Path, configuration: Mapping[str, Any]) -> Path:
    """The file that a network of this configuration (data hash included) is kept in."""
    text = json.dumps(configuration, sort_keys=True)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.safetensors"


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name, in main memory and laid out as safetensors writes them."""
    return {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}


def save_checkpoint(path: Path, model: nn.Module, configuration: Mapping[str, Any]) -> None:
    """Write the weights, with the configuration inside the file; atomic.

    A cache that cannot be written (a full disk, say) costs a later run its time, not this run its
    result: it is logged as a warning.
    """
    weights = weights_of(model)
    metadata = {"privkit": json.dumps(configuration, sort_keys=True)}
    try:
        write_atomically(path, lambda temporary: save_file(weights, temporary, metadata=metadata))
    except (SafetensorError, OSError) as error:
        _LOG.warning("privkit: warning: the trained network is not kept: %s", error)


def load_checkpoint(path: Path, model: nn.Module, configuration: Mapping[str, Any]) -> bool:
    """Load the weights if the file is there, is whole, and was made by this configuration.

    Returns:
        Whether the weights were loaded; ``False`` leaves the model as it was, to be trained.
    """
    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("privkit") != json.dumps(configuration, sort_keys=True):
                return False
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):  # cut short or not ours: it is trained anew and replaced
        return False
    own = model.state_dict()
    if weights.keys() != own.keys() or any(weights[k].shape != own[k].shape for k in own):
        return False
    model.load_state_dict(weights)
    return True
