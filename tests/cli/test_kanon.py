"""``privkit kanon`` from the command line to the run folder."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.cli.app import run


@pytest.fixture
def codes(here):
    values = np.random.default_rng(0).integers(0, 64, 5000).astype(np.uint16)
    np.save(here / "codes.npy", values)
    return values


def result(capsys):
    return json.loads(capsys.readouterr().out)


def measure(found, name, **where):
    rows = [
        m
        for m in found["measures"]
        if m["name"] == name and all(m["where"].get(k) == v for k, v in where.items())
    ]
    assert len(rows) == 1
    return rows[0]


def test_a_run_from_end_to_end(here, codes, capsys):
    options = ["--codes", "codes.npy", "--bits", "6", "--population", "100000", "--k", "80"]
    assert run(["kanon", *options, "--json", "--out", "run"]) == 0
    found = result(capsys)
    sizes = Counter(codes.tolist()).values()
    assert measure(found, "k")["value"] == min(sizes)
    assert measure(found, "ideal k", population="100000")["value"] == 100000 / 64
    small = measure(found, "records in smaller classes", k="80")
    assert small["successes"] == sum(size for size in sizes if size < 80)
    assert found["configuration"]["form"] == "uint16 integers"
    assert found["data"][0]["rows"] == 5000
    assert {path.name for path in (here / "run").iterdir()} >= {
        "class-sizes.png",
        "report.html",
        "result.json",
    }
    assert json.loads((here / "run" / "result.json").read_text()) == found


def test_the_result_fits_its_schema(here, codes, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    from privkit.result import result_schema

    run(["kanon", "--codes", "codes.npy", "--bits", "6", "--population", "100000", "--json"])
    jsonschema.validate(result(capsys), result_schema())


def test_the_same_codes_give_the_same_bytes(here, codes, capsys):
    for out in ("one", "two"):
        assert run(["kanon", "--codes", "codes.npy", "--bits", "6", "--out", out, "-q"]) == 0
    for name in ("result.json", "class-sizes.png"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


@pytest.mark.parametrize("over", [0, 1])
def test_the_gate(here, codes, capsys, over):
    k = min(Counter(codes.tolist()).values())
    options = ["kanon", "--codes", "codes.npy", "--fail-under", str(k + over), "--json"]
    assert run(options) == over
    assert result(capsys)["gates"][0]["passed"] is not bool(over)


def test_quasi_identifiers_of_a_table(here, capsys):
    ages, towns = ["30", "30", "31", "30"], ["Ulm", "Ulm", "Ulm", None]
    pq.write_table(pa.table({"age": ages, "town": towns}), "people.parquet")
    options = ["--codes", "people.parquet", "--columns", "age", "--columns", "town"]
    assert run(["kanon", *options, "--json"]) == 0
    found = result(capsys)
    assert measure(found, "equivalence classes")["value"] == 3
    assert any("missing value" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    "array",
    [
        np.array([5]),
        np.array([1, 2, 3]),
        np.array([4] * 50),
        np.array([[0, 1], [1, 1]], dtype=np.uint8),
        np.eye(70, dtype=np.uint8),
    ],
)
@pytest.mark.parametrize("population", [[], ["--population", "70"], ["--population", "1000"]])
def test_small_and_odd_files_are_told_in_words(here, capsys, array, population):
    np.save("odd.npy", array)
    assert run(["kanon", "--codes", "odd.npy", *population]) == 0
    out = capsys.readouterr().out
    assert "k = " in out
    assert "nan" not in out.lower().split()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--codes", "missing.npy"], "does not exist"),
        (["--codes", "empty"], "empty"),
        (["--codes", "codes.npy", "--population", "9"], "smaller than the sample"),
        (["--codes", "codes.npy", "--bits", "0"], "1 to 65536"),
        (["--codes", "codes.npy", "--bits", "-1"], "1 to 65536"),
        (["--codes", "codes.npy", "--bits", "1000000000"], "1 to 65536"),
        (["--codes", "codes.npy", "--bits", "5"], "bits set above the 5 bits"),
        (["--codes", "codes.npy", "--columns", "age"], "leave --columns out"),
        (["--codes", "codes.npy", "--k", "0"], "--k"),
        (["--codes", "codes.npy", "--population", "0"], "--population"),
        (["--codes", "codes.npy", "--fail-under", "0"], "--fail-under"),
        (["--codes", "codes.npy", "--bits", "ten"], "--bits"),
        ([], "--codes"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(here, codes, capsys, options, words):
    (here / "empty").mkdir()
    assert run(["kanon", *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith("privkit: error: ")
    assert words in said
    assert said.count("\n") == 1
    assert not (here / "reports").exists()


def test_importing_the_command_is_cheap():
    check = "import sys, privkit.cli.kanon; print('numpy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
