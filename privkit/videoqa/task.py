"""A task made ready for training: questions, words, and the backbone features of its videos."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from privkit.data.questions.open import open_questions
from privkit.data.questions.record import QuestionSet, Split
from privkit.data.questions.vocabulary import AnswerVocabulary, answer_vocabulary
from privkit.data.videos.generated import generate_videos
from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import Tokenizer, train_words
from privkit.videoqa.batches import QuestionBatches
from privkit.videoqa.captions import caption_words, pretrained_answerer, start_from
from privkit.videoqa.configuration import Configuration
from privkit.videoqa.grid_cache import GridFeatures, cached_features, weights_sha256
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA, stored_form
from privkit.videoqa.pretrain import pretrained_backbone

Tick = Callable[[str, int, int], None]

__all__ = ["GENERATED_VIDEOS", "Task", "TaskSource", "open_set", "prepare"]

#: Videos of the generated set that ``--data generated`` stands for.
GENERATED_VIDEOS = 3000
#: Raised with every change of what is drawn or asked, so that no old set is taken for a new one.
_GENERATED_VERSION = 1


@dataclass(frozen=True)
class TaskSource:
    """Where a task comes from: enough for another process to make the same task ready.

    Attributes:
        data: ``"generated"``, or a folder or file of annotations.
        task: which task; ``None`` where there is only one.
        videos: folder of the videos; ``None`` where they lie below the data.
        seed: of the generated set, of splits that are drawn, and of the backbone.
        configuration: the settings.
        cache: folder of what is computed once.
        device: where the networks run.
    """

    data: str
    task: str | None
    videos: Path | None
    seed: int
    configuration: Configuration
    cache: Path
    device: str = "cpu"

    def open(self, tick: Tick | None = None) -> Task:
        """Open the questions and make the task ready.

        Raises:
            InputError: see :func:`open_set` and :func:`prepare`.
        """
        questions = open_set(
            self.data,
            task=self.task,
            videos=self.videos,
            seed=self.seed,
            cache=self.cache,
            tick=tick,
        )
        return prepare(
            questions,
            self.configuration,
            cache=self.cache,
            seed=self.seed,
            device=self.device,
            tick=tick,
        )


@dataclass(frozen=True)
class Initial:
    """Weights that answerers start from.

    Attributes:
        weights: state dict of an answerer.
        words: its words, in the order of their ids.
        sha256: hash of the weights.
    """

    weights: dict[str, Tensor]
    words: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Task:
    """What every training on one task shares.

    Attributes:
        configuration: the settings.
        questions: without those whose video is missing or cannot be decoded.
        left_out: why each other video was left out.
        tokenizer: makes tokens.
        vocabulary: the answers of open-ended questions; ``None`` for multiple choice.
        backbone: frozen.
        features: of the videos.
        cache: where trainings are kept.
        initial: what answerers start from; ``None`` for weights that are drawn.
    """

    configuration: Configuration
    questions: QuestionSet
    left_out: dict[str, str]
    tokenizer: Tokenizer
    vocabulary: AnswerVocabulary | None
    backbone: GridBackbone
    features: GridFeatures
    cache: Path
    initial: Initial | None = None

    def batches(self, split: Split, variant: Variant) -> QuestionBatches:
        """The questions of a split as a variant's model may see them."""
        return QuestionBatches(
            self.questions.split(split),
            self.tokenizer,
            self.vocabulary,
            max_tokens=self.configuration.text.max_tokens,
            with_question=variant.method.question,
        )

    def model(self, variant: Variant, *, seed: int) -> FewBitVideoQA:
        """A model with the seed's initial weights, that reads cached features."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            answers = None if self.vocabulary is None else len(self.vocabulary.answers)
            answerer = QuestionAnswerer(self.configuration.model, answers)
            if self.initial is not None:
                start_from(answerer, self.tokenizer, self.initial.weights, self.initial.words)
            stored = stored_form(variant, self.features.shape)
        clips = self.configuration.video.clips
        return FewBitVideoQA(stored, answerer, clips=clips)

    @property
    def identity(self) -> dict[str, Any]:
        """What a training's outcome rests on, beside its settings, variant and seed."""
        words = json.dumps(self.tokenizer.vocabulary)
        return {
            "questions": self.questions.sha256,
            "features": dict(self.features.key),
            "model": json.dumps(self.configuration.to_dict()["model"], sort_keys=True),
            "text": vars(self.configuration.text),
            "words": hashlib.sha256(words.encode()).hexdigest(),
            "initial": self.initial.sha256 if self.initial is not None else "drawn",
            "torch": torch.__version__,
        }


