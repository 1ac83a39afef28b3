"""Every trial, there and back, and no cell that a spreadsheet would run."""

import csv
from pathlib import Path

import numpy as np
import pytest
from audit.an_audit import HOSTILE, LABELS, some_trials, the_trials
from hypothesis import given
from hypothesis import strategies as st

from privkit.audit.trials_file import COLUMNS, read_trials, write_trials
from privkit.errors import InputError
from privkit.evaluation.trials import Trials


def test_there_and_back(tmp_path: Path) -> None:
    trials = the_trials()
    people = [*LABELS, *map(str, range(600))]
    write_trials(tmp_path / "t.csv", trials, people)
    read = read_trials(tmp_path / "t.csv")
    assert list(read.trials) == [
        (risk, t.attack, t.measure) for risk, several in trials.items() for t in several
    ]
    for risk, several in trials.items():
        for one in several:
            back = read.trials[risk, one.attack, one.measure]
            for name in ("hit", "baseline", "control", "weight"):
                np.testing.assert_array_equal(getattr(back, name), getattr(one, name))
            assert back.folds == one.folds
            labels = [read.people[n] for n in back.person]
            assert labels == [people[n] for n in one.person]


def test_without_labels_the_numbers_stand(tmp_path: Path) -> None:
    write_trials(tmp_path / "t.csv", {"linkability": [some_trials("a", "b", 0.5, people=3)]})
    assert list(read_trials(tmp_path / "t.csv").people) == ["0", "1", "2"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1,
                max_size=5, unique=True))  # fmt: skip
def test_any_label_comes_back_and_none_is_run(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    person = np.arange(len(labels))
    one = np.full(len(labels), 0.5)
    write_trials(path, {"inference": [Trials(labels[0], labels[0], person, one, one, one)]}, labels)
    assert list(read_trials(path).people) == labels
    with path.open(encoding="utf-8", newline="") as file:
        for row in list(csv.reader(file))[1:]:
            assert not [cell for cell in row if cell.lstrip(" ")[:1] in set("=+-@\t\r\n")]


def test_surrogates_are_spelt(tmp_path: Path) -> None:
    one = some_trials("a", "b", 0.5, people=1)
    write_trials(tmp_path / "t.csv", {"linkability": [one]}, ["bad \udcff"])
    assert list(read_trials(tmp_path / "t.csv").people) == ["bad \\udcff"]


@pytest.mark.parametrize("name", HOSTILE[:7] + HOSTILE[8:], ids=range(len(HOSTILE) - 1))
def test_hostile_labels(tmp_path: Path, name: str) -> None:
    write_trials(
        tmp_path / "t.csv", {"linkability": [some_trials("a", "b", 0.5, people=1)]}, [name]
    )
    assert list(read_trials(tmp_path / "t.csv").people) == [name]
    assert not (tmp_path / "t.csv").read_text(encoding="utf-8").split("\n")[1].startswith("=")


GOOD = "linkability,a,b,p,0,1.0,0.1,0.1,1.0,1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        ",".join(COLUMNS) + "\nlinkability,a\n",
        ",".join(COLUMNS) + f"\n{GOOD},more\n",
        ",".join(COLUMNS) + "\n" + GOOD.replace("linkability", "flying") + "\n",
        ",".join(COLUMNS) + "\n" + GOOD.replace("1.0,", "nan,") + "\n",
        ",".join(COLUMNS) + "\n" + GOOD.replace("1.0,", "2,") + "\n",
        ",".join(COLUMNS) + "\n" + GOOD.replace("1.0,", "x,") + "\n",
        ",".join(COLUMNS) + "\n" + GOOD[:-1] + "0\n",
        ",".join(COLUMNS) + "\n" + GOOD[:-1] + "some\n",
        ",".join(COLUMNS) + f"\n{GOOD}\n{GOOD[:-1]}5\n",
        ",".join(COLUMNS) + '\n"' + "x" * 200_000 + "\n",
        ",".join(COLUMNS) + "\n\n",
        "\xff\xfe",
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_trials(tmp_path / "t.csv")
    assert len(str(caught.value)) < 500


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(COLUMNS) + "\n" + GOOD + "\n")
    assert len(read_trials(tmp_path / "t.csv").trials) == 1
    (tmp_path / "l.csv").symlink_to(tmp_path / "t.csv")
    with pytest.raises(InputError, match="missing"):
        read_trials(tmp_path / "l.csv")
