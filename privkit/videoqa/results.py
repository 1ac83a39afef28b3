"""Training, evaluation and encoding as results: sentences, numbers with intervals, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privkit.data.questions.record import SPLITS, QuestionSet
from privkit.evaluation.guessing import Guess, guesses
from privkit.result import DataUsed, Measure, Result
from privkit.videoqa.encode import StoredVideos
from privkit.videoqa.evaluate import Predictions, accuracy
from privkit.videoqa.methods import Variant, bits_words
from privkit.videoqa.result_parts import (
    accuracy_table,
    count_measures,
    cut_words,
    data_used,
    guess_table,
    left_out_table,
    left_out_words,
    loaded_table,
    outside_words,
    split_measures,
    stored_bits,
    stored_words,
    variant_settings,
)
from privkit.videoqa.saved import SavedModel
from privkit.videoqa.task import Task
from privkit.videoqa.trained import Trained

__all__ = ["encoding_result", "evaluation_result", "training_result"]


_NO_TEST = (
    "There is no test split. The weights were chosen on the validation split: its accuracy "
    "flatters the model."
)


def training_result(
    task: Task,
    trained: Trained,
    found: Mapping[str, Predictions],
    *,
    command: str,
) -> Result:
    """The result of ``privkit videoqa train``.

    Args:
        task: what was trained on.
        trained: the model and how its training went.
        found: the answers by split.
        command: the command line, for the record.
    """
    variant, questions = trained.variant, task.questions
    labels = {"task": questions.task, "variant": variant.label}
    guessed = guesses(questions)
    tables = [accuracy_table(found, labels), guess_table(guessed)]
    tables += [left_out_table(task.left_out), loaded_table(task.start.loaded)]
    return Result(
        command=command,
        configuration={
            **variant_settings(variant),
            "set": questions.name,
            "task": questions.task,
            "settings": task.configuration.to_dict(),
            "end to end": task.end_to_end,
            "answers in the vocabulary": None if task.vocabulary is None else len(task.vocabulary),
        },
        seed=trained.seed,
        data=[data_used(questions)],
        findings=[
            *_answered(found, variant, guessed, questions.task),
            stored_words(variant, task.features.shape, 1),
            *_history_words(trained),
        ],
        warnings=[
            *task.start.warnings,
            *left_out_words(task.left_out),
            *cut_words(
                {split: task.batches(split, variant) for split in SPLITS},
                task.configuration.text.max_tokens,
            ),
            *outside_words(found, task.vocabulary is not None),
            *([] if "test" in found else [_NO_TEST]),
        ],
        measures=[
            *split_measures(found, labels),
            *count_measures(found, task.left_out, task.vocabulary is not None),
            stored_bits(variant, task.features.shape, 1),
        ],
        tables=[table for table in tables if table is not None],
    )


def evaluation_result(
    saved: SavedModel,
    questions: QuestionSet,
    left_out: Mapping[str, str],
    split: str,
    predictions: Predictions,
    *,
    times: int,
    command: str,
) -> Result:
    """The result of ``privkit videoqa evaluate``.

    Args:
        saved: the model.
        questions: the usable questions of all splits.
        left_out: why each other video of the split was left out.
        split: the split that was answered.
        predictions: the answers.
        times: how many groups of T clips a video was seen and stored in.
        command: the command line, for the record.
    """
    found = {split: predictions}
    label = saved.variant.label if times == 1 else f"{times}×{saved.variant.label}"
    labels = {"task": questions.task, "variant": label}
    guessed = [guess for guess in guesses(questions) if guess.split == split]
    tables = (accuracy_table(found, labels), guess_table(guessed), left_out_table(left_out))
    return Result(
        command=command,
        configuration={
            **variant_settings(saved.variant),
            "trained on": f"{saved.set_name} {saved.task}",
            "set": questions.name,
            "task": questions.task,
            "split": split,
            "clips": times * saved.configuration.video.clips,
        },
        seed=saved.seed,
        data=[data_used(questions)],
        findings=[
            *_answered(found, saved.variant, guessed, questions.task, label),
            stored_words(saved.variant, saved.shape, times),
        ],
        warnings=[
            *left_out_words(left_out),
            *cut_words(
                {split: saved.batches(predictions.questions)},
                saved.configuration.text.max_tokens,
            ),
            *outside_words(found, saved.vocabulary is not None),
            *_train_warning(saved, questions, split),
        ],
        measures=[
            *split_measures(found, labels),
            *count_measures(found, left_out, saved.vocabulary is not None),
            stored_bits(saved.variant, saved.shape, times),
        ],
        tables=[table for table in tables if table is not None],
    )


def encoding_result(
    saved: SavedModel,
    stored: StoredVideos,
    left_out: Mapping[str, str],
    data: DataUsed,
    *,
    command: str,
) -> Result:
    """The result of ``privkit videoqa encode``.

    Args:
        saved: the model.
        stored: the codes.
        left_out: why each other video was left out.
        data: what was encoded.
        command: the command line, for the record.
    """
    bits, videos = stored.codes.bits, len(stored.videos)
    size = stored.codes.packed.nbytes
    table = left_out_table(left_out)
    return Result(
        command=command,
        configuration={
            **variant_settings(saved.variant),
            "trained on": f"{saved.set_name} {saved.task}",
        },
        seed=saved.seed,
        data=[data],
        findings=[
            f"{videos:,} videos are encoded as {bits_words(bits)} each: "
            f"{videos * bits / 8:,.0f} bytes of codes, {size:,} bytes as they are packed, "
            "a whole number of bytes a video.",
            "A code depends on its own video only. Whether it de-identifies is not known yet: "
            "count how many videos share each code with privkit kanon.",
        ],
        warnings=left_out_words(left_out),
        measures=[
            Measure("videos encoded", videos, "videos", "neither", method="exact count"),
            Measure("videos left out", len(left_out), "videos", "neither", method="exact count"),
            Measure("bits stored a video", bits, "bits", "lower protects", method="exact count"),
        ],
        tables=[table] if table is not None else [],
    )


def _answered(
    found: Mapping[str, Predictions],
    variant: Variant,
    guessed: Sequence[Guess],
    task: str,
    label: str | None = None,
) -> list[str]:
    """The headline, beside the best guess that sees no video."""
    split = "test" if "test" in found else next(iter(found), None)
    if split is None:
        return []
    share = accuracy(found[split])
    words = (
        f"{label or variant.label}: {share.value:.1%} "
        f"({100 * share.low:.1f}-{100 * share.high:.1f}) of the {share.n:,} {split} questions of "
        f"{task} are answered right"
    )
    best = [g for g in guessed if g.answer_type == "all" and g.split == split]
    if not best:
        return [f"{words}."]
    guess = max(best, key=lambda g: g.accuracy.value)
    beats = share.low > guess.accuracy.value
    return [
        f"{words}; guessing {guess.rule} is right in {guess.accuracy.value:.1%}"
        + (". " if beats else ": THE MODEL IS NOT BETTER THAN THAT within its interval. ")
        + "In brackets the 95% interval, which counts videos, not questions, as independent."
    ]


def _history_words(trained: Trained) -> list[str]:
    if trained.progress.best is None:
        return []
    return [
        f"The weights are those of step {trained.progress.best_step:,}, the best of the "
        f"validations: {trained.progress.best:.1%} right."
    ]


def _train_warning(saved: SavedModel, questions: QuestionSet, split: str) -> list[str]:
    same = saved.questions_sha256 == questions.sha256
    if same and split == "train":
        return ["These are the questions that the model was trained on."]
    if same and split == "validation":
        return ["The model's weights were chosen on these questions: the accuracy flatters it."]
    if same:
        return []
    return [
        f"These are not the questions that the model was trained on ({saved.set_name} "
        f"{saved.task}), or not all of their videos are here; whether the sets share videos is "
        "not known."
    ]
