"""The scripts below benchmarks/paper: what they compute, and what they must not write."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from privkit.data.face_folder import GENERATED_MARK, write_face_folder
from privkit.data.generated_faces import generate_faces

ROOT = Path(__file__).parents[2]


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script as its command line says, on this checkout."""
    command = [sys.executable, f"benchmarks/paper/{name}.py", *map(str, arguments)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def three_forms(name: str, out: Path) -> tuple[str, list[dict[str, str]], dict]:
    """Run a table's script; its Markdown, the rows of its CSV, and its JSON."""
    done = script(name, "--out", out)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {f"{name}.{e}" for e in ("md", "csv", "json")}
    text = (out / f"{name}.md").read_text(encoding="utf-8")
    assert done.stdout == text
    with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    record = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    assert len(rows) == len(record["rows"])
    for form in (text, *(row["origin"] for row in rows), record["origin"]):
        assert "privkit's own list" in form
        assert "computed" in form
        assert str(out) not in form
    assert "not narrowing it down" in text
    assert "not narrowing it down" in record["bound"]
    return text, rows, record


def test_table1_by_hand(tmp_path: Path) -> None:
    text, rows, record = three_forms("table1", tmp_path / "out")
    found = {row["bits"]: row for row in record["rows"]}
    assert list(found) == [1, 2, 4, 10, 100, 1000, 1_769_472]
    ten = found[10]
    assert ten["distinct values"] == 1024
    assert ten["bytes for a million videos"] == 1_250_000
    assert ten["compression"] == pytest.approx(176_947.2)
    assert ten["people per code"] == 8_007_812.5
    assert ten["largest item that fits"] == "country"  # 249 values; a PIN has 10,000
    assert "| 10 | 1,024 | 1,250,000 | 176,947× | country |" in text
    assert found[1]["bytes for a million videos"] == 125_000
    assert found[1]["people per code"] == 4_100_000_000
    assert found[100]["distinct values"] == "2^100"
    assert found[100]["largest item that fits"] == "password of 8 characters"  # 95^8 < 2^53
    floats = found[1_769_472]
    assert floats["bytes for a million videos"] == 221_184_000_000
    assert floats["compression"] == 1
    assert floats["people per code"] == 0
    by_bits = {row["bits"]: row for row in rows}
    assert by_bits["1000"]["largest item that fits"] == "fingerprint template"
    assert float(by_bits["1000"]["compression"]) == pytest.approx(1769.472)


def test_table5_by_hand(tmp_path: Path) -> None:
    text, rows, record = three_forms("table5", tmp_path / "out")
    assert record["levels"] == [1, 2, 4, 10, 100, 1000, 1_769_472]
    bits = [row["bits"] for row in record["rows"]]
    assert bits == sorted(bits)
    smallest = {  # fits first in: the smallest level with 2^N at least the number of values
        "one yes/no answer": "1",
        "sex as recorded": "2",
        "month of birth": "4",
        "country": "10",
        "4-digit PIN": "100",
        "payment card number": "100",
        "fingerprint template": "1000",
        "iris code": "1769472",
        "face photo, 92×112 grey": "1769472",
    }
    found = {row["item"]: row for row in record["rows"]}
    for item, level in smallest.items():
        fits = [n for n, possible in found[item]["possible"].items() if possible]
        assert fits[0] == level, item
    assert found["iris code"]["bits"] == 2048
    assert all(row["source of the size"] for row in rows)
    pin = next(row for row in rows if row["item"] == "4-digit PIN")
    assert (pin["bits"], pin["N = 10"], pin["N = 100"]) == ("13.3", "impossible", "possible")
    assert "| country | 249 | 8.0 | impossible | impossible | impossible | possible |" in text


def test_figure5_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    done = script("figure5", "--faces", tmp_path / "none", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert "there is no such face folder" in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder that passes for photographs: generated faces without their notice."""
    folder = tmp_path / "some where" / "faces"
    folder.mkdir(parents=True)
    write_face_folder(generate_faces(people=8, photos=10), folder)
    (folder / GENERATED_MARK).unlink()
    return folder


SMALL = ("--seeds", 1, "--bits", 16, "--attack", "linkage", "ridge_decoder", "--device", "cpu")
NUMBERS = {"result.json", "figure5.md", "records.csv", "identification.png"}


@pytest.mark.slow
def test_figure5_writes_no_picture_of_photographs(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = script("figure5", "--faces", photographs, "--out", out, *SMALL)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == NUMBERS
    assert not list(tmp_path.rglob("reconstructions.png"))
    for name in ("result.json", "figure5.md", "records.csv"):
        assert str(tmp_path) not in (out / name).read_text(encoding="utf-8")
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert result["notices"] == []
    assert result["command"].startswith("python benchmarks/paper/figure5.py --faces faces ")
    names = {m["where"].get("attack") for m in result["measures"]} - {None}
    assert names >= {"linkage", "ridge_decoder", "mean_face", "random_guess"}


@pytest.mark.slow
def test_figure5_draws_photographs_only_where_told(photographs: Path, tmp_path: Path) -> None:
    out, pictures = tmp_path / "out", tmp_path / "private"
    done = script("figure5", "--faces", photographs, "--out", out, "--pictures", pictures, *SMALL)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == NUMBERS
    assert [path.name for path in pictures.iterdir()] == ["reconstructions.png"]


@pytest.mark.slow
def test_figure5_draws_generated_faces_with_their_notice(photographs: Path, tmp_path: Path) -> None:
    (photographs / GENERATED_MARK).write_text("", encoding="utf-8")
    out = tmp_path / "out"
    done = script("figure5", "--faces", photographs, "--out", out, *SMALL)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {*NUMBERS, "reconstructions.png"}
    assert "generated faces" in (out / "figure5.md").read_text(encoding="utf-8")
