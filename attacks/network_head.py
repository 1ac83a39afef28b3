"""Ask the target network itself whom a stored feature shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.base import Attack, Makes
from attacks.needs import Need
from privkit.models.face_net import FaceNet

__all__ = ["NetworkHead"]


@dataclass(frozen=True)
class NetworkHead(Attack):
    """The network's last layer, applied to the stored feature (white box; Fredrikson et al. 2015).

    The network was trained to name people through exactly what is stored, so whoever holds it can
    read the name off without a gallery. People whom the network never saw are never named.
    """

    makes: ClassVar[Makes] = "names"
    needs: ClassVar[frozenset[Need]] = frozenset({"face network"})

    def run(
        self, stored: NDArray[np.float32], adversary: Adversary, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Score the network's own people by its logits, all others lowest; draws nothing."""
        network = cast(FaceNet, adversary.network)
        device = network.first.weight.device
        with torch.no_grad():
            logits = network.name(torch.from_numpy(stored).to(device)).cpu().numpy()
        scores = np.full((len(stored), adversary.people), np.finfo(np.float32).min)
        scores[:, adversary.classes] = logits
        return scores.astype(np.float32)
