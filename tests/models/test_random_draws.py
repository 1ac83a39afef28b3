"""Seeded draws that leave no trace, and set up no GPU that is not asked for."""

from __future__ import annotations

import pytest
import torch

from privkit.models.random_draws import seeded


def test_the_same_seed_draws_the_same_and_leaves_no_trace() -> None:
    before = torch.get_rng_state()
    draws = []
    for seed in (3, 3, 4):
        with seeded(seed):
            draws.append(torch.rand(5))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_what_fails_leaves_no_trace_either() -> None:
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="size"), seeded(0):
        torch.rand(2) + torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("device", "asked"), [("cpu", []), ("cuda:1", [1])])
def test_only_the_gpu_that_is_used_is_set_up(
    device: str, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is asked for its state takes memory, and cannot be in a forked process."""
    touched = []

    def state(of: torch.device) -> torch.Tensor:
        touched.append(torch.device(of).index)
        return torch.zeros(1)

    class Current:
        def __init__(self, _device: torch.device) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_error: object) -> None: ...

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "get_rng_state", state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda _state, of: state(of))
    monkeypatch.setattr(torch.cuda, "device", Current)
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda _seed: None)
    with seeded(0, device):
        assert touched == asked
    assert touched == 2 * asked


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_draws_on_a_gpu_are_seeded() -> None:
    before = torch.cuda.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, "cuda"):
            draws.append(torch.rand(5, device="cuda"))
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(torch.cuda.get_rng_state(), before)
