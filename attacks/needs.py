"""What an attack needs of a scene, and what to supply where a scene lacks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.adversary import Adversary
from attacks.feature_cost import device_of, relaxed_store
from privkit.models.face_net import FaceNet

__all__ = ["FEW_BITS", "Need", "lacking"]

#: ``encoder``: pictures can be stored at will (black box). ``gradient``: the encoder can be
#: differentiated too (white box). ``face network``: it is the paper's two-layer network, with its
#: weights. ``pairs``: it is known what the store holds of the auxiliary photos. ``few bits``: the
#: store holds codes of at most :data:`FEW_BITS` bits.
Need = Literal["encoder", "gradient", "face network", "pairs", "few bits"]

#: Codes of more bits cannot all be listed.
FEW_BITS = 20


def lacking(
    needs: frozenset[Need], stored: NDArray[np.float32], adversary: Adversary
) -> str | None:
    """What an attack would need besides what the adversary holds, in words; ``None`` for nothing.

    Args:
        needs: of the attack.
        stored: ``(n, width)``, what is attacked.
        adversary: who attacks.
    """
    for need, check in _CHECKS.items():
        if need in needs and (missing := check(stored, adversary)) is not None:
            return missing
    return None


def _encoder(_stored: NDArray[np.float32], adversary: Adversary) -> str | None:
    if adversary.network is None:
        return "the encoder that filled the store: give --encoder"
    return None


def _gradient(stored: NDArray[np.float32], adversary: Adversary) -> str | None:
    network = adversary.network
    if network is None or not network.differentiable:
        return "a differentiable encoder: give --encoder as a torch module or TorchScript"
    picture = torch.from_numpy(adversary.auxiliary.pixels[:1]).to(device_of(network))
    with torch.no_grad():
        width = relaxed_store(adversary, "tanh")(picture).shape[1]
    if width != stored.shape[1]:
        return (
            f"a differentiable form of what is stored: the encoder gives {width} numbers and the "
            f"store holds {stored.shape[1]}"
        )
    return None


def _face_network(_stored: NDArray[np.float32], adversary: Adversary) -> str | None:
    if not isinstance(adversary.network, FaceNet):
        return (
            "the weights of privkit's two-layer face network: give --encoder as privkit invert "
            "writes it"
        )
    return None


def _pairs(_stored: NDArray[np.float32], adversary: Adversary) -> str | None:
    if adversary.network is None and adversary.auxiliary.stored is None:
        return "what the store holds of public photos: give --encoder, or their stored features"
    return None


def _few_bits(stored: NDArray[np.float32], _adversary: Adversary) -> str | None:
    if not np.isin(stored, (-1, 1)).all():
        return f"codes of at most {FEW_BITS} bits; the store holds floats"
    if stored.shape[1] > FEW_BITS:
        return f"codes of at most {FEW_BITS} bits; the store holds {stored.shape[1]}"
    return None


#: In the order in which they are asked: what comes first explains what would fail after it.
_CHECKS: Mapping[Need, Callable[[NDArray[np.float32], Adversary], str | None]] = {
    "few bits": _few_bits,
    "pairs": _pairs,
    "encoder": _encoder,
    "face network": _face_network,
    "gradient": _gradient,
}
