"""Bit activation maps (the paper's Figure 4): which places and frames of a video move its bits.

Grad-CAM (Selvaraju et al., ICCV 2017) on the logit of each bit at the backbone's last convolution:
the weight of a channel is the mean of its gradient over the places of a frame, and a map is the
positive part of the weighted sum of the channels. A bit that is 0 has the sign of its logit
turned, so that every map says what made the bit what it is; the maps of all bits are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from privkit.data.videos.decode import probe
from privkit.data.videos.frames import load_clips
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.featcomp import FeatComp
from privkit.videoqa.configuration import VideoConfig

__all__ = ["BitMaps", "bit_maps", "grad_cam", "map_video", "shown_frames"]


@dataclass(frozen=True)
class BitMaps:
    """The activation of the bits in a video.

    Attributes:
        frames: the frames as the backbone saw them, ``(frames, S, S, 3)`` in [0, 1], RGB.
        times: of each frame, in seconds from the start.
        maps: ``(frames, S, S)``, not negative; 0 where nothing made the bits what they are.
        coarse: the same at the last convolution's own places, ``(frames, h, w)``.
        code: ``(bits,)`` of 0 and 1.
    """

    frames: Tensor
    times: tuple[float, ...]
    maps: Tensor
    coarse: Tensor
    code: Tensor

    @property
    def by_frame(self) -> Tensor:
        """How much each frame moves the bits: the sum of its map, ``(frames,)``."""
        return self.coarse.sum((1, 2))


def grad_cam(activations: Tensor, logits: Tensor) -> Tensor:
    """The mean map over all bits of each video.

    Args:
        activations: ``(B, n, C, h, w)``, a leaf with a gradient: n frames of B videos.
        logits: ``(B, bits)``, computed from them, each video's from its own alone.

    Returns:
        ``(B, n, h, w)``, not negative.
    """
    total = activations.new_zeros(activations.shape[:2] + activations.shape[3:])
    signs = torch.where(logits > 0, 1.0, -1.0)
    bits = logits.shape[1]
    for bit in range(bits):
        # Videos do not see each other, so the gradient of a sum holds the gradient of each.
        moved = (signs[:, bit] * logits[:, bit]).sum()
        (gradient,) = torch.autograd.grad(moved, activations, retain_graph=True)
        weights = gradient.mean((3, 4), keepdim=True)
        total += (weights * activations).sum(2).clamp(min=0).detach()
    return total / bits


def bit_maps(
    backbone: GridBackbone, bottlenecks: Mapping[str, FeatComp], clips: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """The maps of videos at the places of the backbone's last convolution.

    Args:
        backbone: frozen, in inference mode.
        bottlenecks: by name, in inference mode, on one device, all on this backbone.
        clips: ``(B, T, f, 3, S, S)``; f may be another number than in training, as the features
            of a clip are the mean of its frames.

    Returns:
        By name, maps ``(B, T·f, h, w)`` and codes ``(B, bits)`` of 0 and 1, on the CPU.
    """
    device = next(iter(bottlenecks.values())).encoder.weight.device
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, res5: Tensor) -> Tensor:
        leaf = res5.detach().reshape(len(clips), -1, *res5.shape[1:]).requires_grad_()
        kept.append(leaf)
        return leaf.flatten(0, 1)

    handle = backbone.resnet.layer4.register_forward_hook(keep)
    out = {}
    try:
        with torch.enable_grad():
            x = backbone.to(device).clip_features(clips.to(device))
            for name, bottleneck in bottlenecks.items():
                logits = bottleneck.logits(x)
                code = (logits.detach() > 0).to(torch.uint8)
                out[name] = grad_cam(kept[0], logits).cpu(), code.cpu()
    finally:
        handle.remove()
    return out


def map_video(
    path: Path,
    backbone: GridBackbone,
    bottlenecks: Mapping[str, FeatComp],
    sampling: VideoConfig,
    *,
    frames: int | None = None,
) -> dict[str, BitMaps]:
    """Decode a video once and map the activation of the bits of several codes.

    Args:
        path: the video.
        backbone: frozen, in inference mode.
        bottlenecks: by name, in inference mode, all on this backbone.
        sampling: as in training.
        frames: frames of a clip; as in training by default, more for a dense look at a long video.

    Raises:
        InputError: the video cannot be read.
    """
    how = sampling if frames is None else replace(sampling, frames=frames)
    mean, std = backbone.config.mean, backbone.config.std
    given = load_clips(path, size=how.size, clips=how.clips, frames=how.frames, mean=mean, std=std)
    pictures = shown_frames(given.flatten(0, 1), mean, std)
    seconds, parts = probe(path).seconds, how.clips * how.frames
    times = tuple((n + 0.5) * seconds / parts for n in range(parts))
    out = {}
    for name, (coarse, code) in bit_maps(backbone, bottlenecks, given[None]).items():
        size = (how.size, how.size)
        fine = interpolate(coarse.transpose(0, 1), size, mode="bilinear", align_corners=False)
        out[name] = BitMaps(pictures, times, fine[:, 0], coarse[0], code[0])
    return out


def shown_frames(frames: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalised frames ``(n, 3, S, S)`` as pictures ``(n, S, S, 3)`` in [0, 1]."""
    by_channel = torch.tensor(std).view(3, 1, 1), torch.tensor(mean).view(3, 1, 1)
    pictures: Tensor = (frames * by_channel[0] + by_channel[1]).clamp(0, 1)
    return pictures.permute(0, 2, 3, 1)
