"""What guessing gets: the accuracy of the simplest answers that need no video.

A model that sees no video can guess. An accuracy says something about the video only by what it
has above these guesses (as in TGIF-QA's and MSVD-QA's text-only baselines).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privkit.data.questions.record import Question, QuestionSet, Split
from privkit.data.questions.vocabulary import normalise
from privkit.evaluation.intervals import Interval, share_over_people

__all__ = ["Guess", "guesses", "shown"]

Rule = Callable[[Question], bool]


@dataclass(frozen=True)
class Guess:
    """The accuracy of answering without the video.

    Attributes:
        rule: how the guess was made, in words.
        split: the split that it was scored on.
        answer_type: of the questions; ``"all"`` for all of the split.
        accuracy: share of right guesses; the interval allows for questions about one video going
            together.
    """

    rule: str
    split: Split
    answer_type: str
    accuracy: Interval


def guesses(questions: QuestionSet) -> list[Guess]:
    """Score guesses learned on the train split on the test split, overall and by answer type.

    Without a test split they are scored on validation. Multiple choice: the most frequent index of
    the correct option, and the option that is most often a correct answer in training. Open-ended:
    the most frequent answer, and, where there are several types, the most frequent answer of the
    question's type. Ties go to the lower index, or to the first in alphabetical order.

    Returns:
        Nothing where there is no train split, or none to score on.
    """
    train = questions.split("train")
    split: Split = "test" if questions.split("test") else "validation"
    scored = questions.split(split)
    if not train or not scored:
        return []
    rules = _choosing(train) if questions.multiple_choice else _answering(train)
    return [
        Guess(name, split, kind, _accuracy(rule, asked))
        for name, rule in rules.items()
        for kind, asked in _by_type(scored).items()
    ]


def _choosing(train: Sequence[Question]) -> dict[str, Rule]:
    places = Counter(q.correct for q in train if q.correct is not None)
    answers = Counter(normalise(q.answer) for q in train)
    place = min(places, key=lambda p: (-places[p], p))

    def by_words(q: Question) -> bool:
        known = [answers[normalise(option)] for option in q.options]
        return known.index(max(known)) == q.correct

    return {
        f"the most frequent index of the answer in training, {place}": lambda q: q.correct == place,
        "the option that is most often the answer in training": by_words,
    }


def _answering(train: Sequence[Question]) -> dict[str, Rule]:
    overall = _most_frequent(train)
    of_type = {kind: _most_frequent(asked) for kind, asked in _by_type(train).items()}
    of_type.pop("all")
    rules: dict[str, Rule] = {
        f"the most frequent answer in training, '{shown(overall)}'": (
            lambda q: normalise(q.answer) == overall
        )
    }
    if len(of_type) > 1:
        rules["the most frequent answer of the question's type in training"] = lambda q: (
            normalise(q.answer) == of_type.get(q.answer_type, overall)
        )
    return rules


def _most_frequent(questions: Sequence[Question]) -> str:
    counts = Counter(normalise(q.answer) for q in questions)
    return min(counts, key=lambda answer: (-counts[answer], answer))


def _by_type(questions: Sequence[Question]) -> dict[str, Sequence[Question]]:
    """All questions, then those of each type where there are several."""
    kinds = sorted({q.answer_type for q in questions} - {"all"})
    grouped: dict[str, Sequence[Question]] = {"all": questions}
    if len(kinds) > 1:
        grouped |= {kind: [q for q in questions if q.answer_type == kind] for kind in kinds}
    return grouped


def _accuracy(rule: Rule, asked: Sequence[Question]) -> Interval:
    return share_over_people([rule(q) for q in asked], [q.video for q in asked], unit="videos")


def shown(words: str) -> str:
    """Words from a file as one printable line of at most 100 characters."""
    plain = "".join(c if c.isprintable() else " " for c in words)
    line = " ".join(plain.split())
    return line if len(line) <= 100 else line[:99] + "…"
