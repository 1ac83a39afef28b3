"""Random draws of torch that a seed decides, and that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Draw from a seed on the CPU and on a device; all generators are as before afterwards.

    ``torch.random.fork_rng`` and ``torch.manual_seed`` alone are for every GPU of the machine: a
    training on the CPU would take memory on each of them, and fail in a forked process.

    Args:
        seed: of the draws.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    """
    place = torch.device(device)
    gpus = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield
