"""``privkit videoqa check`` and ``supervision`` from the command line to the run folder."""

import csv
import json
import subprocess
import sys

import pytest

from privkit.cli.app import run

HEADER = "gif_name\tquestion\ta1\ta2\ta3\ta4\ta5\tanswer\tvid_id\tkey"


def row(n, answer=None):
    correct = n % 5 if answer is None else answer
    return f"gif{n}\twhat does it do ?\t$a$\tb\tc\t<b>\te\t{correct}\tACTION{n}\t1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tgif"
    folder.mkdir()
    for word, first, last in (("Train", 0, 30), ("Test", 28, 40)):
        lines = [HEADER, *map(row, range(first, last))]
        # Ids are the videos' numbers: two videos are in both splits, under ids of their own.
        if word == "Test":
            lines = [line.replace("ACTION", "TEST") for line in lines]
        (folder / f"{word}_action_question.csv").write_bytes("\r\n".join(lines).encode())
    for n in range(3):
        (folder / f"gif{n}.gif").write_bytes(b"not a video")
    return tmp_path


def test_check_from_end_to_end(here, capsys):
    assert run(["videoqa", "check", "tgif", "--json", "--out", "run"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"][0]["rows"] == 42
    assert found["configuration"] == {"set": "TGIF-QA", "task": "action"}
    assert any("the train file has 30 rows" in w for w in found["warnings"])
    assert any("37 of 40 videos are missing" in w for w in found["warnings"])
    assert any("3 of 40 videos are undecodable" in w for w in found["warnings"])
    assert any("2 videos are in both train and test: gif28, gif29" in w for w in found["warnings"])
    made = [m for m in found["measures"] if m["name"] == "accuracy of guessing"]
    assert len(made) == 2
    assert all(m["low"] <= m["value"] <= m["high"] for m in made)
    with (here / "run" / "videos.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 40
    assert {p.name for p in (here / "run").iterdir()} >= {"answers.png", "report.html"}
    report = (here / "run" / "report.html").read_text()
    assert "<b>" not in report.split("<body", 1)[1].replace("<b>Gate", "")
    assert str(here) not in report + (here / "run" / "result.json").read_text()


def test_the_results_fit_their_schema_and_repeat_byte_for_byte(here, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    from privkit.result import result_schema

    for command in ("check", "supervision"):
        for out in ("one", "two"):
            assert run(["videoqa", command, "tgif", "-q", "--out", command + out]) == 0
        one, two = (here / f"{command}{out}" / "result.json" for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        jsonschema.validate(json.loads(one.read_text()), result_schema())
    assert (here / "checkone/answers.png").read_bytes() == (
        here / "checktwo/answers.png"
    ).read_bytes()


def test_check_tells_people_in_words(here, capsys):
    assert run(["videoqa", "check", "tgif", "--videos", ".", "--task", "action"]) == 0
    out, err = capsys.readouterr()
    assert "42 multiple choice questions" in out
    assert "Without any video, guessing" in out
    assert "error" not in err


def test_supervision_of_a_file_and_a_folder(here, capsys):
    files = ["tgif/Train_action_question.csv", "tgif"]
    assert run(["videoqa", "supervision", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [m["n"] for m in found["measures"]] == [30] * 8
    assert found["measures"][0]["value"] > 0
    assert "question TAB correct answer" in found["tables"][0]["note"]
    assert found["command"].startswith("privkit videoqa supervision Train_action_question.csv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "missing"], "does not exist"),
        (["check", "."], "format that is known"),
        (["check", "tgif", "--task", "count"], "not there; rule: one of action"),
        (["check", "tgif", "--videos", "nowhere"], "no such folder of videos"),
        (["check", "tgif", "--out", "tgif"], "exists already"),
        (["check"], "Missing argument"),
        (["supervision"], "Missing argument"),
        (["supervision", "tgif", "missing.csv"], "does not exist"),
    ],
)
def test_bad_usage_is_one_line(here, one_line, arguments, words):
    assert words in one_line("videoqa", *arguments)
    assert not (here / "reports").exists()


@pytest.mark.parametrize("command", ["check", "supervision"])
def test_a_broken_file_is_one_line_with_its_place(here, one_line, command):
    path = here / "tgif" / "Train_action_question.csv"
    path.write_bytes("\r\n".join([HEADER, row(0), row(1, answer=7)]).encode())
    said = one_line("videoqa", command, "tgif")
    assert "Train_action_question.csv: line 3: the answer's index is out of range" in said
    assert "found: 7" in said


def test_importing_the_commands_is_cheap():
    check = (
        "import sys, privkit.cli.videoqa.check, privkit.cli.videoqa.supervision;"
        "print([m for m in ('numpy', 'torch', 'av', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
