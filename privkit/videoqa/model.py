"""The few-bit question answerer: what is stored of a video, and the network that answers from it.

::

    frames ─► GridBackbone ─► x ─► stored form ─► x_dec ─► QuestionAnswerer ─► pool ─► scores
    (B,T,f,3,S,S)      (B,T,h,w,D)  FeatComp,       (B,T,h,w,D)    (B,T,A)      clips   (B,A)
                                    floats, none

The stored form is a module from ``x`` to ``x_dec``: the identity for floats, zeros for a model
that sees no video, FeatComp, or a decoder of codes that were stored before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer, pool_clips
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import TextBatch
from privkit.models.featcomp import FeatComp
from privkit.videoqa.configuration import Configuration
from privkit.videoqa.methods import Variant

__all__ = [
    "CodeDecoder",
    "FewBitVideoQA",
    "NoVideo",
    "check_memory",
    "feature_shape",
    "stored_form",
]

#: Bytes of a weight, in float32.
_WEIGHT = 4
#: Bytes a weight of a training, where it runs: the weight, its gradient, AdamW's two averages, and
#: the weight at the best validation.
_TRAINING = 5 * _WEIGHT
#: Bytes a weight of a snapshot while it is written, always in the machine's memory: copies of the
#: weight, of both averages and of the best weight.
_SNAPSHOT = 4 * _WEIGHT


class NoVideo(nn.Module):
    """Nothing is stored: the answerer reads zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros in the shape of ``x``."""
        return torch.zeros_like(x)


class CodeDecoder(nn.Module):
    """FeatComp's second half alone, for codes that were stored before.

    Args:
        shape: ``(T, h, w, D)``, what the answerer reads.
        bits: N.
    """

    def __init__(self, shape: Sequence[int], bits: int) -> None:
        super().__init__()
        self.shape, self.bits = tuple(shape), bits
        self.decoder = nn.Linear(bits, math.prod(shape))

    def forward(self, signs: Tensor) -> Tensor:
        """``(B, bits)`` of ±1 to ``(B, T, h, w, D)``."""
        x_dec: Tensor = self.decoder(signs.to(self.decoder.weight.dtype))
        return x_dec.reshape(-1, *self.shape)


class FewBitVideoQA(nn.Module):
    """A stored form, the answerer that reads it, and where frames are trained on, the backbone.

    Args:
        stored: the stored form.
        answerer: scores answers from ``x_dec`` and the text.
        clips: T, the clips that the stored form takes at once.
        backbone: turns frames into ``x``; ``None`` where cached features are read.
        pooling: how the clips' scores become one, a key of ``POOLING``.
    """

    def __init__(
        self,
        stored: nn.Module,
        answerer: QuestionAnswerer,
        *,
        clips: int,
        backbone: GridBackbone | None = None,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        self.backbone, self.stored, self.answerer = backbone, stored, answerer
        self.clips, self.pooling = clips, pooling

    def features(self, video: Tensor) -> Tensor:
        """``x``: frames ``(B, T, f, 3, S, S)`` go through the backbone, anything else is ``x``."""
        if self.backbone is not None and video.dim() == 6:
            return self.backbone.clip_features(video)
        return video

    def decoded(self, x: Tensor) -> Tensor:
        """``x_dec`` of ``x``.

        With a multiple of T clips each group of T clips is stored with the one encoder: the
        paper's 4×FeatComp stores 4N bits of 4T clips.

        Raises:
            InputError: the number of clips is not a multiple of T.
        """
        if x.dim() != 5:  # codes that were stored before
            x_dec: Tensor = self.stored(x)
            return x_dec
        decoded: Tensor = self.stored(self.grouped(x))
        return decoded.reshape(x.shape)

    def grouped(self, x: Tensor) -> Tensor:
        """``(B, nT, h, w, D)`` as ``(B * n, T, h, w, D)``: each row is stored as one code.

        Raises:
            InputError: the number of clips is not a multiple of T.
        """
        groups, rest = divmod(x.shape[1], self.clips)
        if rest or not groups:
            raise InputError(
                "the number of clips does not fit",
                rule=f"a multiple of {self.clips}, the clips that the model stores at once",
                found=x.shape[1],
            )
        return x.reshape(-1, self.clips, *x.shape[2:])

    def scores(self, x_dec: Tensor, text: TextBatch) -> Tensor:
        """Pooled scores ``(B, options or answers)``."""
        return pool_clips(self.answerer(x_dec, text), self.pooling)

    def forward(self, video: Tensor, text: TextBatch) -> Tensor:
        """Scores ``(B, options or answers)`` of frames, of ``x`` or of stored codes."""
        return self.scores(self.decoded(self.features(video)), text)


def feature_shape(configuration: Configuration) -> tuple[int, ...]:
    """``(T, h, w, D)``, what the backbone of a configuration makes of a video.

    Raises:
        InputError: the frame size does not fit the backbone.
    """
    video = configuration.video
    return (video.clips, *configuration.model.backbone.grid(video.size))


def stored_form(variant: Variant, shape: Sequence[int]) -> nn.Module:
    """The stored form of a variant for features of shape ``(T, h, w, D)``.

    Raises:
        InputError: its weights alone do not fit into memory. Whether a training fits is for
            :func:`check_memory` to say: a machine may answer with a model that it cannot train.
    """
    if not variant.method.video:
        return NoVideo()
    if variant.bits is None:
        return nn.Identity()
    _check([variant.bits], shape, _WEIGHT, "cpu", "for its weights alone")
    return FeatComp(shape, variant.bits)


def check_memory(bits: Sequence[int], shape: Sequence[int], *, device: str = "cpu") -> None:
    """Refuse bottlenecks whose training does not fit, before anything is allocated.

    Only the two dense layers are counted, which is where a large N goes. A training that goes on
    from a snapshot takes a little more until its next phase.

    Args:
        bits: N of each bottleneck that is trained at the same time.
        shape: ``(T, h, w, D)``.
        device: where they are trained; a GPU's memory is its own, and a snapshot is still written
            from the machine's.

    Raises:
        InputError: they need more than is free.
    """
    if device == "cpu":
        _check(bits, shape, _TRAINING + _SNAPSHOT, "cpu", "to be trained and to write snapshots")
        return
    _check(bits, shape, _TRAINING, device, "to be trained")
    _check(bits, shape, _SNAPSHOT, "cpu", "to write snapshots")


def _check(bits: Sequence[int], shape: Sequence[int], each: int, device: str, use: str) -> None:
    """Refuse bottlenecks that take more than is free, at ``each`` bytes a weight."""
    needed = 2 * sum(bits) * math.prod(shape) * each
    free = _available_memory() if device == "cpu" else torch.cuda.mem_get_info(device)[0]
    if needed <= free:
        return
    what, does, it = f"a bottleneck of {bits[0]:,} bits", "does", "it needs"
    if len(bits) > 1:
        what, does, it = f"{len(bits)} bottlenecks of up to {max(bits):,} bits", "do", "they need"
    raise InputError(
        f"{what} for {math.prod(shape):,} floats {does} not fit",
        where="--bits",
        rule=f"{it} {needed / 2**30:,.1f} GiB {use}",
        found=f"{free / 2**30:,.1f} GiB of {'' if device == 'cpu' else 'GPU '}memory free",
        remedy="fewer bits, fewer clips or smaller frames"
        + (", or fewer --workers" if len(bits) > 1 else ""),
    )


def _available_memory() -> int:
    """Bytes that can be allocated without swapping, on Linux; otherwise no limit is known."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - a device of the kernel
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 2**63 - 1
