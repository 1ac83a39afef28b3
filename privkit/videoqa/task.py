"""A task made ready for training: questions, words, and the backbone features of its videos."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from privkit.data.questions.record import QuestionSet, Split
from privkit.data.questions.vocabulary import AnswerVocabulary, answer_vocabulary
from privkit.errors import InputError
from privkit.models.clipbert.answerer import QuestionAnswerer
from privkit.models.clipbert.grid import GridBackbone
from privkit.models.clipbert.words import Tokenizer, train_words
from privkit.models.random_draws import seeded
from privkit.videoqa.batches import QuestionBatches
from privkit.videoqa.configuration import Configuration
from privkit.videoqa.frames import Frames, open_frames
from privkit.videoqa.grid_cache import GridFeatures, cached_features, open_features
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA, stored_form
from privkit.videoqa.question_sets import (
    GENERATED_VIDEOS,
    no_training_question,
    open_set,
    texts_of,
    training_questions,
)
from privkit.videoqa.starting import Given, Start, start

Tick = Callable[[str, int, int], None]

#: Raised with every change of what a training computes, so that the cache's older trainings, which
#: another code made, are not taken for this one's.
_VERSION = 1

__all__ = [
    "GENERATED_VIDEOS",
    "Task",
    "TaskSource",
    "check_end_to_end",
    "open_set",
    "prepare",
]


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
        given: weights and words to start from.
        features: cache of the backbone's features to read; ``None`` for privkit's own.
        end_to_end: whether the backbone's grid encoder is trained, from frames.
    """

    data: str
    task: str | None
    videos: Path | None
    seed: int
    configuration: Configuration
    cache: Path
    device: str = "cpu"
    given: Given = field(default_factory=Given)
    features: Path | None = None
    end_to_end: bool = False

    def open(self, tick: Tick | None = None) -> Task:
        """Open the questions and make the task ready.

        Raises:
            InputError: see :func:`open_set` and :func:`prepare`.
        """
        return self.prepare(self.questions(tick), tick)

    def questions(self, tick: Tick | None = None) -> QuestionSet:
        """Open the questions, and generate the set where it is the generated one.

        Raises:
            InputError: see :func:`open_set`.
        """
        return open_set(
            self.data,
            task=self.task,
            videos=self.videos,
            seed=self.seed,
            cache=self.cache,
            tick=tick,
        )

    def prepare(self, questions: QuestionSet, tick: Tick | None = None) -> Task:
        """Make the task of these questions ready.

        Raises:
            InputError: see :func:`prepare`.
        """
        return prepare(
            questions,
            self.configuration,
            cache=self.cache,
            seed=self.seed,
            device=self.device,
            tick=tick,
            given=self.given,
            features=self.features,
            end_to_end=self.end_to_end,
        )


