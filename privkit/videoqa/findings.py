"""A sweep as a result: usefulness and privacy of the same codes, in numbers, tables and words.

Every sentence is computed. An interval says how far the test videos carry a number; how far it
moves with the training's seed is told apart from it. A probe that reads nothing proves nothing, so
no sentence calls a code safe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privkit.capacity.supervision import supervision_bits
from privkit.data.questions.record import Question
from privkit.errors import InputError
from privkit.evaluation.intervals import CONFIDENCE, Interval, wilson
from privkit.result import Better, Measure, Result, Table
from privkit.videoqa.evaluate import Predictions, accuracy, accuracy_measures
from privkit.videoqa.findings_bits import SIGNIFICANT, data_used, left_out_warnings
from privkit.videoqa.methods import METHODS
from privkit.videoqa.paired import holm, paired, pooled
from privkit.videoqa.sweep import CLIPS, Outcome
from privkit.videoqa.task import Task

__all__ = ["CHANCE", "MORE_CLIPS", "SecretRead", "secret_reads", "sweep_result"]

#: The probe that ignores the feature.
CHANCE = "chance"
#: What 4×FeatComp is called among the methods.
MORE_CLIPS = f"{CLIPS}x-clips"

_MAIN_BITS = 10
_FLOAT_BITS = 16


class SecretRead(NamedTuple):
    """How often one probe reads one secret from what one training stores of unseen videos.

    Attributes:
        task: that was trained.
        variant: label of what is stored.
        bits: N; ``None`` for floats.
        seed: of the training.
        secret: e.g. ``"identity"``.
        probe: a key of :data:`privkit.videoqa.privacy.PROBES`.
        share: the share of videos whose secret is read.
    """

    task: str
    variant: str
    bits: int | None
    seed: int
    secret: str
    probe: str
    share: Interval


def secret_reads(outcomes: Iterable[Outcome]) -> list[SecretRead]:
    """What the probes read in every training of a sweep."""
    return [
        SecretRead(
            outcome.job.source.task or "",
            outcome.job.variant.label,
            outcome.job.variant.bits,
            outcome.job.seed,
            secret,
            way,
            share,
        )
        for outcome in outcomes
        for (secret, way), share in outcome.secrets.items()
    ]


@dataclass(frozen=True)
class _Cell:
    """The answers of one variant on one task.

    Attributes:
        task: its name.
        label: of the variant.
        method: a key of ``METHODS``, or :data:`MORE_CLIPS`.
        bits: stored a video; 0 where nothing of the video is.
        runs: the answers of each seed's training, in the order of the seeds.
    """

    task: str
    label: str
    method: str
    bits: int
    runs: Mapping[int, Predictions]

    @cached_property
    def answers(self) -> Predictions:
        """Of all seeds; the answers about one video go together, whatever the seed."""
        return pooled(list(self.runs.values()))

    @property
    def questions(self) -> Sequence[Question]:
        return next(iter(self.runs.values())).questions

    @property
    def where(self) -> dict[str, str]:
        return {"task": self.task, "variant": self.label, "method": self.method}


class _Paired(NamedTuple):
    """Accuracy of ``a`` minus that of ``b`` on the same questions.

    ``p`` is of the exact sign test over videos, adjusted by Holm for the tests beside it.
    """

    a: _Cell
    b: _Cell
    found: Interval
    p: float

    @property
    def shown(self) -> bool:
        return self.p < SIGNIFICANT


_Cells = Mapping[tuple[str, str], _Cell]


def sweep_result(
    outcomes: Sequence[Outcome],
    tasks: Sequence[Task],
    *,
    privacy: Sequence[SecretRead] = (),
    command: str,
) -> Result:
    """The result of a sweep.

    Args:
        outcomes: of every task, variant and seed.
        tasks: the tasks, made ready.
        privacy: what probes read from what the same trainings store; may be empty.
        command: the command line, for the record.

    Raises:
        InputError: two seeds of a variant were tested on different questions.
    """
    by_name = {task.questions.task: task for task in tasks}
    cells = _cells(outcomes, by_name)
    reads = _pooled_reads(privacy, cells)
    seeds = sorted({o.job.seed for o in outcomes})
    levels = sorted({o.job.variant.bits for o in outcomes if o.job.variant.bits is not None})
    chance = {name: _chance(task) for name, task in by_name.items()}
    compared = _comparisons(cells, list(by_name))
    return Result(
        command=command,
        configuration={
            "tasks": list(by_name),
            "levels": levels,
            "variants": _labels(cells),
            "seeds": seeds,
            "settings": tasks[0].configuration.to_dict(),
            "device": outcomes[0].job.source.device,
        },
        seed=seeds[0],
        data=[data_used(task) for task in tasks],
        findings=_findings(cells, list(by_name), reads, compared),
        warnings=_warnings(cells, by_name, reads, chance, seeds),
        measures=_measures(cells, by_name, reads, chance, compared),
        tables=_tables(cells, by_name, reads, chance, compared),
    )


# --- what was answered ---------------------------------------------------------------------------


def _cells(outcomes: Sequence[Outcome], tasks: Mapping[str, Task]) -> _Cells:
    """The answers by task and label, rows of the paper's Figure 3 in their order."""
    gathered: dict[tuple[str, str], list[tuple[str, int, int, Predictions]]] = {}
    for outcome in sorted(outcomes, key=lambda o: o.job.seed):
        variant, seed = outcome.job.variant, outcome.job.seed
        task = outcome.predictions.questions[0].task
        bits = variant.bits
        if bits is None:
            floats = math.prod(tasks[task].features.shape)
            bits = _FLOAT_BITS * floats if variant.method.video else 0
        one = (variant.method.name, bits, seed, outcome.predictions)
        gathered.setdefault((task, variant.label), []).append(one)
        if outcome.more_clips is not None:
            more = (MORE_CLIPS, CLIPS * bits, seed, outcome.more_clips)
            gathered.setdefault((task, f"{CLIPS}×{variant.label}"), []).append(more)
    rank = [*METHODS, MORE_CLIPS]
    order = sorted(gathered, key=lambda key: (rank.index(gathered[key][0][0]), gathered[key][0][1]))
    return {key: _cell(*key, gathered[key]) for key in order}


