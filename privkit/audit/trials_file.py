"""``trials.csv``: every trial of an audit, so that each rate can be computed again.

People and names of attacks are texts of others, and a spreadsheet runs a cell that begins with one
of ``= + - @`` or with white space before it (OWASP, "CSV Injection"). Such a cell is written with a
``'`` before it, as is one that begins with ``'`` itself, so that nothing is lost and
:func:`read_trials` gives the label back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from privkit.audit.risks import RISK_NAMES, RiskName
from privkit.errors import InputError
from privkit.evaluation.trials import Trials

__all__ = ["COLUMNS", "TRIALS", "Key", "StoredTrials", "read_trials", "write_trials"]

#: The trials in a run's folder.
TRIALS = "trials.csv"
COLUMNS = (
    "risk",
    "attack",
    "measure",
    "person",
    "trial",
    "hit",
    "baseline",
    "control",
    "weight",
    "folds",
)
#: With the full-width forms that some locales take for the same; and the mark itself.
_RUN_BY_SPREADSHEETS = tuple("=+-@\t\r\n＝＋－＠'")

#: Risk, attack and measure.
Key = tuple[RiskName, str, str]


@dataclass(frozen=True, eq=False)
class StoredTrials:
    """Trials as they were read, with labels in place of numbers of people.

    Attributes:
        trials: by risk, attack and measure; ``person`` counts through ``people``.
        people: labels.
    """

    trials: Mapping[Key, Trials]
    people: Sequence[str]


def write_trials(
    path: Path, trials: Mapping[RiskName, Sequence[Trials]], people: Sequence[str] = ()
) -> None:
    """Write all trials.

    Args:
        path: the CSV file.
        trials: by risk.
        people: labels, ``people[trials.person]``; without them the numbers are written.
    """
    with path.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file:
        # All texts in quotes: the writer leaves a lone carriage return bare, which ends a line.
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(COLUMNS)
        for risk, several in trials.items():
            for one in several:
                writer.writerows(_rows(risk, one, people))


def _rows(risk: RiskName, trials: Trials, people: Sequence[str]) -> Iterator[list[object]]:
    names = [risk, _cell(trials.attack), _cell(trials.measure)]
    columns = (trials.hit, trials.baseline, trials.control, trials.weight)
    for n, (person, *numbers) in enumerate(
        zip(trials.person.tolist(), *(values.tolist() for values in columns), strict=True)
    ):
        label = people[person] if people else str(person)
        yield [*names, _cell(label), n, *numbers, trials.folds]


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip(" ")[:1] in _RUN_BY_SPREADSHEETS else text


def _label(cell: str) -> str:
    return cell.removeprefix("'")


def read_trials(path: Path) -> StoredTrials:
    """Read trials back, in the order of the file.

    Raises:
        InputError: no such plain file, or it is not as :func:`write_trials` writes it.
    """
    if path.is_symlink() or not path.is_file():
        raise _wrong(path, "it is missing")
    numbers: dict[str, int] = {}
    found: dict[Key, list[tuple[float, ...]]] = {}
    folds: dict[Key, int] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            if tuple(next(reader, ())) != COLUMNS:
                raise _wrong(path, f"the columns are not {', '.join(COLUMNS)}")
            for risk, attack, measure, person, _trial, *values, fold in reader:
                if risk not in RISK_NAMES:
                    raise _wrong(path, f"line {reader.line_num}: an unknown risk")
                hit, baseline, control, weight = map(float, values)
                number = numbers.setdefault(_label(person), len(numbers))
                key = (cast("RiskName", risk), _label(attack), _label(measure))
                found.setdefault(key, []).append((number, hit, baseline, control, weight))
                if folds.setdefault(key, int(fold)) != int(fold):
                    raise _wrong(path, f"line {reader.line_num}: other folds than above")
    except (ValueError, csv.Error) as error:
        raise _wrong(path, str(error)[:100]) from None
    trials = {key: _trials(key, rows, folds[key]) for key, rows in found.items()}
    return StoredTrials(trials, list(numbers))


def _trials(key: Key, rows: Sequence[tuple[float, ...]], folds: int) -> Trials:
    person, *values = np.array(rows, dtype=np.float64).T
    hit, baseline, control, weight = values
    return Trials(key[1], key[2], person.astype(np.int64), hit, baseline, control, weight, folds)


def _wrong(path: Path, found: str) -> InputError:
    rule = "as privkit audit writes it into the folder of a run"
    return InputError("the trials cannot be read", where=path, rule=rule, found=found)
