"""A face network as a safetensors file, which holds numbers alone: no code of it can run."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from privkit.errors import InputError
from privkit.models.checkpoints import weights_of
from privkit.models.face_net import FEATURES, FaceNet
from privkit.models.featcomp import MAX_BITS
from privkit.models.random_draws import seeded
from privkit.runs import write_atomically

__all__ = ["load_face_network", "save_face_network"]

_RULE = "the weights of a face network, as privkit invert writes them"


def save_face_network(network: FaceNet, path: Path) -> None:
    """Write the weights.

    Args:
        network: trained.
        path: the ``.safetensors`` file to write.
    """
    write_atomically(path, lambda temporary: save_file(weights_of(network), temporary))


def load_face_network(path: Path, pixels: int) -> FaceNet:
    """Read a network, in inference mode and with its weights fixed.

    Args:
        path: a ``.safetensors`` file.
        pixels: of a picture.

    Raises:
        InputError: the file is damaged, of something else, or for pictures of another size.
    """
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _wrong(path, " ".join(str(error).split())[:200] or "an empty file") from error
    people, bits = _rows(weights, "last.weight", path), _bits(weights, path)
    with seeded(0):  # initial weights are drawn, and then replaced
        network = FaceNet(pixels, people, bits)
    own = network.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights or name not in own:
            raise _wrong(path, f"{'no' if name in own else 'an unknown'} weight {name!r}")
        if weights[name].shape != own[name].shape:
            shapes = tuple(weights[name].shape), tuple(own[name].shape)
            raise _wrong(path, f"{name} of shape {shapes[0]}, not {shapes[1]} ({pixels:,} pixels)")
        if weights[name].dtype != own[name].dtype:
            raise _wrong(path, f"{name} of {weights[name].dtype}, not {own[name].dtype}")
        if weights[name].is_floating_point() and not torch.isfinite(weights[name]).all():
            raise _wrong(path, f"{name} is not finite")
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def _rows(weights: dict[str, Tensor], name: str, path: Path) -> int:
    """The outputs of a layer; not more than the file has numbers."""
    weight = weights.get(name)
    if weight is None or weight.ndim != 2 or not len(weight) or weight.shape[1] != FEATURES:
        found = "none" if weight is None else f"shape {tuple(weight.shape)}"
        raise _wrong(path, f"{name!r}: {found}, not (N, {FEATURES})")
    return len(weight)


def _bits(weights: dict[str, Tensor], path: Path) -> int | None:
    if "bottleneck.encoder.weight" not in weights:
        return None
    bits = _rows(weights, "bottleneck.encoder.weight", path)
    if bits > MAX_BITS:
        raise _wrong(path, f"{bits:,} bits, more than {MAX_BITS:,}")
    return bits


def _wrong(path: Path, found: str) -> InputError:
    return InputError(
        "this is not a face network",
        where=path,
        rule=_RULE,
        found=found,
        remedy="another encoder as module:function, TorchScript (.pt, .ts) or ONNX (.onnx)",
    )