def _cell(task: str, label: str, found: Sequence[tuple[str, int, int, Predictions]]) -> _Cell:
    method, bits, _, first = found[0]
    asked = [q.question_id for q in first.questions]
    for *_, predictions in found:
        if [q.question_id for q in predictions.questions] != asked:
            raise InputError(
                "seeds were tested on different questions",
                where=f"{task}, {label}",
                rule="one test split for all seeds, so that they can be pooled and compared",
            )
    return _Cell(task, label, method, bits, {seed: p for _, _, seed, p in found})


def _labels(cells: _Cells) -> list[str]:
    return list(dict.fromkeys(label for _, label in cells))


def _featcomp(cells: _Cells, task: str) -> list[_Cell]:
    """FeatComp by bits."""
    return [c for (name, _), c in cells.items() if name == task and c.method == "featcomp"]


def _of(cells: _Cells, task: str, method: str) -> _Cell | None:
    return next((c for c in cells.values() if c.task == task and c.method == method), None)


def _main(cells: _Cells, task: str) -> _Cell | None:
    """FeatComp at 10 bits, or the level nearest to it."""
    return min(_featcomp(cells, task), key=lambda c: abs(c.bits - _MAIN_BITS), default=None)


def _compared(pairs: Iterable[tuple[_Cell, _Cell]]) -> list[_Paired]:
    """Each pair on the seeds that both have; Holm's adjustment over all of them."""
    out = []
    for a, b in pairs:
        seeds = [seed for seed in a.runs if seed in b.runs]
        if seeds:
            of_both = [pooled([cell.runs[seed] for seed in seeds]) for cell in (a, b)]
            out.append((a, b, paired(*of_both)))
    adjusted = holm([found.p for *_, found in out])
    return [
        _Paired(a, b, found.difference, p) for (a, b, found), p in zip(out, adjusted, strict=True)
    ]


def _comparisons(cells: _Cells, tasks: Sequence[str]) -> dict[str, list[_Paired]]:
    """What is compared with what, task by task; the key begins a sentence."""
    pairs: dict[str, list[tuple[_Cell, _Cell]]] = {}

    def compare(a: _Cell | None, b: _Cell | None) -> None:
        if a is not None and b is not None:
            pairs.setdefault(f"{a.label} against {b.label}", []).append((a, b))

    for task in tasks:
        main = _main(cells, task)
        compare(main, _of(cells, task, "floats"))
        compare(main, _of(cells, task, "question-only"))
        for method in ("reconstruction-only", "task+reconstruction"):
            other = _of(cells, task, method)
            same = [c for c in _featcomp(cells, task) if other and c.bits == other.bits]
            compare(other, same[0] if same else None)
        for more in (c for c in cells.values() if (c.task, c.method) == (task, MORE_CLIPS)):
            compare(more, cells[task, more.label.removeprefix(f"{CLIPS}×")])
    return {name: _compared(of_tasks) for name, of_tasks in pairs.items()}


