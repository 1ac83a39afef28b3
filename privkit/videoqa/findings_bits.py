"""What was found about the bits: which tasks stored codes serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privkit.evaluation.intervals import CONFIDENCE, Interval
from privkit.evaluation.multiplicity import holm
from privkit.result import DataUsed, Measure, Result, Table
from privkit.videoqa.evaluate import accuracy, accuracy_measures
from privkit.videoqa.methods import METHODS, bits_words
from privkit.videoqa.paired import Paired, over_seeds, paired, points
from privkit.videoqa.seeds import intervals_over, shown_where
from privkit.videoqa.task import Task, TaskSource
from privkit.videoqa.transfer import Transfer

__all__ = [
    "data_used",
    "described",
    "left_out_warnings",
    "start_warnings",
    "transfer_result",
]

#: Points by which answers from stored codes may fall behind the end-to-end model.
_POINTS = 3.0
_LABELS = {"featcomp": "end to end", "question-only": "Q-only", "options-only": "Options-only"}


def data_used(task: Task) -> DataUsed:
    """A task's questions as they stand in a result."""
    questions = task.questions
    return DataUsed(
        f"{questions.name} {questions.task}",
        "questions about videos",
        questions.sha256,
        len(questions.questions),
        questions.notice,
    )


def described(source: TaskSource, seeds: Sequence[int], **more: Any) -> dict[str, Any]:
    """The configuration of a result: what the command line says, after defaults."""
    return {
        "data": source.data.rstrip("/").rpartition("/")[2],
        "seeds": list(seeds),
        "device": source.device,
        "settings": source.configuration.to_dict(),
        **more,
    }


def left_out_warnings(tasks: Sequence[Task]) -> list[str]:
    """That videos could not be used, with the first of them."""
    out = []
    for task in tasks:
        if task.left_out:
            first = ", ".join(f"{name} ({why})" for name, why in list(task.left_out.items())[:3])
            out.append(
                f"{task.questions.task}: {len(task.left_out):,} videos were left out with their "
                f"questions, e.g. {first}."
            )
    return out


def start_warnings(tasks: Sequence[Task]) -> list[str]:
    """What tells that the networks start from less than published weights, each once."""
    return list(dict.fromkeys(words for task in tasks for words in task.start.warnings))


def transfer_result(transfer: Transfer, source: TaskSource, *, command: str) -> Result:
    """The result of crossing tasks: accuracies, and each pair against the question alone."""
    crossed = {pair: over_seeds(runs) for pair, runs in transfer.crossed.items()}
    alone = {name: over_seeds(transfer.beside["question-only", name]) for name in transfer.tasks}
    whole = {name: over_seeds(transfer.beside["featcomp", name]) for name in transfer.tasks}
    against = {pair: paired(found, alone[pair[1]]) for pair, found in crossed.items()}
    p = dict(zip(against, holm([found.p for found in against.values()]), strict=True))
    helped = [
        pair
        for pair, found in against.items()
        if found.shows(p[pair]) and found.difference.value > 0
    ]
    kept = {name: paired(crossed[name, name], whole[name]) for name in transfer.tasks}
    measures, cells = _transfer_measures(transfer)
    for (learned, target), found in against.items():
        where = {"codes of": learned, "task": target}
        measures.append(_difference("accuracy above question-only", found, where))
    for name, found in kept.items():
        measures.append(_difference("accuracy above end to end", found, {"task": name}))
    bits = bits_words(transfer.bits)
    warnings = [
        f"{name}: answers from stored codes fall more than {_POINTS:g} points behind the "
        f"end-to-end model ({points(found.difference)}); the new answerer, not the codes, may be "
        "the limit."
        for name, found in kept.items()
        if 100 * found.difference.value < -_POINTS
    ]
    warnings += [
        f"{count:,} test videos of {target} are training videos of {learned}: the encoder of "
        f"{learned} has seen them, without {target}'s questions."
        for (learned, target), count in transfer.seen.items()
        if count
    ]
    return Result(
        command,
        described(source, transfer.seeds, tasks=list(transfer.tasks), bits=transfer.bits),
        transfer.seeds[0],
        [data_used(task) for task in transfer.opened.values()],
        [*_own_findings(transfer, helped, bits), *_other_findings(transfer, helped, against, p)],
        measures,
        [
            Table(
                f"Accuracy from stored codes of {bits} (the paper's Table 2)",
                ["codes learned for", *(f"answering {name}" for name in transfer.tasks)],
                cells,
                "A new decoder and a new answerer are trained on the stored codes alone. "
                f"{intervals_over(len(transfer.seeds))}.",
            ),
            _gains(against, p, len(transfer.seeds)),
        ],
        [
            *start_warnings(list(transfer.opened.values())),
            *warnings,
            *left_out_warnings(list(transfer.opened.values())),
        ],
    )


