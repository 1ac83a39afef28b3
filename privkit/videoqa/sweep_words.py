"""A sweep in words: its findings and warnings as sentences.

A probe that reads nothing proves nothing, so no sentence calls a code safe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

from privkit.videoqa.evaluate import accuracy
from privkit.videoqa.findings_bits import left_out_warnings
from privkit.videoqa.paired import points
from privkit.videoqa.privacy import probe_videos
from privkit.videoqa.sweep import CLIPS
from privkit.videoqa.sweep_cells import (
    MORE_CLIPS,
    Cells,
    PairedCells,
    cell_of,
    compare_pairs,
    featcomp_cells,
    main_cell,
    outside_vocabulary,
)
from privkit.videoqa.sweep_secrets import (
    CHANCE,
    Reads,
    secret_names,
    strongest,
)
from privkit.videoqa.task import Task

__all__ = ["findings_of", "warnings_of"]


def findings_of(
    cells: Cells,
    tasks: Sequence[str],
    reads: Reads,
    compared: Mapping[str, Sequence[PairedCells]],
) -> list[str]:
    """What 10 bits are good for and give away first, then what differs, then who is read where."""
    findings = [text for task in tasks if (text := _both_sides(cells, task, reads))]
    findings += [_comparison(name, pairs) for name, pairs in compared.items()]
    needed = [text for task in tasks if (text := _fewest_that_help(cells, task))]
    if needed:
        findings.append(f"The fewest bits that beat the question alone: {'; '.join(needed)}.")
    findings += [_where_read(secret, reads) for secret in secret_names(reads)]
    return findings


def _both_sides(cells: Cells, task: str, reads: Reads) -> str:
    """Usefulness of the few bits beside the floats, and what probes read from either."""
    main, floats = main_cell(cells, task), cell_of(cells, task, "floats")
    if main is None:
        return ""
    text = (
        f"{task}: {main.label} a video answer {accuracy(main.answers).percent()} of the questions"
    )
    if floats is not None:
        text += f", floats ({floats.bits:,} bits) {accuracy(floats.answers).percent()}"
    question = cell_of(cells, task, "question-only")
    if question is not None:
        text += f", the question alone {accuracy(question.answers).percent()}"
    told = []
    for cell in (c for c in (main, floats) if c is not None):
        parts = []
        for secret in secret_names(reads):
            found = reads.get((task, cell.label, secret))
            if found is not None:
                shares = found.shares
                guess = f" against {shares[CHANCE].value:.0%} guessing" if CHANCE in shares else ""
                parts.append(f"{secret} {strongest(found)[1].percent()}{guess}")
        if parts:
            told.append(f"from {cell.label} {_listed(parts)}")
    if not told:
        return f"{text}."
    return f"{text}. Of unseen videos the stronger probe reads {'; '.join(told)}."


def _comparison(name: str, pairs: Sequence[PairedCells]) -> str:
    parts = []
    for pair in pairs:
        shown = "" if pair.shown else ", no difference shown"
        parts.append(f"{pair.a.task} {points(pair.found)}{shown}")
    return f"{name}, on the same questions: {'; '.join(parts)}."


def _fewest_that_help(cells: Cells, task: str) -> str:
    question = cell_of(cells, task, "question-only")
    if question is None or not (levels := featcomp_cells(cells, task)):
        return ""
    for pair in compare_pairs((cell, question) for cell in levels):
        if pair.shown and pair.found.value > 0:
            return f"{task} {pair.a.bits:,} ({points(pair.found)})"
    return f"{task} none of {_listed(f'{c.bits:,}' for c in levels)}"


def _where_read(secret: str, reads: Reads) -> str:
    """From which stores a secret is read beyond guessing, all tasks."""
    read: dict[str, list[str]] = {}
    unread: dict[str, list[str]] = {}
    for (task, label, name), found in reads.items():
        if name == secret:
            kind = read if found.beyond_chance else unread
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


def warnings_of(
    cells: Cells,
    tasks: Mapping[str, Task],
    reads: Reads,
    chance: Mapping[str, tuple[float, str]],
    seeds: Sequence[int],
) -> list[str]:
    """What the numbers must not be taken for, and what is missing from them."""
    out = [text for name in tasks for text in _falls(cells, name)]
    for name, task in tasks.items():
        options = cell_of(cells, name, "options-only")
        if options is not None and (found := accuracy(options.answers)).low > chance[name][0]:
            seen = "the options alone" if task.questions.multiple_choice else "nothing"
            out.append(
                f"{name}: a model that sees {seen} answers {found.percent()}, chance is "
                f"{chance[name][0]:.0%}: part of every accuracy is the data set's bias."
            )
    out += _warnings_on_probes(cells, reads)
    for name, task in tasks.items():
        out += [f"{name}: {note}." for note in probe_videos(task.questions)[1]]
        out += _shared_videos(name, task)
    out += left_out_warnings(list(tasks.values()))
    for name, task in tasks.items():
        outside, asked = outside_vocabulary(task)
        if outside:
            out.append(
                f"{name}: {outside} of {asked} test questions have an answer outside the "
                f"vocabulary; they count as wrong, so no model can pass {1 - outside / asked:.1%}."
            )
    if len(seeds) == 1:
        out.append("One seed: how far the numbers move from training to training is not known.")
    return out


def _shared_videos(name: str, task: Task) -> list[str]:
    """That videos stand in both splits."""
    trained, tested = ({q.video for q in task.questions.split(s)} for s in ("train", "test"))
    both = trained & tested
    if not both:
        return []
    return [
        f"{name}: {len(both):,} of {len(tested):,} test videos are training videos as well: the "
        "models were trained on them, with other questions; the probes were not."
    ]


def _falls(cells: Cells, task: str) -> list[str]:
    """Levels that score below a level of fewer bits; the largest fall of each level."""
    levels = featcomp_cells(cells, task)
    floats = cell_of(cells, task, "floats")
    levels += [floats] if floats is not None else []
    worst: dict[str, PairedCells] = {}
    for pair in compare_pairs((more, fewer) for fewer, more in combinations(levels, 2)):
        if pair.shown and pair.found.value < 0:
            known = worst.setdefault(pair.a.label, pair)
            if pair.found.value < known.found.value:
                worst[pair.a.label] = pair
    return [
        f"{task}: {pair.a.label} score lower than {pair.b.label}, by {points(pair.found)}: more "
        "bits can hold whatever fewer do, so this tells of the training, not of the codes."
        for pair in worst.values()
    ]


def _warnings_on_probes(cells: Cells, reads: Reads) -> list[str]:
    """Where a probe's failure must not be taken for privacy."""
    out = []
    for secret in secret_names(reads):
        probed = list(dict.fromkeys(task for task, _, name in reads if name == secret))
        leaking = [task for task in probed if _leaks(cells, reads, task, secret)]
        silent: dict[str, list[str]] = {}
        for (task, label, name), found in reads.items():
            if name == secret and task in leaking and not found.beyond_chance:
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
    stopped = [
        f"{label} ({task}: {secret})"
        for (task, label, secret), r in reads.items()
        if not r.converged
    ]
    if stopped:
        out.append(
            f"The linear probe did not come to its end on {_listed(stopped)}: it may read more."
        )
    more = [
        cell.label
        for cell in cells.values()
        if cell.method == MORE_CLIPS and any(task == cell.task for task, *_ in reads)
    ]
    if more:
        out.append(
            f"{_listed(dict.fromkeys(more))} store {CLIPS} codes a video, which were not probed: "
            "they may give away more than the one code that was."
        )
    return out


def _leaks(cells: Cells, reads: Reads, task: str, secret: str) -> bool | None:
    """Whether floats give a secret away; ``None`` where that was not probed."""
    floats = cell_of(cells, task, "floats")
    found = reads.get((task, floats.label, secret)) if floats is not None else None
    return None if found is None else found.beyond_chance


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