def _chance(task: Task) -> tuple[float, str]:
    """The level that needs neither video nor question, and how it was reckoned."""
    test = task.questions.split("test")
    if task.questions.multiple_choice:
        return float(np.mean([1 / len(q.options) for q in test])), "1 / options, mean"
    answers, counts = np.unique(
        [q.answer for q in task.questions.split("train")], return_counts=True
    )
    most = str(answers[counts.argmax()])
    share = float(np.mean([q.answer == most for q in test]))
    return share, f"always {most!r}, the most frequent training answer"


# --- what the codes give away --------------------------------------------------------------------

_Reads = Mapping[tuple[str, str, str], Mapping[str, Interval]]
"""Task, variant and secret to probe to share."""


def _pooled_reads(privacy: Sequence[SecretRead], cells: _Cells) -> _Reads:
    """Pooled over seeds: the videos are the same, so they count once."""
    shares: dict[tuple[str, str, str], dict[str, list[Interval]]] = {}
    order = _labels(cells)
    known = [r for r in privacy if r.variant in order]
    for read in sorted(known, key=lambda r: order.index(r.variant)):
        by_probe = shares.setdefault((read.task, read.variant, read.secret), {})
        by_probe.setdefault(read.probe, []).append(read.share)
    return {
        key: {probe: _pooled(found) for probe, found in by_probe.items()}
        for key, by_probe in shares.items()
    }


def _pooled(found: Sequence[Interval]) -> Interval:
    if len(found) == 1:
        return found[0]
    n = sum(f.n for f in found)
    successes = sum(f.successes or 0 for f in found)
    effective = float(np.mean([f.effective for f in found]))
    low, high = wilson(successes / n * effective, effective)
    method = f"Wilson {CONFIDENCE:.0%}, {len(found)} seeds; a video counts once"
    return Interval(successes / n, low, high, n, successes, effective, method)


def _strongest(found: Mapping[str, Interval]) -> tuple[str, Interval]:
    probes = {name: share for name, share in found.items() if name != CHANCE}
    return max(probes.items(), key=lambda pair: pair[1].value)


def _read_beyond_chance(found: Mapping[str, Interval]) -> bool:
    """Whether some probe is shown to read more than the guess, which is measured as well.

    The lower end of the difference is Newcombe's (1998, method 10), of two intervals of shares. It
    is not adjusted for the number of probes and stores: false comfort costs more than an alarm.
    """
    guess = found.get(CHANCE)
    if guess is None:
        return any(share.low > 0 for share in found.values())
    return any(
        share.value - guess.value > math.hypot(share.value - share.low, guess.high - guess.value)
        for name, share in found.items()
        if name != CHANCE
    )


def _secrets(reads: _Reads) -> list[str]:
    return list(dict.fromkeys(secret for *_, secret in reads))


# --- in words ------------------------------------------------------------------------------------


def _findings(
    cells: _Cells,
    tasks: Sequence[str],
    reads: _Reads,
    compared: Mapping[str, Sequence[_Paired]],
) -> list[str]:
    """What 10 bits are good for and give away first, then what differs, then who is read where."""
    findings = [text for task in tasks if (text := _both_sides(cells, task, reads))]
    findings += [_comparison(name, pairs) for name, pairs in compared.items()]
    needed = [text for task in tasks if (text := _fewest_that_help(cells, task))]
    if needed:
        findings.append(f"The fewest bits that beat the question alone: {'; '.join(needed)}.")
    findings += [_where_read(secret, reads) for secret in _secrets(reads)]
    return findings