def _accuracy(transfer: Transfer, learned: str, target: str) -> Interval:
    return accuracy(over_seeds(transfer.crossed[learned, target]))


def _beside(transfer: Transfer, method: str, target: str) -> Interval:
    return accuracy(over_seeds(transfer.beside[method, target]))


def _transfer_measures(transfer: Transfer) -> tuple[list[Measure], list[list[str]]]:
    """All accuracies as measures, and as the rows of the table."""
    measures: list[Measure] = []
    rows: list[list[str]] = []
    for learned in transfer.tasks:
        row = [learned]
        for target in transfer.tasks:
            where = {"codes of": learned, "task": target, "bits": str(transfer.bits)}
            measures += accuracy_measures(over_seeds(transfer.crossed[learned, target]), where)
            row.append(_accuracy(transfer, learned, target).percent())
        rows.append(row)
    for method, label in _LABELS.items():
        for target in transfer.tasks:
            where = {"task": target, "variant": METHODS[method].label}
            measures += accuracy_measures(over_seeds(transfer.beside[method, target]), where)
        rows.append([label, *(_beside(transfer, method, n).percent() for n in transfer.tasks)])
    return measures, rows


def _difference(name: str, found: Paired, where: dict[str, str]) -> Measure:
    difference = found.difference
    return Measure(
        name,
        difference.value,
        "share",
        "higher is useful",
        n=difference.n,
        low=difference.low,
        high=difference.high,
        confidence=CONFIDENCE,
        method=difference.method,
        where=where,
    )


def _own_findings(transfer: Transfer, helped: Sequence[tuple[str, str]], bits: str) -> list[str]:
    """What codes are worth for the task that they were learned for."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for name in transfer.tasks:
        names[(name, name) in helped].append(
            f"{name} {_accuracy(transfer, name, name).percent()} (end to end "
            f"{_beside(transfer, 'featcomp', name).percent()}, question only "
            f"{_beside(transfer, 'question-only', name).percent()})"
        )
    out = []
    if names[True]:
        out.append(
            f"From stored codes of {bits} alone, a new answerer does better than from the question "
            f"on the task that the codes were learned for: {'; '.join(names[True])}."
        )
    if names[False]:
        out.append(
            f"Stored codes of {bits} were not shown to help with the task that they were learned "
            f"for: {'; '.join(names[False])}."
        )
    return out


def _other_findings(
    transfer: Transfer,
    helped: Sequence[tuple[str, str]],
    against: dict[tuple[str, str], Paired],
    p: dict[tuple[str, str], float],
) -> list[str]:
    """What codes are worth for other tasks."""
    others = [pair for pair in against if pair[0] != pair[1]]
    out = [
        f"Codes learned for {learned} help to answer {target} beyond the question: "
        f"{_accuracy(transfer, learned, target).percent()}, "
        f"{points(against[learned, target].difference)} against question-only, "
        f"{_p(p[learned, target])}."
        for learned, target in others
        if (learned, target) in helped
    ]
    listed = [
        f"{learned} for {target} {_accuracy(transfer, learned, target).percent()} against "
        f"{_beside(transfer, 'question-only', target).percent()}"
        for learned, target in others
        if (learned, target) not in helped
    ]
    if listed:
        out.append(f"No help beyond the question was found from codes of: {'; '.join(listed)}.")
    return out


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _gains(
    against: dict[tuple[str, str], Paired], p: dict[tuple[str, str], float], seeds: int
) -> Table:
    return Table(
        "Stored codes against the question alone",
        ["codes of", "task", "accuracy above question-only", "videos better", "worse", "Holm"],
        [
            [
                learned,
                target,
                points(found.difference),
                f"{found.better:,}",
                f"{found.worse:,}",
                _p(p[learned, target]),
            ]
            for (learned, target), found in against.items()
        ],
        f"{intervals_over(seeds)}. Holm: p of the exact sign test over videos (McNemar's where a "
        f"video has one question), adjusted by Holm for {len(p)} pairs.{shown_where(seeds)}",
    )
