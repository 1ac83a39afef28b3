"""Answering and encoding with a trained model: from raw videos to predictions and codes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from privkit.data.questions.record import SPLITS, QuestionSet, Split
from privkit.data.questions.videos import VIDEO_ENDINGS, find_videos
from privkit.data.questions.vocabulary import AnswerVocabulary
from privkit.errors import InputError
from privkit.videoqa.batches import QuestionBatches, VideoSource
from privkit.videoqa.distributed import Processes
from privkit.videoqa.evaluate import Predictions, guess, predict
from privkit.videoqa.frames import Frames, open_frames
from privkit.videoqa.grid_cache import GridFeatures, cached_features
from privkit.videoqa.methods import Variant
from privkit.videoqa.model import FewBitVideoQA
from privkit.videoqa.saved import SavedModel

__all__ = [
    "answer",
    "folder_videos",
    "source_of",
    "split_named",
    "split_videos",
    "times_of",
]

Tick = Callable[[str, int, int], None]


def answer(
    variant: Variant,
    model: FewBitVideoQA,
    questions: QuestionBatches,
    source: VideoSource,
    vocabulary: AnswerVocabulary | None,
    *,
    seed: int,
    group: Processes,
) -> Predictions:
    """The model's answers, or a random guess for the method that is one."""
    if not variant.method.trained:
        return guess(questions, None if vocabulary is None else len(vocabulary), seed=seed)
    return predict(model.to(group.device), questions, source, group)


def source_of(
    saved: SavedModel,
    videos: Mapping[str, Path],
    *,
    times: int = 1,
    cache: Path,
    device: str = "cpu",
    tick: Tick | None = None,
) -> GridFeatures | Frames:
    """What a saved model reads of raw videos: features, or frames where it was trained on them.

    Args:
        saved: the model.
        videos: name and file of each.
        times: how many groups of T clips are taken of a video.
        cache: folder of features.
        device: where the backbone runs.
        tick: progress.

    Raises:
        InputError: no video can be decoded.
    """
    video = saved.configuration.video
    sampling = replace(video, clips=times * video.clips)
    if saved.end_to_end:
        return open_frames(videos, saved.backbone, sampling, tick=tick)
    return cached_features(videos, saved.backbone, sampling, cache=cache, device=device, tick=tick)


def split_named(name: str) -> Split:
    """The split of a command line.

    Raises:
        InputError: there is no such split.
    """
    for split in SPLITS:
        if split == name:
            return split
    raise InputError("no such split", where="--split", rule=", ".join(SPLITS), found=name)


def split_videos(questions: QuestionSet, split: Split | None) -> dict[str, Path]:
    """The files of the videos of a split, or of all, that were found.

    Raises:
        InputError: the split has no question, or none of its videos is there.
    """
    asked = questions.questions if split is None else questions.split(split)
    if not asked:
        raise InputError(
            f"there is no {split} split", where="--split", rule="a split that has questions"
        )
    names = sorted({q.video for q in asked})
    found = {name: questions.videos[name] for name in names if name in questions.videos}
    if not found:
        raise InputError(
            "no video of the questions is there",
            where=questions.name,
            rule="videos lie below the data, named as in the annotations",
            found=f"{len(names)} videos named, e.g. {names[0]}",
            remedy="name their folder with --videos",
        )
    return found


def folder_videos(folder: Path) -> dict[str, Path]:
    """All videos below a folder by their names, without folder and ending.

    Raises:
        InputError: the folder is none, holds no video, or two of one name.
    """
    names = {
        Path(name).stem
        for _, _, files in os.walk(folder)
        for name in files
        if Path(name).suffix.lower() in VIDEO_ENDINGS
    }
    found = find_videos(folder, names)
    if not found:
        raise InputError(
            "there is no video in this folder",
            where=folder,
            rule=f"files that end in {', '.join(sorted(VIDEO_ENDINGS))}",
        )
    return found


def times_of(clips: str) -> int:
    """How many times the clips of the training: ``"4x"`` is 4.

    Raises:
        InputError: anything else than a whole number from 1 to 64 and an x.
    """
    number = clips.removesuffix("x")
    if clips == number or not number.isascii() or not number.isdigit() or len(number) > 2:
        number = "0"
    if not 1 <= int(number) <= 64:
        raise InputError(
            "the number of clips cannot be used",
            where="--clips",
            rule="1x to 64x: times the clips that the model was trained with",
            found=clips,
            remedy="e.g. --clips 4x",
        )
    return int(number)