def _both_sides(cells: _Cells, task: str, reads: _Reads) -> str:
    """Usefulness of the few bits beside the floats, and what probes read from either."""
    main, floats = _main(cells, task), _of(cells, task, "floats")
    if main is None:
        return ""
    text = (
        f"{task}: {main.label} a video answer {accuracy(main.answers).percent()} of the questions"
    )
    if floats is not None:
        text += f", floats ({floats.bits:,} bits) {accuracy(floats.answers).percent()}"
    question = _of(cells, task, "question-only")
    if question is not None:
        text += f", the question alone {accuracy(question.answers).percent()}"
    told = []
    for cell in (c for c in (main, floats) if c is not None):
        parts = []
        for secret in _secrets(reads):
            found = reads.get((task, cell.label, secret))
            if found is not None:
                guess = f" against {found[CHANCE].value:.0%} guessing" if CHANCE in found else ""
                parts.append(f"{secret} {_strongest(found)[1].percent()}{guess}")
        if parts:
            told.append(f"from {cell.label} {_listed(parts)}")
    if not told:
        return f"{text}."
    return f"{text}. Of unseen videos the stronger probe reads {'; '.join(told)}."


def _comparison(name: str, pairs: Sequence[_Paired]) -> str:
    parts = []
    for pair in pairs:
        shown = "" if pair.shown else ", no difference shown"
        parts.append(f"{pair.a.task} {_points(pair.found)}{shown}")
    return f"{name}, on the same questions: {'; '.join(parts)}."


def _fewest_that_help(cells: _Cells, task: str) -> str:
    question = _of(cells, task, "question-only")
    if question is None or not (levels := _featcomp(cells, task)):
        return ""
    for pair in _compared((cell, question) for cell in levels):
        if pair.shown and pair.found.value > 0:
            return f"{task} {pair.a.bits:,} ({_points(pair.found)})"
    return f"{task} none of {_listed(f'{c.bits:,}' for c in levels)}"


def _where_read(secret: str, reads: _Reads) -> str:
    """From which stores a secret is read beyond guessing, all tasks."""
    read: dict[str, list[str]] = {}
    unread: dict[str, list[str]] = {}
    for (task, label, name), found in reads.items():
        if name == secret:
            kind = read if _read_beyond_chance(found) else unread
            kind.setdefault(label, []).append(task)
    tasks = {task for task, _, name in reads if name == secret}
    parts = []
    if read:
        parts.append(f"{secret} is read beyond guessing from {_stores(read, tasks)}")
    if unread:
        start = "it is not shown to be" if read else f"{secret} is not shown to be"
        parts.append(
            f"{start} read from {_stores(unread, tasks)}, which does not show that it is not there"
        )
    return f"{'; '.join(parts)}."


def _stores(found: Mapping[str, Sequence[str]], tasks: Collection[str]) -> str:
    """Stores, each with its tasks where these are not all."""
    return _listed(
        label if len(own) == len(tasks) else f"{label} ({', '.join(own)})"
        for label, own in found.items()
    )


def _warnings(
    cells: _Cells,
    tasks: Mapping[str, Task],
    reads: _Reads,
    chance: Mapping[str, tuple[float, str]],
    seeds: Sequence[int],
) -> list[str]:
    out = [text for name in tasks for text in _falls(cells, name)]
    for name, task in tasks.items():
        options = _of(cells, name, "options-only")
        if options is not None and (found := accuracy(options.answers)).low > chance[name][0]:
            seen = "the options alone" if task.questions.multiple_choice else "nothing"
            out.append(
                f"{name}: a model that sees {seen} answers {found.percent()}, chance is "
                f"{chance[name][0]:.0%}: part of every accuracy is the data set's bias."
            )
    out += _warnings_on_probes(cells, reads)
    out += left_out_warnings(list(tasks.values()))
    for name, task in tasks.items():
        outside, asked = _outside(task)
        if outside:
            out.append(
                f"{name}: {outside} of {asked} test questions have an answer outside the "
                f"vocabulary; they count as wrong, so no model can pass {1 - outside / asked:.1%}."
            )
    if len(seeds) == 1:
        out.append("One seed: how far the numbers move from training to training is not known.")
    return out


def _falls(cells: _Cells, task: str) -> list[str]:
    """Levels that score below a level of fewer bits; the largest fall of each level."""
    levels = _featcomp(cells, task)
    floats = _of(cells, task, "floats")
    levels += [floats] if floats is not None else []
    worst: dict[str, _Paired] = {}
    for pair in _compared((more, fewer) for fewer, more in combinations(levels, 2)):
        if pair.shown and pair.found.value < 0:
            known = worst.setdefault(pair.a.label, pair)
            if pair.found.value < known.found.value:
                worst[pair.a.label] = pair
    return [
        f"{task}: {pair.a.label} score lower than {pair.b.label}, by {_points(pair.found)}: more "
        "bits can hold whatever fewer do, so this tells of the training, not of the codes."
        for pair in worst.values()
    ]


