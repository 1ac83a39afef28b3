"""The questions of a task for training: opened, or generated, and those that can be trained on."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path

from privkit.data.questions.check import odd_options
from privkit.data.questions.open import open_questions
from privkit.data.questions.record import Question, QuestionSet
from privkit.data.videos.generated import generate_videos
from privkit.data.videos.scene import VERSION
from privkit.errors import InputError

__all__ = [
    "GENERATED_VIDEOS",
    "no_training_question",
    "open_set",
    "texts_of",
    "training_questions",
]

Tick = Callable[[str, int, int], None]

#: Videos of the generated set that ``--data generated`` stands for.
GENERATED_VIDEOS = 3000


def open_set(
    data: str, *, task: str | None, videos: Path | None, seed: int, cache: Path, tick: Tick | None
) -> QuestionSet:
    """Open the questions of one task: ``generated``, or a folder or file of annotations.

    Raises:
        InputError: as :func:`privkit.data.questions.open.open_questions`.
    """
    if data == "generated":
        folder = cache / f"videoqa-generated-{VERSION}-{GENERATED_VIDEOS}-{seed}"
        if not folder.is_dir():
            generate_videos(folder, videos=GENERATED_VIDEOS, seed=seed, tick=tick)
        return open_questions(folder, task=task, videos=None, seed=seed)
    return open_questions(Path(data), task=task, videos=videos, seed=seed)


def training_questions(
    questions: QuestionSet, there: Container[str], from_features: bool
) -> list[Question]:
    """The training questions whose video is there.

    Args:
        questions: of one task.
        there: names of the videos that are there.
        from_features: whether a cache of features says what is there.

    Raises:
        InputError: there is none.
    """
    names = questions.video_names()
    if not any(name in there for name in names):
        raise InputError(
            "no video of the questions is there",
            where="--features" if from_features else questions.name,
            rule="named as in the annotations",
            found=f"{len(names)} videos named, e.g. {names[0]}",
            remedy="let the features be computed"
            if from_features
            else "name the folder of the videos with --videos",
        )
    train = [q for q in questions.split("train") if q.video in there]
    if not train:
        raise no_training_question(questions)
    if odd := odd_options(questions.questions):
        raise InputError(
            "the questions have different numbers of options",
            where=questions.name,
            rule="one number for all questions of a task",
            found=f"{len(odd):,} with another number than most, e.g. {odd[0]}",
            remedy="leave them out; privkit videoqa check names them",
        )
    return train


def no_training_question(questions: QuestionSet) -> InputError:
    """The error where nothing is left to train on."""
    return InputError(
        "there is no training question",
        where=questions.name,
        rule="a train split, with videos that can be decoded",
        found=f"{len(questions.split('train'))} training questions with or without a video",
    )


def texts_of(train: Sequence[Question]) -> list[str]:
    """The words that a vocabulary is made of: questions and options, no answers."""
    return [q.question for q in train] + [option for q in train for option in q.options]
