"""The questions about a generated video, in the words of TGIF-QA.

The options of a multiple-choice question are drawn so that they tell nothing by themselves; the
answers of yes/no questions are balanced for every wording.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privkit.data.questions.record import Question
from privkit.data.videos.scene import (
    ACTIONS,
    COLORS,
    PROPS,
    Scene,
    scene_of,
    split_of,
)

__all__ = ["questions_of", "video_name"]

#: Options of a multiple-choice question.
_OPTIONS = 5
#: Keeps the questions' draws apart from the scene's.
_STREAM = 1


def video_name(index: int) -> str:
    """The name of the ``index``-th video, without folder and extension."""
    return f"gen{index:06d}"


def questions_of(seed: int, index: int) -> tuple[Question, ...]:
    """The eight questions about the ``index``-th video of a seed.

    One of task action, two of transition (after, before), four of frameqa, one of each answer
    type, and one of yesno; no question asks about the identity, the background or the side.

    Raises:
        InputError: a number is negative.
    """
    scene = scene_of(seed, index)
    rng = np.random.default_rng([seed, index, _STREAM])
    video, split = video_name(index), split_of(index)

    def choice(task: str, key: str, words: str, answer: str, excluded: tuple[str, ...]) -> Question:
        options, correct = _options(rng, answer, excluded)
        return Question(f"{video}-{key}", video, task, split, words, answer, options, correct, task)

    def opened(task: str, key: str, words: str, answer: str, kind: str) -> Question:
        return Question(f"{video}-{key}", video, task, split, words, answer, answer_type=kind)

    first, then = scene.action, scene.then
    questions = [
        choice("action", "action", f"what does the figure do {scene.times} times ?", first, ()),
        choice("transition", "after", f"what does the figure do after {first} ?", then, (first,)),
        choice("transition", "before", f"what does the figure do before {then} ?", first, (then,)),
    ]
    for kind, (words, answer) in _frame_questions(scene).items():
        questions.append(opened("frameqa", f"frameqa-{kind}", words, answer, kind))
    words, answer = _yes_or_no(rng, scene)
    questions.append(opened("yesno", "yesno", words, answer, "yesno"))
    return tuple(questions)


def _options(
    rng: np.random.Generator, answer: str, excluded: Sequence[str]
) -> tuple[tuple[str, ...], int]:
    """The answer among four other actions, and its place; all drawn uniformly."""
    others = [action for action in ACTIONS if action != answer and action not in excluded]
    options = [str(other) for other in rng.choice(others, _OPTIONS - 1, replace=False)]
    correct = int(rng.integers(_OPTIONS))
    options.insert(correct, answer)
    return tuple(options), correct


def _frame_questions(scene: Scene) -> dict[str, tuple[str, str]]:
    """Words and answer by answer type, as TGIF-QA's FrameQA has them."""
    return {
        "object": ("what is beside the figure ?", scene.prop),
        "number": ("how many things are beside the figure ?", scene.number),
        "color": ("what color is the figure ?", scene.color),
        "location": ("where are the things ?", scene.place),
    }


def _yes_or_no(rng: np.random.Generator, scene: Scene) -> tuple[str, str]:
    """A question about a fact that is true with probability 1/2, uniform among its kind.

    Colors, props and both actions are uniform, so that every wording is as often true as false.
    """
    wordings: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("does the figure {} ?", ACTIONS, (scene.action, scene.then)),
        ("is there a {} ?", PROPS, (scene.prop,)),
        ("is the figure {} ?", COLORS, (scene.color,)),
    ]
    wording, values, facts = wordings[int(rng.integers(len(wordings)))]
    true = rng.random() < 0.5
    candidates = facts if true else tuple(value for value in values if value not in facts)
    value = candidates[int(rng.integers(len(candidates)))]
    return wording.format(value), "yes" if true else "no"
