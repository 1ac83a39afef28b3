"""How a ClipBERT is built: the paper's size and a small one, of the same classes.

Light to import: it needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from privkit.errors import InputError

__all__ = ["CONVENTIONS", "POOLINGS", "BackboneConfig", "ClipBertConfig"]

#: Output channels of a block over its inner ones.
EXPANSION = {"basic": 1, "bottleneck": 4}

#: How the scores of a video's clips become one.
POOLINGS: tuple[str, ...] = ("mean", "logsumexp")

_IMAGENET_MEAN = (0.485, 0.456, 0.406)

#: What published ResNet weights were trained with, by the library that they come from. ClipBERT's
#: backbone is detectron2's, which subtracts a mean from values up to 255 and divides by nothing.
CONVENTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "detectron2": {
            "stride_in_1x1": True,
            "channels": "BGR",
            "mean": _IMAGENET_MEAN,
            "std": (1 / 255, 1 / 255, 1 / 255),
        },
        "torchvision": {
            "stride_in_1x1": False,
            "channels": "RGB",
            "mean": _IMAGENET_MEAN,
            "std": (0.229, 0.224, 0.225),
        },
    }
)


@dataclass(frozen=True)
class BackboneConfig:
    """A ResNet up to res5, and the grid encoder behind it.

    Attributes:
        hidden: D, channels of the grid; the width of the text transformer too.
        block: ``"basic"`` or ``"bottleneck"``.
        layers: blocks of the four stages res2 to res5.
        widths: inner channels of the stages.
        strides: of the first block of each stage.
        stem_width: channels of the first convolution.
        stem_stride: its stride.
        stem_pool: whether a 3×3 max-pool of stride 2 follows it.
        stride_in_1x1: whether a bottleneck has its stride in the first 1×1 convolution, as
            detectron2 has, or in the 3×3, as torchvision has.
        frozen_norm: whether batch norm is a fixed affine map; only for weights that are loaded.
        channels: ``"RGB"`` or ``"BGR"``, the order that the first convolution reads. Frames are
            given as RGB in either case.
        mean: subtracted from each of R, G, B in [0, 1] before the backbone, by whoever reads the
            frames.
        std: what they are divided by thereafter.
    """

    hidden: int
    block: str
    layers: tuple[int, ...]
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    stem_width: int
    stem_stride: int
    stem_pool: bool
    stride_in_1x1: bool
    frozen_norm: bool
    channels: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("layers", "widths", "strides", "mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _positive("backbone.hidden", self.hidden)
        _one_of("backbone.block", self.block, tuple(EXPANSION))
        _one_of("backbone.channels", self.channels, ("RGB", "BGR"))
        for name in ("layers", "widths", "strides"):
            values = getattr(self, name)
            _check(len(values) == 4, f"backbone.{name}", "one number for each of 4 stages", values)
            for value in values:
                _positive(f"backbone.{name}", value)
        _positive("backbone.stem_width", self.stem_width)
        _positive("backbone.stem_stride", self.stem_stride)
        for name in ("mean", "std"):
            values = getattr(self, name)
            fine = len(values) == 3 and all(math.isfinite(v) for v in values)
            _check(fine, f"backbone.{name}", "3 finite numbers, for R, G and B", values)
        _check(min(self.std) > 0, "backbone.std", "above 0", self.std)
        _check(
            self.block == "bottleneck" or not self.stride_in_1x1,
            "backbone.stride_in_1x1",
            "false for basic blocks, which have no 1×1 convolution",
            self.stride_in_1x1,
        )

    @property
    def stride(self) -> int:
        """Pixels a side of a grid cell: 64 for the paper's backbone, grid encoder included."""
        pool = 2 if self.stem_pool else 1
        return self.stem_stride * pool * math.prod(self.strides) * 2

    @property
    def res5_width(self) -> int:
        """Channels of res5: 2,048 for a ResNet-50."""
        return self.widths[-1] * EXPANSION[self.block]

    def grid(self, size: int) -> tuple[int, int, int]:
        """The shape ``(h, w, D)`` of a frame's feature.

        Args:
            size: S, pixels a side of the square frame.

        Raises:
            InputError: the frame is not covered by whole cells.
        """
        if isinstance(size, bool) or not isinstance(size, int) or size < 1 or size % self.stride:
            cells = max(1, size // self.stride) if isinstance(size, int) else 1
            near = f"{cells * self.stride} or {(cells + 1) * self.stride}"
            raise InputError(
                "the frame size does not fit the backbone",
                where="size",
                rule=f"a multiple of {self.stride} pixels, the backbone's stride",
                found=size,
                remedy=f"use {near}",
            )
        return size // self.stride, size // self.stride, self.hidden

    @classmethod
    def resnet50(cls, convention: str = "detectron2", *, hidden: int = 768) -> BackboneConfig:
        """The paper's backbone: ResNet-50, then 2,048 → D channels, stride 64.

        Args:
            convention: a key of :data:`CONVENTIONS`: whose weights are to be loaded.
            hidden: D.
        """
        _one_of("convention", convention, tuple(CONVENTIONS))
        return cls(
            hidden=hidden,
            block="bottleneck",
            layers=(3, 4, 6, 3),
            widths=(64, 128, 256, 512),
            strides=(1, 2, 2, 2),
            stem_width=64,
            stem_stride=2,
            stem_pool=True,
            frozen_norm=convention == "detectron2",
            **CONVENTIONS[convention],
        )

    def check_convention(self, convention: str, where: object) -> None:
        """Refuse weights that the backbone would read as another function.

        Args:
            convention: a key of :data:`CONVENTIONS`.
            where: the file of weights.

        Raises:
            InputError: a setting differs from the convention; it is named with its value.
        """
        wanted = CONVENTIONS[convention]
        wrong = [name for name, value in wanted.items() if getattr(self, name) != value]
        if wrong:
            raise InputError(
                f"these weights follow {convention}, the backbone does not",
                where=where,
                rule=f"the backbone's {', '.join(wrong)} as {convention} has them",
                found=", ".join(f"{name} = {_toml(getattr(self, name))}" for name in wrong),
                remedy=" ".join(_setting(name, wanted[name]) for name in wrong),
            )


@dataclass(frozen=True)
class ClipBertConfig:
    """ClipBERT (Lei et al., CVPR 2021) as *Video in 10 Bits* uses it.

    Attributes:
        backbone: frames to a grid of features.
        layers: of the text transformer.
        heads: of its attention.
        intermediate: width of its feed-forward layers.
        vocabulary: number of WordPiece tokens.
        positions: longest text in tokens.
        grid_positions: most rows and columns of the grid.
        dropout: in training, of the transformer and before the answers' head.
    """

    backbone: BackboneConfig
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    grid_positions: int
    dropout: float

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "intermediate", "vocabulary", "positions"):
            _positive(name, getattr(self, name))
        _positive("grid_positions", self.grid_positions)
        _check(0 <= self.dropout < 1, "dropout", "a share, 0 <= dropout < 1", self.dropout)
        _check(
            self.hidden % self.heads == 0,
            "heads",
            f"a divisor of backbone.hidden = {self.hidden}",
            self.heads,
        )

    @property
    def hidden(self) -> int:
        """D, the width of the transformer: that of the backbone's grid."""
        return self.backbone.hidden

    @classmethod
    def paper(cls, convention: str = "detectron2") -> ClipBertConfig:
        """ResNet-50 and BERT-base, 30,522 tokens: 768 pixels give 12×12×768.

        Args:
            convention: a key of :data:`CONVENTIONS`: whose backbone weights are to be loaded.
        """
        return cls(
            backbone=BackboneConfig.resnet50(convention),
            layers=12,
            heads=12,
            intermediate=3072,
            vocabulary=30_522,
            positions=512,
            grid_positions=100,
            dropout=0.1,
        )

    @classmethod
    def small(cls, vocabulary: int = 512) -> ClipBertConfig:
        """The same classes at a size that a CPU trains in seconds: 64 pixels give 4×4×64."""
        backbone = BackboneConfig(
            hidden=64,
            block="basic",
            layers=(1, 1, 1, 1),
            widths=(16, 32, 64, 128),
            strides=(1, 2, 2, 1),
            stem_width=16,
            stem_stride=2,
            stem_pool=False,
            frozen_norm=False,
            **CONVENTIONS["torchvision"],
        )
        return cls(
            backbone=backbone,
            layers=2,
            heads=4,
            intermediate=128,
            vocabulary=vocabulary,
            positions=64,
            grid_positions=16,
            dropout=0.0,
        )


def _toml(value: Any) -> str:
    """JSON's words are TOML's as well: ``false``, ``"RGB"``, ``[0.229, 0.224, 0.225]``."""
    return json.dumps(value)


def _setting(name: str, value: Any) -> str:
    """The option that sets the backbone's ``name``, as a shell takes it.

    A string stands bare, as ``--set`` reads one, and a list in quotes, for its blanks.
    """
    if isinstance(value, str):
        return f"--set model.backbone.{name}={value}"
    setting = f"model.backbone.{name}={_toml(value)}"
    return f'--set "{setting}"' if isinstance(value, tuple) else f"--set {setting}"


def _check(holds: bool, where: str, rule: str, found: object) -> None:
    if not holds:
        raise InputError("the setting is out of range", where=where, rule=rule, found=found)


def _positive(where: str, value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    _check(whole, where, "a whole number above 0", value)


def _one_of(where: str, value: object, choices: tuple[str, ...]) -> None:
    _check(value in choices, where, f"one of {', '.join(choices)}", repr(value))
