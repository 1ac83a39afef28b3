"""ClipBERT's eye: frames to a grid of features, by a ResNet and a grid encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

from privkit.errors import InputError
from privkit.models.clipbert.configuration import BackboneConfig

__all__ = ["GridBackbone"]


class _Bottleneck1x1(Bottleneck):  # type: ignore[misc]
    """A bottleneck block with its stride in the first 1×1 convolution, as detectron2 has it."""

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, *rest: Any, **named: Any
    ) -> None:
        super().__init__(inplanes, planes, stride, *rest, **named)
        self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)


#: By the block's name and whether its stride is in the 1×1 convolution.
_BLOCKS = {
    ("basic", False): BasicBlock,
    ("bottleneck", False): Bottleneck,
    ("bottleneck", True): _Bottleneck1x1,
}


class _ResNet(ResNet):  # type: ignore[misc]
    """torchvision's ResNet with other widths and strides, up to res5.

    Its state dict has torchvision's names, without ``fc``.
    """

    def __init__(self, config: BackboneConfig) -> None:
        nn.Module.__init__(self)  # ResNet's own constructor fixes the widths and strides
        self._norm_layer = FrozenBatchNorm2d if config.frozen_norm else nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = config.stem_width, 1, 1, 64
        self.conv1 = nn.Conv2d(
            3, config.stem_width, kernel_size=7, stride=config.stem_stride, padding=3, bias=False
        )
        self.bn1 = self._norm_layer(config.stem_width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if config.stem_pool else nn.Identity()
        block = _BLOCKS[config.block, config.stride_in_1x1]
        stages = zip(config.widths, config.layers, config.strides, strict=True)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            self._make_layer(block, width, blocks, stride=stride)
            for width, blocks, stride in stages
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, frames: Tensor) -> Tensor:
        """Frames ``(n, 3, S, S)`` to res5 ``(n, channels, S/stride, S/stride)``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        res5: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return res5


class GridBackbone(nn.Module):
    """A frame to a grid of features (ClipBERT, section 3.1; the paper's feature extractor).

    ::

        frames ─► ResNet up to res5 ─► 3×3 conv, no bias ─► 2×2 max-pool ─► ReLU ─► grid
        (n,3,S,S)   (n,2048,S/32,S/32)        (n,768,…)                      (n,S/64,S/64,768)

    The weights are drawn from torch's global generator.

    Args:
        config: widths, strides and conventions.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.resnet = _ResNet(config)
        encoder = nn.Conv2d(config.res5_width, config.hidden, kernel_size=3, padding=1, bias=False)
        self.grid_encoder = nn.Sequential(encoder, nn.MaxPool2d(2, stride=2), nn.ReLU(inplace=True))
        self._frozen: tuple[nn.Module, ...] = ()
        self.to(memory_format=torch.channels_last)  # inference in about half the time on a CPU

    def forward(self, frames: Tensor) -> Tensor:
        """The grid of each frame.

        Args:
            frames: ``(n, 3, S, S)`` float, RGB, normalised with the configuration's ``mean`` and
                ``std``.

        Returns:
            ``(n, h, w, D)``.

        Raises:
            InputError: the frames have another shape, or a size that the stride does not divide.
        """
        if frames.dim() != 4 or frames.shape[1] != 3 or frames.shape[2] != frames.shape[3]:
            raise InputError(
                "the frames have the wrong shape",
                rule="(n, 3, S, S), square frames of 3 channels",
                found=tuple(frames.shape),
            )
        self.config.grid(frames.shape[-1])
        if self.config.channels == "BGR":
            frames = frames.flip(1)
        frames = frames.contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.grid_encoder(self.resnet(frames))
        return grid.permute(0, 2, 3, 1)

    def clip_features(self, frames: Tensor) -> Tensor:
        """The feature x of each clip: the mean of its frames' grids.

        Args:
            frames: ``(B, T, f, 3, S, S)``: T clips of f frames.

        Returns:
            ``(B, T, h, w, D)``.

        Raises:
            InputError: see :meth:`forward`.
        """
        if frames.dim() != 6:
            raise InputError(
                "the clips have the wrong shape",
                rule="(B, T, f, 3, S, S)",
                found=tuple(frames.shape),
            )
        grids: Tensor = self(frames.flatten(0, 2))
        return grids.reshape(*frames.shape[:3], *grids.shape[1:]).mean(dim=2)

    def freeze(self, *, grid_encoder: bool = True) -> GridBackbone:
        """Fix the weights and the batch statistics, in training mode too.

        Args:
            grid_encoder: whether the grid encoder is fixed as well, so that ``x`` can be computed
                once and kept; without it only the ResNet is, as in the paper.

        Returns:
            The backbone itself.
        """
        self._frozen = (self.resnet, self.grid_encoder) if grid_encoder else (self.resnet,)
        for part in self._frozen:
            part.requires_grad_(False)
        return self.train(self.training)

    def train(self, mode: bool = True) -> GridBackbone:
        """Switch the mode of what is not frozen."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self
