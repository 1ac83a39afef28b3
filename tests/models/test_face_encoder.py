"""The TorchScript file of a face network says what the network stores, and has its gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from privkit.models.encoders import open_encoder
from privkit.models.face_encoder import save_face_encoder
from privkit.models.face_net import FaceNet

SHAPE = (16, 12)


@pytest.mark.parametrize("bits", [None, 16])
def test_it_is_opened_as_an_encoder_with_a_gradient(bits: int | None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = FaceNet(16 * 12, 5, bits).eval()
    save_face_encoder(network, SHAPE, tmp_path / "encoder.pt")
    encoder = open_encoder(str(tmp_path / "encoder.pt"), shape=SHAPE)
    pixels = np.random.default_rng(0).uniform(-1, 1, (9, 16 * 12)).astype(np.float32)
    assert encoder.matches(network.store(pixels), pixels).equal == 1.0
    assert encoder.differentiable
    x = torch.from_numpy(pixels)
    assert torch.allclose(encoder.relaxed(x), network.relaxed(x), atol=1e-5)
