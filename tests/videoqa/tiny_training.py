"""A training that takes milliseconds a step, and processes to run it in."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privkit.data.questions.record import Question
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.words import train_words
from privkit.models.random_draws import seeded
from privkit.videoqa.batches import QuestionBatches
from privkit.videoqa.configuration import Configuration, load_configuration
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA, stored_form
from privkit.videoqa.train import Training

SHAPE = (1, 2, 2, 16)
WORDS = ("red", "green", "blue")
MODEL = (
    "model.backbone.hidden=16",
    "model.layers=1",
    "model.heads=2",
    "model.intermediate=16",
)


def settings(**training: Any) -> Configuration:
    changes = [f"training.{key}={value}" for key, value in training.items()]
    return load_configuration("small", [*MODEL, "training.pretraining_steps=0", *changes])


class Features:
    """A feature a video: noise around one of three means, which is what is asked about."""

    def __init__(self, videos: int) -> None:
        draw = torch.Generator().manual_seed(5)
        means = torch.randn(3, *SHAPE, generator=draw)
        noise = torch.randn(videos, *SHAPE, generator=draw)
        self.x = means[torch.arange(videos) % 3] + 0.3 * noise

    def take(self, videos: Sequence[str]) -> Tensor:
        return self.x[[int(video.removeprefix("v")) for video in videos]]


def questions(rows: range, split: str = "train") -> list[Question]:
    return [
        Question(
            question_id=f"q{n}",
            video=f"v{n}",
            task="colors",
            split=split,  # type: ignore[arg-type]
            question="what color ?",
            answer=WORDS[n % 3],
            options=WORDS,
            correct=n % 3,
            answer_type=("warm", "cold")[n % 2],
        )
        for n in rows
    ]


def a_training(
    name: str = "featcomp",
    bits: int | None = 6,
    *,
    train: int = 24,
    validation: int = 9,
    seed: int = 3,
    configuration: Configuration | None = None,
) -> Training:
    configuration = configuration or settings(epochs=4, batch=8, validations=4)
    variant = Variant.named(name, bits)
    tokenizer = train_words([*WORDS, "what color ?"], 200)
    model = configuration.model
    with seeded(seed):
        answerer = QuestionAnswerer(model, None)
        stored = stored_form(variant, SHAPE)
    return Training(
        variant,
        configuration.training,
        FewBitVideoQA(stored, answerer, clips=1),
        _batches(range(train), tokenizer, variant),
        _batches(range(train, train + validation), tokenizer, variant),
        Features(train + validation),
        seed,
        {"data": "tiny"},
    )


def _batches(rows: range, tokenizer: Any, variant: Variant) -> QuestionBatches:
    return QuestionBatches(
        questions(rows),
        tokenizer,
        None,
        max_tokens=12,
        with_question=variant.method.question,
    )


def forked(work: Callable[[int], Any], processes: int, folder: Path) -> list[Any]:
    """Run ``work(rank)`` in forked processes as torchrun would; ``None`` for one that was killed.

    Forked, because every new interpreter takes seconds to import torch.
    """
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        number = port.getsockname()[1]
    children = []
    for rank in range(processes):
        pid = os.fork()
        if not pid:
            _child(work, rank, processes, number, folder)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    results = [folder / f"result-{rank}.pt" for rank in range(processes)]
    for rank in range(processes):
        error = folder / f"error-{rank}"
        assert not error.exists(), error.read_text()
    return [torch.load(p, weights_only=False) if p.exists() else None for p in results]


def _child(work: Callable[[int], Any], rank: int, processes: int, port: int, folder: Path) -> None:
    """Never returns: the child must not go on with the tests."""
    signal.alarm(60)
    torch.set_num_threads(1)
    if processes > 1:
        os.environ |= {
            "TORCHELASTIC_RUN_ID": "test",
            "RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    try:
        torch.save(work(rank), folder / f"result-{rank}.pt")
    except BaseException:
        (folder / f"error-{rank}").write_text(traceback.format_exc())
    os._exit(0)


def same_weights(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
