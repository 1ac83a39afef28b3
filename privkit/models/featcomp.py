"""FeatComp: the few-bit bottleneck (Huang et al., *Video in 10 Bits*, ECCV 2022, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from privkit.errors import InputError

__all__ = ["MAX_BITS", "FeatComp", "binarize", "check_bits", "straight_through"]

#: Two dense layers of a 40-float feature take 21 MB at this width; wider codes are no compression.
MAX_BITS = 65_536


def check_bits(bits: int, *, where: object = "bits") -> int:
    """Return ``bits`` if it is a possible width of a code.

    Raises:
        InputError: below 1 or above :data:`MAX_BITS`.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MAX_BITS:
        raise InputError(
            "the number of bits is out of range",
            where=where,
            rule=f"a whole number from 1 to {MAX_BITS:,}",
            found=bits,
        )
    return bits


def binarize(t: Tensor, *, stochastic: bool) -> Tensor:
    """Binarize to ±1; the gradient passes straight through.

    Stochastic (training): +1 with probability ``(1 + t) / 2``, else -1, so that ``E[b] = t``
    (Toderici et al. 2015, section 3.2). Deterministic (inference): the sign, where 0 gives -1.

    Args:
        t: values in [-1, 1], any shape.
        stochastic: draw from torch's global generator, or take the sign.

    Returns:
        ±1 of the same shape and type; its gradient is the gradient of ``t``.
    """
    return straight_through(torch.rand_like(t) < (1 + t) / 2 if stochastic else t > 0, t)


def straight_through(on: Tensor, t: Tensor) -> Tensor:
    """±1 where a bit is on and off, in the type of ``t`` and with its gradient."""
    b = on.to(t.dtype) * 2 - 1
    return b + (t - t.detach())  # the bracket is exactly 0, so the value is exactly ±1


class FeatComp(nn.Module):
    """A bottleneck of N bits between any feature extractor and any task model.

    ::

        x (B, *shape) ─► flatten ─► f_enc ─► BN ─► tanh ─► BIN ─► f_dec ─► x_dec (B, *shape)
                                     └── logits ──┘        └ codes {0,1} (B, bits): what is stored

    It is trained by the loss of the task model alone. A code depends on its own input only: at
    inference batch norm uses its running statistics and the binarizer takes the sign, so the code
    does not depend on the batch in which it was computed.

    The paper leaves the bias, the affine weights of the batch norm and the values fed to the
    decoder open; here f_enc has no bias (batch norm would cancel it), the batch norm has affine
    weights by default, and the decoder reads ±1.

    Args:
        shape: shape of one feature, e.g. ``(40,)`` or ``(T, h, w, D)``.
        bits: N, the bits of the code.
        affine: whether the batch norm learns a scale and a shift.

    Raises:
        InputError: ``bits`` out of range.
    """

    def __init__(self, shape: Sequence[int] | int, bits: int, *, affine: bool = True) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.bits = check_bits(bits)
        features = math.prod(self.shape)
        self.encoder = nn.Linear(features, bits, bias=False)
        self.norm = nn.BatchNorm1d(bits, affine=affine)
        self.decoder = nn.Linear(bits, features)

    def logits(self, x: Tensor) -> Tensor:
        """The value of each bit before the tanh.

        Args:
            x: ``(B, *shape)``.

        Returns:
            ``(B, bits)`` in the type of the weights (float32), under autocast too: a bit is a
            sign, and half precision flips the sign of small values.

        Raises:
            InputError: a training batch of one, whose batch statistics are undefined.
        """
        if self.training and len(x) == 1:
            raise InputError(
                "FeatComp cannot train on a batch of one",
                rule="batch norm needs at least 2 rows to estimate a variance",
                found=1,
                remedy="raise the batch size, or drop the last incomplete batch",
            )
        with torch.autocast(device_type=x.device.type, enabled=False):
            logits: Tensor = self.norm(self.encoder(x.flatten(1).to(self.encoder.weight.dtype)))
        return logits

    def soft(self, x: Tensor) -> Tensor:
        """``tanh`` of the logits, ``(B, bits)`` in (-1, 1): the mean of the stochastic code."""
        return torch.tanh(self.logits(x))

    def signs(self, x: Tensor) -> Tensor:
        """The code as ±1, ``(B, bits)``: drawn in training, the sign at inference."""
        return binarize(self.soft(x), stochastic=self.training)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """What is stored: 1 where the logit is above 0, else 0.

        Args:
            x: ``(B, *shape)``; the module must be in inference mode.

        Returns:
            ``(B, bits)`` of 0 and 1, uint8.

        Raises:
            InputError: the module is in training mode, where codes depend on the batch.
        """
        if self.training:
            raise InputError(
                "FeatComp encodes in inference mode only",
                rule="a stored code must not depend on its batch",
                remedy="call model.eval() first",
            )
        return (self.logits(x) > 0).to(torch.uint8)

    def decode(self, signs: Tensor) -> Tensor:
        """The feature that the task model reads.

        Args:
            signs: ``(B, bits)`` of ±1.

        Returns:
            ``(B, *shape)``.
        """
        x_dec: Tensor = self.decoder(signs)
        return x_dec.reshape(-1, *self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Encode and decode ``(B, *shape)``; stochastic in training, deterministic otherwise."""
        return self.decode(self.signs(x))