@dataclass(frozen=True)
class Task:
    """What every training on one task shares.

    Attributes:
        configuration: the settings.
        questions: without those whose video is missing or cannot be decoded.
        left_out: why each other video was left out.
        tokenizer: makes tokens.
        vocabulary: the answers of open-ended questions; ``None`` for multiple choice.
        start: the backbone, frozen, and what answerers start from.
        features: of the videos, or their frames where the backbone is trained.
        cache: where trainings are kept.
    """

    configuration: Configuration
    questions: QuestionSet
    left_out: dict[str, str]
    tokenizer: Tokenizer
    vocabulary: AnswerVocabulary | None
    start: Start
    features: GridFeatures | Frames
    cache: Path

    @property
    def backbone(self) -> GridBackbone:
        """Frozen, in inference mode."""
        return self.start.backbone

    @property
    def end_to_end(self) -> bool:
        """Whether models are trained from frames, their backbone's grid encoder with them."""
        return isinstance(self.features, Frames)

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
        """A model with the seed's initial weights; it reads what :attr:`features` gives.

        Raises:
            InputError: the bottleneck does not fit into memory, or the variant has nothing to
                learn from frames.
        """
        with seeded(seed):
            answers = None if self.vocabulary is None else len(self.vocabulary)
            answerer = QuestionAnswerer(self.configuration.model, answers)
            if self.start.initial is not None:
                self.start.initial.apply(answerer)
            stored = stored_form(variant, self.features.shape)
        backbone = None
        if self.end_to_end:
            check_end_to_end(variant)
            backbone = copy.deepcopy(self.backbone).freeze(grid_encoder=False)
            backbone.grid_encoder.requires_grad_(True)
        video = self.configuration.video
        return FewBitVideoQA(
            stored, answerer, clips=video.clips, backbone=backbone, pooling=video.pooling
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a training's outcome rests on, beside its settings, variant and seed."""
        words = json.dumps(self.tokenizer.vocabulary)
        return {
            "questions": self.questions.sha256,
            "features": dict(self.features.key),
            "model": json.dumps(self.configuration.to_dict()["model"], sort_keys=True),
            "text": vars(self.configuration.text),
            "pooling": self.configuration.video.pooling,
            "words": hashlib.sha256(words.encode()).hexdigest(),
            "code": _VERSION,
            "transformers": version("transformers"),
            "initial": self.start.initial.sha256 if self.start.initial is not None else "drawn",
            "torch": torch.__version__,
        }


def prepare(
    questions: QuestionSet,
    configuration: Configuration,
    *,
    cache: Path,
    seed: int,
    device: str = "cpu",
    tick: Tick | None = None,
    given: Given | None = None,
    features: Path | None = None,
    end_to_end: bool = False,
) -> Task:
    """Make a task ready: words, answers, backbone and features.

    Args:
        questions: of one task.
        configuration: the settings.
        cache: folder of what is computed once.
        seed: of the backbone's pre-training.
        device: where the backbone runs.
        tick: progress.
        given: weights and words to start from.
        features: cache of the backbone's features to read; ``None`` for privkit's own.
        end_to_end: whether the backbone's grid encoder is trained, from frames.

    Raises:
        InputError: no video is found or decodable, there is no training question, or what is given
            does not fit.
    """
    configuration.model.backbone.grid(configuration.video.size)
    given = given or Given()
    kept = open_features(features) if features is not None else None
    there = set(questions.videos) if kept is None else set(kept.row)
    train = training_questions(questions, there, kept is not None)
    tokenizer = given.words() or train_words(texts_of(train), configuration.text.vocabulary)
    vocabulary = None
    if not questions.multiple_choice:
        vocabulary = answer_vocabulary(train, configuration.text.answers or None)
    configuration = _with_vocabulary(configuration, tokenizer, given)
    started = start(
        given,
        configuration,
        None if vocabulary is None else len(vocabulary),
        cache=cache,
        seed=seed,
        device=device,
        tick=tick,
        real_videos=not questions.notice,
    )
    wanted = set(questions.video_names())
    found = {name: file for name, file in questions.videos.items() if name in wanted}
    made: GridFeatures | Frames
    if end_to_end:
        made = open_frames(found, started.backbone, configuration.video, tick=tick)
    elif features is not None:
        made = open_features(
            features,
            backbone=started.backbone,
            sampling=configuration.video,
            videos=questions.videos,
        )
    else:
        made = cached_features(
            found, started.backbone, configuration.video, cache=cache, device=device, tick=tick
        )
    left_out = {
        name: made.skipped.get(name, "not found")
        for name in questions.video_names()
        if name not in made.row
    }
    usable = questions.with_questions([q for q in questions.questions if q.video in made.row])
    if not usable.split("train"):
        raise no_training_question(questions)
    return Task(configuration, usable, left_out, tokenizer, vocabulary, started, made, cache)


def check_end_to_end(variant: Variant) -> None:
    """Refuse variants that cannot learn from frames what they could not from features.

    Raises:
        InputError: the variant sees no video, or rebuilds a feature, which must not change.
    """
    method = variant.method
    if not method.video or not method.task_loss:
        raise InputError(
            f"{method.name} does not train the backbone",
            where="--end-to-end",
            rule="a method that sees the video and learns from the task's loss",
            remedy="leave --end-to-end out",
        )


def _with_vocabulary(
    configuration: Configuration, tokenizer: Tokenizer, given: Given
) -> Configuration:
    """Given weights keep the size of their table of words; a drawn table has that of the words."""
    size, table = tokenizer.vocabulary_size, configuration.model.vocabulary
    if given.files and given.words() is not None:
        if size > table:
            raise InputError(
                "the vocabulary is larger than the model's",
                where="--vocabulary",
                rule=f"at most model.vocabulary = {table} tokens",
                found=size,
            )
        return configuration
    return replace(configuration, model=replace(configuration.model, vocabulary=size))