def open_set(
    data: str, *, task: str | None, videos: Path | None, seed: int, cache: Path, tick: Tick | None
) -> QuestionSet:
    """Open the questions of one task: ``generated``, or a folder or file of annotations.

    Raises:
        InputError: as :func:`privkit.data.questions.open.open_questions`.
    """
    if data == "generated":
        folder = cache / f"videoqa-generated-{_GENERATED_VERSION}-{GENERATED_VIDEOS}-{seed}"
        if not folder.is_dir():
            generate_videos(folder, videos=GENERATED_VIDEOS, seed=seed, tick=tick)
        return open_questions(folder, task=task, videos=None, seed=seed)
    return open_questions(Path(data), task=task, videos=videos, seed=seed)


def prepare(
    questions: QuestionSet,
    configuration: Configuration,
    *,
    cache: Path,
    seed: int,
    device: str = "cpu",
    tick: Tick | None = None,
) -> Task:
    """Make a task ready: words, answers, backbone and features.

    Args:
        questions: of one task.
        configuration: the settings.
        cache: folder of what is computed once.
        seed: of the backbone's pre-training.
        device: where the backbone runs.
        tick: progress.

    Raises:
        InputError: no video is found or decodable, or a split is empty.
    """
    names = questions.video_names()
    found = {name: questions.videos[name] for name in names if name in questions.videos}
    if not found:
        raise InputError(
            "no video of the questions is there",
            where=questions.name,
            rule="videos lie below the data, named as in the annotations",
            found=f"{len(names)} videos named, e.g. {names[0]}",
            remedy="name their folder with --videos",
        )
    backbone = pretrained_backbone(
        configuration, cache=cache, seed=seed, device=device, tick=tick
    )
    features = cached_features(
        found, backbone, configuration.video, cache=cache, device=device, tick=tick
    )
    left_out = {name: "not found" for name in names if name not in found} | dict(features.skipped)
    usable = questions.with_questions(
        [q for q in questions.questions if q.video in features.row]
    )
    initial = None
    if configuration.training.caption_steps:
        answerer = pretrained_answerer(
            configuration, backbone, cache=cache, seed=seed, device=device, tick=tick
        )
        weights = {k: v.detach() for k, v in answerer.state_dict().items()}
        initial = Initial(weights, caption_words().vocabulary, weights_sha256(answerer))
    task = _with_words(usable, configuration, left_out, backbone, features, cache)
    return replace(task, initial=initial)


def _with_words(
    questions: QuestionSet,
    configuration: Configuration,
    left_out: dict[str, str],
    backbone: GridBackbone,
    features: GridFeatures,
    cache: Path,
) -> Task:
    train = questions.split("train")
    if not train:
        raise InputError(
            "there is no training question", where=questions.name, rule="a train split"
        )
    texts = [q.question for q in train] + [option for q in train for option in q.options]
    tokenizer = train_words(texts, configuration.text.vocabulary)
    vocabulary = None
    if not questions.multiple_choice:
        vocabulary = answer_vocabulary(train, configuration.text.answers or None)
    model = replace(configuration.model, vocabulary=tokenizer.vocabulary_size)
    return Task(
        replace(configuration, model=model),
        questions,
        left_out,
        tokenizer,
        vocabulary,
        backbone,
        features,
        cache,
    )
