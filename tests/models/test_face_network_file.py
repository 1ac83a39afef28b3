"""The file of a face network: the same network back, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from privkit.errors import InputError
from privkit.models.encoders import open_encoder
from privkit.models.face_net import FaceNet
from privkit.models.face_network_file import load_face_network, save_face_network

SHAPE = (16, 12)


def saved(folder: Path, bits: int | None) -> tuple[FaceNet, Path]:
    torch.manual_seed(0)
    network = FaceNet(16 * 12, 5, bits).eval()
    save_face_network(network, folder / "encoder.safetensors")
    return network, folder / "encoder.safetensors"


@pytest.mark.parametrize("bits", [None, 16])
def test_it_is_opened_as_an_encoder_that_attacks_know(bits: int | None, tmp_path: Path) -> None:
    network, path = saved(tmp_path, bits)
    encoder = open_encoder(str(path), shape=SHAPE)
    pixels = np.random.default_rng(0).uniform(-1, 1, (9, 16 * 12)).astype(np.float32)
    assert encoder.matches(network.store(pixels), pixels).equal == 1.0
    assert encoder.differentiable
    assert encoder.notes == ()
    own = encoder.attacked
    assert isinstance(own, FaceNet)
    assert not own.training
    x = torch.from_numpy(pixels)
    for through in ("tanh", "straight-through"):
        assert torch.equal(own.relaxed(x, through), network.relaxed(x, through))
    assert torch.equal(own(x), network(x))


def test_other_encoders_are_attacked_as_they_are(tmp_path: Path) -> None:
    module = torch.jit.trace(torch.nn.Flatten(), torch.zeros(2, 1, *SHAPE))
    torch.jit.save(module, str(tmp_path / "e.pt"))
    encoder = open_encoder(str(tmp_path / "e.pt"), shape=SHAPE)
    assert encoder.attacked is encoder


def other_shape(weights: dict[str, Tensor]) -> None:
    weights["first.weight"] = weights["first.weight"][:, 1:].contiguous()


def not_finite(weights: dict[str, Tensor]) -> None:
    weights["first.bias"][0] = torch.nan


CHANGES: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "no weight 'first.bias'": lambda w: w.pop("first.bias"),
    "an unknown weight 'more'": lambda w: w.update(more=torch.zeros(1)),
    "'last.weight': none": lambda w: w.pop("last.weight"),
    "'last.weight': shape": lambda w: w.update({"last.weight": torch.zeros(5, 7)}),
    "first.weight of shape": other_shape,
    "first.bias is not finite": not_finite,
    "first.bias of torch.float64": lambda w: w.update({"first.bias": w["first.bias"].double()}),
    "last.bias of torch.complex64": lambda w: w.update({"last.bias": w["last.bias"].cfloat()}),
    "first.bias of torch.float8_e4m3fn": lambda w: w.update(
        {"first.bias": w["first.bias"].to(torch.float8_e4m3fn)}
    ),
}


@pytest.mark.parametrize("found", CHANGES)
def test_what_is_wrong_is_said_in_one_line(found: str, tmp_path: Path) -> None:
    _, path = saved(tmp_path, 8)
    weights = load_file(path)
    CHANGES[found](weights)
    save_file(weights, path)
    with pytest.raises(InputError, match=found) as raised:
        load_face_network(path, 16 * 12)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 100])
def test_a_damaged_file_is_said_to_be(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="not a face network"):
        open_encoder(str(tmp_path / "e.safetensors"), shape=SHAPE)


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    _, path = saved(tmp_path, None)
    with pytest.raises(InputError, match=r"\(40, 20\)"):
        open_encoder(str(path), shape=(4, 5))


def test_loading_draws_nothing(tmp_path: Path) -> None:
    _, path = saved(tmp_path, 8)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_face_network(path, 16 * 12)
    assert torch.equal(torch.rand(1), expected)
