"""How many bits of supervision a task needs: the compressed size of its questions and answers.

The paper (Huang et al., Video in 10 Bits, ECCV 2022, section on supervision) measures the amount of
supervision as the size of the compressed training questions and answers. It does not say how they
were written down; here a pair is the line ``question TAB correct answer``, and each figure says how
the lines were written, ordered and compressed.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from privkit.data.questions.record import Question, QuestionSet
from privkit.errors import InputError
from privkit.result import DataUsed, Measure, Result, Table

__all__ = ["PAPER_BITS", "SupervisionSize", "supervision_bits", "supervision_result"]

PAPER_BITS: Mapping[tuple[str, str], float] = {
    ("TGIF-QA", "action"): 30.9,
    ("TGIF-QA", "frameqa"): 59.2,
    ("TGIF-QA", "transition"): 57.7,
    ("MSRVTT-QA", "msrvtt-qa"): 59.5,
}
"""The paper's figures by set and task, bits per training pair; for comparison, not measured."""

AS_IS, NORMALISED = "as is", "lower case, without ' ?'"
IN_FILE, SHUFFLED = "as in the file", "shuffled"
BZIP2, XZ = "bzip2 -9", "xz -9e"

_COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    BZIP2: lambda data: bz2.compress(data, 9),
    XZ: lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}
_MEASURED = (
    (NORMALISED, IN_FILE, BZIP2),
    (AS_IS, IN_FILE, BZIP2),
    (NORMALISED, SHUFFLED, BZIP2),
    (NORMALISED, IN_FILE, XZ),
)


@dataclass(frozen=True)
class SupervisionSize:
    """The compressed size of questions and answers.

    Attributes:
        serialisation: how the words were written.
        order: of the lines.
        compressor: with its level.
        pairs: question-answer pairs.
        size: compressed size in bytes.
    """

    serialisation: str
    order: str
    compressor: str
    pairs: int
    size: int

    @property
    def bits(self) -> float:
        """Bits per question-answer pair."""
        return 8 * self.size / self.pairs


def supervision_bits(questions: Sequence[Question], *, seed: int = 0) -> list[SupervisionSize]:
    """Measure the supervision that questions and their answers carry.

    Args:
        questions: the training questions, in the order of the file.
        seed: of the shuffled order.

    Returns:
        The measure nearest to the paper's first, then what becomes of it when the words are written
        as they stand, the lines are shuffled, or another compressor is used.

    Raises:
        InputError: there is no question.
    """
    if not questions:
        raise InputError(
            "there is no question to measure", where="supervision", rule="at least one"
        )
    as_is = [f"{_line(q.question)}\t{_line(q.answer)}" for q in questions]
    plain = [f"{_without_mark(q.question)}\t{_line(q.answer).lower()}" for q in questions]
    order = np.random.default_rng(seed).permutation(len(questions))
    lines = {
        (AS_IS, IN_FILE): as_is,
        (NORMALISED, IN_FILE): plain,
        (NORMALISED, SHUFFLED): [plain[n] for n in order],
    }
    data = {key: "".join(f"{line}\n" for line in value).encode() for key, value in lines.items()}
    return [
        SupervisionSize(
            words, sorting, how, len(questions), len(_COMPRESSORS[how](data[words, sorting]))
        )
        for words, sorting, how in _MEASURED
    ]


def _line(words: str) -> str:
    """One field of a line: a tab or line break inside the words becomes a space."""
    return words.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _without_mark(question: str) -> str:
    return _line(question).lower().strip().removesuffix("?").rstrip()


def supervision_result(sets: Sequence[QuestionSet], *, command: str, seed: int) -> Result:
    """The result of ``privkit videoqa supervision``.

    Of each set the train split is measured; where it has none, all its questions, which is said.

    Args:
        sets: as in their files, before a validation split is carved.
        command: the command line, for the record.
        seed: of the shuffled order.

    Raises:
        InputError: a set is empty.
    """
    findings, warnings, measures, rows = [], [], [], []
    for questions in sets:
        train = questions.split("train")
        split = "train" if train else ", ".join(sorted({q.split for q in questions.questions}))
        paper = PAPER_BITS.get((questions.name, questions.task)) if train else None
        sizes = supervision_bits(train or questions.questions, seed=seed)
        name = f"{questions.name} {questions.task}"
        findings.append(
            f"{name}, {split}: {sizes[0].bits:.1f} bits of supervision a question-answer pair "
            f"({sizes[0].pairs:,} pairs, {sizes[0].serialisation}, {sizes[0].compressor}); "
            f"{sizes[1].bits:.1f} with the words as they stand."
        )
        if not train:
            warnings.append(f"{name} has no train split: its {split} questions were measured.")
        for size in sizes:
            measures.append(_measure(size, questions, split))
            compared = size.order == IN_FILE and size.compressor == BZIP2
            rows.append(_row(size, name, split, paper if compared else None))
    return Result(
        command=command,
        configuration={
            "line": "question TAB correct answer",
            "serialisations": [AS_IS, NORMALISED],
            "orders": [IN_FILE, SHUFFLED],
            "compressors": list(_COMPRESSORS),
        },
        seed=seed,
        data=[
            DataUsed(f"{s.name} {s.task}", "questions", s.sha256, len(s.questions), s.notice)
            for s in sets
        ],
        findings=findings,
        warnings=warnings,
        measures=measures,
        tables=[
            Table(
                "Supervision, bits per question-answer pair",
                ["questions", "split", "pairs", "words", "line order", "compressor", "bits",
                 "paper"],
                rows,
                note="A line is: question TAB correct answer. The column 'paper' holds the "
                "paper's figure for the same set and task; it is not measured here.",
            )
        ],
    )  # fmt: skip


def _measure(size: SupervisionSize, questions: QuestionSet, split: str) -> Measure:
    return Measure(
        "supervision",
        size.bits,
        "bits a pair",
        "neither",
        n=size.pairs,
        method=f"size compressed with {size.compressor}, exact",
        where={
            "set": questions.name,
            "task": questions.task,
            "split": split,
            "words": size.serialisation,
            "order": size.order,
            "compressor": size.compressor,
        },
    )


def _row(size: SupervisionSize, name: str, split: str, paper: float | None) -> list[str]:
    return [
        name,
        split,
        f"{size.pairs:,}",
        size.serialisation,
        size.order,
        size.compressor,
        f"{size.bits:.2f}",
        "" if paper is None else f"{paper:.1f}",
    ]
