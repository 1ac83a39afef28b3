"""An answerer where no weights are given: pre-trained to tell right captions from wrong ones.

It stands in for the image-text matching that ClipBERT is pre-trained with (Lei et al., CVPR 2021,
section 3.3): of two captions of a generated scene that differ in one fact, which one fits? What
no question asks about stays out of the captions. The scenes are those of the backbone's
pre-training, of none of the generated sets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from privkit.data.videos import scene as world
from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.frames import prepare
from privkit.data.videos.sampling import sample_times
from privkit.data.videos.scene import Scene, scene_of
from privkit.models.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import TextBatch, Tokenizer, train_words
from privkit.models.training import Stepping, fit
from privkit.videoqa.configuration import Configuration
from privkit.videoqa.pretrain import SCENE_SEED, warm_up_and_decay

__all__ = ["caption_words", "pretrained_answerer", "start_from"]

Tick = Callable[[str, int, int], None]

_VERSION = 1
_BATCH = 64
_LEARNING_RATE = 2e-3
_SCENES = 2000
_SECONDS = 1.6

#: What captions speak of, and how.
_FACTS: dict[str, tuple[Sequence[str], str]] = {
    "action": (world.ACTIONS, "the figure does {}"),
    "color": (world.COLORS, "a {} figure"),
    "prop": (world.PROPS, "a {} beside it"),
    "number": (world.NUMBERS, "{} things"),
    "place": (world.PLACES, "things on the {}"),
}


def caption_words() -> Tokenizer:
    """The vocabulary of the captions."""
    words = [frame.format(value) for values, frame in _FACTS.values() for value in values]
    return train_words([*words, ","], 10_000)


def pretrained_answerer(
    configuration: Configuration,
    backbone: GridBackbone,
    *,
    cache: Path,
    seed: int,
    device: str = "cpu",
    tick: Tick | None = None,
) -> QuestionAnswerer:
    """A multiple-choice answerer over :func:`caption_words`, trained on captions of scenes.

    Args:
        configuration: the model, the sampling and the number of pre-training steps.
        backbone: frozen, pre-trained.
        cache: folder where it is kept.
        seed: of the initial weights, the scenes and the captions.
        device: where it is trained; it is returned on the CPU.
        tick: progress.
    """
    tokenizer = caption_words()
    steps = configuration.training.caption_steps
    described = {
        "network": f"QuestionAnswerer/{_VERSION}",
        "configuration": {
            key: configuration.to_dict()[key] for key in ("model", "video")
        },
        "backbone steps": configuration.training.pretraining_steps,
        "steps": steps,
        "seed": seed,
        "torch": torch.__version__,
        "device": device,
    }
    described = json.loads(json.dumps(described))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = replace(configuration.model, vocabulary=tokenizer.vocabulary_size)
        answerer = QuestionAnswerer(model, None)
        path = checkpoint_path(cache, described)
        if not load_checkpoint(path, answerer, described):
            _train(answerer, tokenizer, configuration, backbone, seed, device, tick)
            save_checkpoint(path, answerer, described)
    return answerer


def start_from(
    answerer: QuestionAnswerer,
    tokenizer: Tokenizer,
    weights: Mapping[str, Tensor],
    words: Sequence[str],
) -> None:
    """Give an answerer the weights of another one, whatever its words and answers are.

    Words that both know keep their embedding; the others, and a head of other answers, stay as
    they were drawn.

    Args:
        answerer: started in place.
        tokenizer: its words.
        weights: state dict of the other answerer.
        words: the other one's words, in the order of their ids.
    """
    own = answerer.state_dict()
    table = "bert.embeddings.word_embeddings.weight"
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    rows = {word: n for n, word in enumerate(words)}
    embeddings = own[table].clone()
    for n, word in enumerate(tokenizer.vocabulary):
        if word in rows:
            embeddings[n] = weights[table][rows[word]]
    answerer.load_state_dict({**own, **fitting, table: embeddings})


def _train(
    answerer: QuestionAnswerer,
    tokenizer: Tokenizer,
    configuration: Configuration,
    backbone: GridBackbone,
    seed: int,
    device: str,
    tick: Tick | None,
) -> None:
    scenes = [scene_of(seed + SCENE_SEED, n) for n in range(_SCENES)]
    x = _features(scenes, configuration, backbone, device, tick)
    steps = configuration.training.caption_steps
    answerer.to(device)
    optimizer = torch.optim.AdamW(answerer.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)

    def loss_of(module: nn.Module, batch: tuple[Tensor, TextBatch, Tensor]) -> Tensor:
        given, text, right = batch
        return cross_entropy(module(given, text).mean(1), right)

    def after_step(step: int, loss: float) -> bool:
        if tick is not None:
            tick("answerer pre-training", step, steps)
        return True

    fit(
        answerer,
        _batches(scenes, x, tokenizer, steps, seed, device),
        loss_of,
        optimizer,
        stepping=Stepping(clip_norm=1.0, learning_rate=warm_up_and_decay(steps)),
        after_step=after_step,
    )
    answerer.to("cpu")


@torch.no_grad()
def _features(
    scenes: Sequence[Scene],
    configuration: Configuration,
    backbone: GridBackbone,
    device: str,
    tick: Tick | None,
) -> Tensor:
    """``x`` of each scene, ``(n, T, h, w, D)``, with the frames that a video would give."""
    video = configuration.video
    times = sample_times(_SECONDS, video.clips, video.frames, rng=None)
    frames = np.minimum((times * 10).astype(int), 15)
    out = []
    backbone.to(device)
    for n, scene in enumerate(scenes):
        pictures = draw_scene(scene)[frames.ravel()]
        given = prepare(pictures, video.size, mean=backbone.config.mean, std=backbone.config.std)
        clips = given.unflatten(0, frames.shape)[None]
        out.append(backbone.clip_features(clips.to(device)).cpu())
        if tick is not None:
            tick("scenes for captions", n + 1, len(scenes))
    backbone.to("cpu")
    return torch.cat(out)


def _batches(
    scenes: Sequence[Scene], x: Tensor, tokenizer: Tokenizer, steps: int, seed: int, device: str
) -> Iterator[tuple[Tensor, TextBatch, Tensor]]:
    draw = np.random.default_rng([seed, 2])
    for _ in range(steps):
        rows = draw.integers(len(scenes), size=_BATCH)
        right = draw.integers(2, size=_BATCH)
        captions = [_pair(scenes[row], bool(place), draw) for row, place in zip(rows, right, strict=True)]
        text = tokenizer.batch(captions, max_tokens=64)
        target: NDArray[np.int64] = right.astype(np.int64)
        yield x[rows].to(device), text.to(device), torch.from_numpy(target).to(device)


def _pair(scene: Scene, right_last: bool, draw: np.random.Generator) -> list[str]:
    """Two captions of one to three facts, in any order; one fact of the wrong one is wrong."""
    asked = draw.permutation(list(_FACTS))[: draw.integers(1, 4)]
    wrong = int(draw.integers(len(asked)))
    right_words, wrong_words = [], []
    for n, name in enumerate(asked):
        values, frame = _FACTS[str(name)]
        true = [getattr(scene, str(name))]
        if name == "action":
            true.append(scene.then)
        fact = str(draw.choice(true))
        false = str(draw.choice([value for value in values if value not in true]))
        right_words.append(frame.format(fact))
        wrong_words.append(frame.format(false if n == wrong else fact))
    pair = [" , ".join(right_words), " , ".join(wrong_words)]
    return pair[::-1] if right_last else pair