def _warnings_on_probes(cells: _Cells, reads: _Reads) -> list[str]:
    """Where a probe's failure must not be taken for privacy."""
    out = []
    for secret in _secrets(reads):
        probed = list(dict.fromkeys(task for task, _, name in reads if name == secret))
        leaking = [task for task in probed if _leaks(cells, reads, task, secret)]
        silent: dict[str, list[str]] = {}
        for (task, label, name), found in reads.items():
            if name == secret and task in leaking and not _read_beyond_chance(found):
                silent.setdefault(label, []).append(task)
        if silent:
            out.append(
                f"The probes read {secret} from floats, and from {_stores(silent, leaking)} no "
                "better than guessing: a failed probe is no proof; other probes may read more."
            )
        without = [task for task in probed if _leaks(cells, reads, task, secret) is False]
        if without:
            out.append(
                f"The probes do not read {secret} from floats either ({', '.join(without)}): that "
                "they read nothing from codes then says nothing."
            )
    return out


def _leaks(cells: _Cells, reads: _Reads, task: str, secret: str) -> bool | None:
    """Whether floats give a secret away; ``None`` where that was not probed."""
    floats = _of(cells, task, "floats")
    found = reads.get((task, floats.label, secret)) if floats is not None else None
    return None if found is None else _read_beyond_chance(found)


def _outside(task: Task) -> tuple[int, int]:
    """Test questions whose answer is not in the vocabulary, and all."""
    test = task.questions.split("test")
    if task.vocabulary is None:
        return 0, len(test)
    return sum(task.vocabulary.index(q.answer) is None for q in test), len(test)


def _points(found: Interval, unit: str = " points") -> str:
    value, low, high = (f"{100 * v:+.1f}" for v in (found.value, found.low, found.high))
    return f"{value}{unit} ({low} to {high})"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


# --- in tables and measures ----------------------------------------------------------------------


def _tables(
    cells: _Cells,
    tasks: Mapping[str, Task],
    reads: _Reads,
    chance: Mapping[str, tuple[float, str]],
    compared: Mapping[str, Sequence[_Paired]],
) -> list[Table]:
    rows = [
        _row(cells, tasks, label, lambda c: _share(accuracy(c.answers))) for label in _labels(cells)
    ]
    rows.append(["Chance", "0", *(f"{100 * chance[t][0]:.1f}" for t in tasks)])
    columns = ["stored", "bits a video", *tasks]
    tables = [
        Table(
            "Accuracy, % of the test questions",
            columns,
            rows,
            note="95% intervals over the test videos, seeds pooled. Chance: "
            f"{'; '.join(f'{t}: {how}' for t, (_, how) in chance.items())}. "
            f"{CLIPS}×: {CLIPS} times the clips at test time, through one encoder.",
        )
    ]
    if any(len(c.runs) > 1 for c in cells.values()):
        tables.append(
            Table(
                "Spread over seeds, % of the test questions",
                columns,
                [_row(cells, tasks, label, _spread) for label in _labels(cells)],
                note="Lowest and highest accuracy of a training, and their number.",
            )
        )
    kinds = [(t, k) for t in tasks for k in _types(cells, t) if len(_types(cells, t)) > 1]
    if kinds:
        tables.append(_type_table(cells, kinds))
    if reads:
        tables.append(_secret_table(cells, reads))
    if compared:
        tables.append(_comparison_table(compared))
    return tables


def _comparison_table(compared: Mapping[str, Sequence[_Paired]]) -> Table:
    return Table(
        "Compared on the same questions",
        ["task", "stored", "against", "points", "p"],
        [
            [pair.a.task, pair.a.label, pair.b.label, _points(pair.found, ""), f"{pair.p:.2g}"]
            for pairs in compared.values()
            for pair in pairs
        ],
        note="Difference of the accuracies with its 95% interval over videos; p of the exact sign "
        "test over videos, adjusted by Holm over the tasks.",
    )


def _row(
    cells: _Cells, tasks: Iterable[str], label: str, show: Callable[[_Cell], str]
) -> list[str]:
    found = [cells.get((task, label)) for task in tasks]
    bits = dict.fromkeys(f"{c.bits:,}" for c in found if c is not None)
    return [label, " / ".join(bits), *("–" if c is None else show(c) for c in found)]


