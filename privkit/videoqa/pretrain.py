"""A backbone where no weights are given: pre-trained on generated scenes, labels and all.

It stands in for the ImageNet and caption pre-training of published backbones. Like those it learns
to see whatever is there, what no question asks about included, so that what a feature gives away
is not hidden by a backbone that cannot see it. Its scenes are drawn from other seeds than any
generated set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from privkit.data.videos import scene as world
from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.frames import prepare
from privkit.data.videos.poses import pose_steps
from privkit.data.videos.scene import Scene, scene_of
from privkit.models.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.random_draws import seeded
from privkit.models.training import Stepping, fit
from privkit.videoqa.configuration import Configuration, VideoConfig

__all__ = ["SCENE_SEED", "pretrained_backbone", "warm_up_and_decay"]

Tick = Callable[[str, int, int], None]

_VERSION = 2
_BATCH = 128
_LEARNING_RATE = 4e-3
#: Generated sets take seeds from 0 on; these scenes are of none of them.
SCENE_SEED = 2**40
_SCENES = 2000

#: What is labelled: everything that a scene shows, beside the pose of each frame.
_LABELS: dict[str, Sequence[str]] = {
    "color": world.COLORS,
    "prop": world.PROPS,
    "number": world.NUMBERS,
    "place": world.PLACES,
    "side": world.SIDES,
    "hat": world.HATS,
    "badge": world.BADGES,
    "background": world.BACKGROUNDS,
}


def warm_up_and_decay(steps: int, warmup: float = 0.1) -> Callable[[int], float]:
    """The learning rate's factor by step: up to 1 over the warm-up, then linearly down to 0."""
    rising = math.ceil(warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return max(0.0, (steps - step) / max(1, steps - rising))

    return factor


class _Labelled(nn.Module):
    """A backbone with a linear classifier for each label on the mean of a frame's cells.

    The mean of normalised cells is what a transformer reads that attends to all of them alike, as
    one does before it is trained: labels that are there are easily found.
    """

    def __init__(self, backbone: GridBackbone) -> None:
        super().__init__()
        self.backbone = backbone
        width = backbone.config.hidden
        self.norm = nn.LayerNorm(width)
        classes = [len(world.ACTIONS) + 1, *(len(words) for words in _LABELS.values())]
        self.heads = nn.ModuleList(nn.Linear(width, n) for n in classes)

    def forward(self, frames: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of all labels; frames ``(B, 3, S, S)``, labels ``(B, heads)``."""
        x = self.norm(self.backbone(frames)).mean((1, 2))
        losses = [cross_entropy(head(x), labels[:, n]) for n, head in enumerate(self.heads)]
        return torch.stack(losses).mean()


def pretrained_backbone(
    configuration: Configuration,
    *,
    cache: Path,
    seed: int,
    device: str = "cpu",
    tick: Tick | None = None,
) -> GridBackbone:
    """A frozen backbone with the seed's weights, pre-trained as the configuration says.

    Args:
        configuration: the model, the frame size and the number of pre-training steps.
        cache: folder where it is kept.
        seed: of the initial weights and the scenes.
        device: where it is trained; it is returned on the CPU.
        tick: progress.
    """
    steps = configuration.training.pretraining_steps
    described = {
        "network": f"GridBackbone/{_VERSION}",
        "backbone": asdict(configuration.model.backbone),
        "size": configuration.video.size,
        "world": world.VERSION,
        "steps": steps,
        "seed": seed,
        "torch": torch.__version__,
        "device": device.partition(":")[0],  # all processes take that of the first
    }
    with seeded(seed, device):
        backbone = GridBackbone(configuration.model.backbone)
        if steps:
            path = checkpoint_path(cache, json.loads(json.dumps(described)))
            if not load_checkpoint(path, backbone, json.loads(json.dumps(described))):
                _train(backbone, configuration.video, steps, seed, device, tick)
                save_checkpoint(path, backbone, json.loads(json.dumps(described)))
    return backbone.freeze().eval()


def _train(
    backbone: GridBackbone,
    video: VideoConfig,
    steps: int,
    seed: int,
    device: str,
    tick: Tick | None,
) -> None:
    model = _Labelled(backbone).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)

    def after_step(step: int, _loss: float) -> bool:
        if tick is not None:
            tick("backbone pre-training", step, steps)
        return True

    fit(
        model,
        _batches(video, steps, seed, device, backbone),
        lambda module, batch: module(*batch),
        optimizer,
        stepping=Stepping(clip_norm=1.0, learning_rate=warm_up_and_decay(steps)),
        after_step=after_step,
    )
    backbone.to("cpu")


def _batches(
    video: VideoConfig, steps: int, seed: int, device: str, backbone: GridBackbone
) -> Iterator[tuple[Tensor, Tensor]]:
    """Random frames of random scenes, resized and normalised as frames of videos are."""
    draw = np.random.default_rng([seed, 1])
    frames: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    for _ in range(steps):
        # Scenes are drawn as they are needed: a short training needs few.
        for n in range(len(frames), min(_SCENES, len(frames) + _BATCH)):
            scene = scene_of(seed + SCENE_SEED, n)
            frames.append(draw_scene(scene))
            labels.append(_labels(scene))
        scenes = draw.integers(len(frames), size=_BATCH)
        times = draw.integers(len(frames[0]), size=_BATCH)
        pictures = np.stack([frames[s][t] for s, t in zip(scenes, times, strict=True)])
        given = prepare(pictures, video.size, mean=backbone.config.mean, std=backbone.config.std)
        wanted = np.stack([labels[s][t] for s, t in zip(scenes, times, strict=True)])
        yield given.to(device), torch.from_numpy(wanted).to(device)


def _labels(scene: Scene) -> NDArray[np.int64]:
    """The labels of each frame, ``(16, heads)``; the pose is that of the action, or of none."""
    fixed = [list(words).index(getattr(scene, name)) for name, words in _LABELS.items()]
    poses = [
        1 + world.ACTIONS.index(action) if step > 1 else 0 for action, step in pose_steps(scene)
    ]
    return np.array([[pose, *fixed] for pose in poses])