def _share(found: Interval) -> str:
    return f"{100 * found.value:.1f} ({100 * found.low:.1f}-{100 * found.high:.1f})"


def _spread(cell: _Cell) -> str:
    of_seeds = [100 * run.correct.mean() for run in cell.runs.values()]
    return f"{min(of_seeds):.1f} to {max(of_seeds):.1f} ({len(of_seeds)})"


def _types(cells: _Cells, task: str) -> list[str]:
    return sorted({q.answer_type for c in cells.values() if c.task == task for q in c.questions})


def _of_type(cell: _Cell, kind: str) -> Interval:
    rows: NDArray[np.bool_] = np.array([q.answer_type == kind for q in cell.answers.questions])
    return accuracy(cell.answers, where=rows)


def _type_table(cells: _Cells, kinds: Sequence[tuple[str, str]]) -> Table:
    rows = []
    for label in _labels(cells):
        row = [label]
        for task, kind in kinds:
            cell = cells.get((task, label))
            row.append("–" if cell is None else _share(_of_type(cell, kind)))
        rows.append(row)
    return Table("Accuracy by answer type, %", ["stored", *(f"{t}: {k}" for t, k in kinds)], rows)


def _secret_table(cells: _Cells, reads: _Reads) -> Table:
    secrets = _secrets(reads)
    rows = []
    for task in dict.fromkeys(t for t, *_ in reads):
        guesses: dict[str, str] = {}
        for label in dict.fromkeys(v for t, v, _ in reads if t == task):
            row = [task, label, f"{cells[task, label].bits:,}"]
            for secret in secrets:
                found = reads.get((task, label, secret))
                if found is None:
                    row.append("–")
                    continue
                probe, share = _strongest(found)
                row.append(f"{_share(share)} {probe}")
                if CHANCE in found:
                    guesses[secret] = f"{100 * found[CHANCE].value:.1f}"
            rows.append(row)
        rows.append([task, "Guessing", "0", *(guesses.get(secret, "–") for secret in secrets)])
    return Table(
        "What no question asks about, read from what is stored, % of unseen videos",
        ["task", "stored", "bits a video", *secrets],
        rows,
        note="The stronger of the probes, with its name; guessing names the most frequent value. "
        "A probe that fails does not show that nothing is there.",
    )


def _measures(
    cells: _Cells,
    tasks: Mapping[str, Task],
    reads: _Reads,
    chance: Mapping[str, tuple[float, str]],
    compared: Mapping[str, Sequence[_Paired]],
) -> list[Measure]:
    out = []
    for cell in cells.values():
        out += accuracy_measures(cell.answers, cell.where)
        out.append(Measure("bits stored", cell.bits, "bits a video", "neither", where=cell.where))
        out += [
            Measure(
                "accuracy of a seed",
                float(run.correct.mean()),
                "share",
                "higher is useful",
                n=len(run.correct),
                successes=int(run.correct.sum()),
                where={**cell.where, "seed": str(seed)},
            )
            for seed, run in cell.runs.items()
        ]
    for pair in (pair for pairs in compared.values() for pair in pairs):
        where = {"task": pair.a.task, "variant": pair.a.label, "against": pair.b.label}
        out.append(_share_measure("accuracy, paired difference", pair.found, where))
    for (trained, label, secret), by_probe in reads.items():
        for probe, share in by_probe.items():
            where = {"task": trained, "variant": label, "secret": secret, "probe": probe}
            out.append(_share_measure("secret read", share, where, "lower protects"))
    for name, task in tasks.items():
        at = {"task": name}
        level, how = chance[name]
        outside, asked = _outside(task)
        size = supervision_bits(task.questions.split("train"))[0]
        out += [
            Measure("chance", level, "share", "neither", n=asked, method=how, where=at),
            Measure("videos left out", len(task.left_out), "videos", "neither", where=at),
            Measure(
                "answers outside the vocabulary", outside, "questions", "neither", n=asked, where=at
            ),
            Measure(
                "supervision",
                size.bits,
                "bits a pair",
                "neither",
                n=size.pairs,
                method=f"{size.serialisation}, {size.compressor}",
                where=at,
            ),
        ]
    return out


def _share_measure(
    name: str, found: Interval, where: Mapping[str, str], better: Better = "higher is useful"
) -> Measure:
    return Measure(
        name,
        found.value,
        "share",
        better,
        n=found.n,
        successes=found.successes,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=found.method,
        where=where,
    )
