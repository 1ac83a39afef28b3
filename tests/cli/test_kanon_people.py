"""``privkit kanon`` on people, metadata, sensitive values, enforcement, sketches and engines."""

import json
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.cli.app import run

N = 600


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Codes of 6 bits of 200 people with three records each, and a table beside them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    columns = {
        "person": [f"p{n // 3}" for n in range(N)],
        "camera": rng.choice(["door", "hall"], N).tolist(),
        "hour": rng.integers(0, 4, N).tolist(),
        "illness": rng.choice(["none", "flu", "cold"], N).tolist(),
    }
    codes = rng.integers(0, 64, N).astype(np.uint8)
    np.save("codes.npy", codes)
    pq.write_table(pa.table(columns), "beside.parquet")
    pq.write_table(pa.table({"person": columns["person"]}), "person.parquet")
    return {"code": codes.tolist(), **columns}


def kanon(capsys, *options, status=0):
    assert run(["kanon", "--codes", "codes.npy", "--bits", "6", "--json", "-q", *options]) == status
    return json.loads(capsys.readouterr().out)


def value(found, name, **where):
    rows = [
        m["value"]
        for m in found["measures"]
        if m["name"] == name and all(m["where"].get(k) == v for k, v in where.items())
    ]
    assert rows, name
    return rows[0]


def people_of_classes(table, *names):
    classes = defaultdict(set)
    for row in zip(*(table[name] for name in names), table["person"], strict=True):
        classes[row[:-1]].add(row[-1])
    return classes


@pytest.mark.parametrize("beside", [["person.parquet"], ["person", "--with", "beside.parquet"]])
def test_k_counts_people(table, capsys, beside):
    joined = len(beside) > 1
    extra = ["--columns", "hour"] if joined else []
    found = kanon(capsys, "--person", *beside, *extra)
    names = ("code", "hour") if joined else ("code",)
    k = min(map(len, people_of_classes(table, *names).values()))
    assert value(found, "k in people") == k
    rows = Counter(zip(*(table[n] for n in names), strict=True))
    assert value(found, "k") == min(rows.values())
    assert "people" in found["findings"][0]
    assert any(
        m["name"].startswith("uniqueness") or "known" in m["name"] for m in found["measures"]
    )


@pytest.mark.parametrize("over", [0, 1])
def test_the_gate_is_on_people(table, capsys, over):
    k = min(map(len, people_of_classes(table, "code").values()))
    options = ["--person", "person.parquet", "--fail-under", str(k + over)]
    found = kanon(capsys, *options, status=over)
    assert found["gates"][0]["found"] == k


def test_sensitive_values_of_a_class(table, capsys):
    found = kanon(capsys, "--with", "beside.parquet", "--columns", "hour", "--sensitive", "illness")
    values = defaultdict(set)
    for code, hour, illness in zip(table["code"], table["hour"], table["illness"], strict=True):
        values[code, hour].add(illness)
    least = min(map(len, values.values()))
    assert any(m["value"] == least for m in found["measures"] if "distinct" in json.dumps(m))
    titles = " ".join(t["title"] for t in found["tables"])
    assert "away" in titles or "sensitive" in titles


def test_the_same_without_the_columns_that_are_not_quasi_identifiers(table, capsys):
    options = ["--with", "beside.parquet", "--person", "person", "--sensitive", "illness"]
    named = kanon(capsys, *options, "--columns", "camera,hour")
    assert kanon(capsys, *options)["measures"] == named["measures"]


@pytest.mark.parametrize("method", ["truncate", "truncate-each", "suppress"])
def test_enforced_codes_hold_k_when_counted_again(table, capsys, method):
    options = ["--enforce", "5", "--method", method, "--person", "person.parquet"]
    kanon(capsys, *options, "--out", "safe.npy")
    safe = np.load("safe.npy")
    rows = np.load("safe.rows.npy") if method == "suppress" else np.arange(N)
    classes = defaultdict(set)
    for code, row in zip(safe.tolist(), rows.tolist(), strict=True):
        classes[code].add(table["person"][row])
    assert min(map(len, classes.values())) >= 5
    assert run(["kanon", "--codes", "safe.npy", "--json", "-q"]) == 0


def test_sketches_merge_to_that_of_the_joined_stream(table, capsys):
    codes = np.array(table["code"], dtype=np.uint8)
    np.save("a.npy", codes[:200])
    np.save("b.npy", codes[200:])
    for name in ("a", "b"):
        options = ["--codes", f"{name}.npy", "--bits", "6", "--approximate"]
        assert run(["kanon", *options, "--sketch", f"{name}.sketch", "-q"]) == 0
    capsys.readouterr()
    assert run(["kanon", "merge", "a.sketch", "b.sketch", "--out", "c.sketch", "--json", "-q"]) == 0
    merged = json.loads(capsys.readouterr().out)
    kanon(capsys, "--approximate", "--sketch", "all.sketch")
    from pathlib import Path

    assert Path("c.sketch").read_bytes() == Path("all.sketch").read_bytes()
    assert "every number is an exact count" in merged["findings"][0]


@pytest.mark.parametrize("engine", ["duckdb", "daft"])
def test_engines_give_the_same_figures(table, capsys, engine):
    pytest.importorskip(engine)
    pq.write_table(pa.table({"code": table["code"]}), "codes.parquet")

    def counted(*options):
        assert run(["kanon", "--codes", "codes.parquet", "--bits", "6", "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)["measures"]

    assert counted("--engine", engine) == counted()


def test_shards_are_one_set_of_codes(table, capsys, tmp_path):
    (tmp_path / "shards").mkdir()
    for n, part in enumerate(np.array_split(np.array(table["code"], dtype=np.uint8), 7)):
        np.save(f"shards/part-{n}.npy", part)
    whole = kanon(capsys)
    assert run(["kanon", "--codes", "shards", "--bits", "6", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["measures"] == whole["measures"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--person", "nobody.csv"], "no such file"),
        (["--person", "short.npy"], "3 values"),
        (["--person", "age", "--with", "beside.parquet"], "age"),
        (["--with", "beside.parquet", "--columns", "age"], "age"),
        (["--sensitive", "illness"], "no such file"),
        (["--enforce", "5"], "--method"),
        (["--enforce", "5", "--method", "truncate"], "--out"),
        (["--enforce", "5", "--method", "magic", "--out", "x.npy"], "magic"),
        (["--enforce", "5", "--method", "truncate", "--out", "codes.npy"], "exists already"),
        (["--enforce", "5", "--method", "truncate", "--out", "x.csv"], ".npy"),
        (["--method", "truncate"], "--enforce"),
        (["--approximate", "--fail-under", "5"], "do not go together"),
        (["--sketch", "a.sketch"], "--approximate"),
        (["--approximate", "--sketch", "a.npy"], ".sketch"),
        (["--approximate", "--key", "no.key"], "no.key"),
        (["--engine", "spark"], "spark"),
        (["--engine", "duckdb", "--person", "person.parquet"], "do not go together"),
        (["--memory", "lots"], "600MB"),
        (["--person", "person.parquet", "--population", "900"], "one and the same code"),
    ],
)
def test_bad_usage(table, capsys, tmp_path, options, words):
    np.save("short.npy", np.arange(3))
    assert run(["kanon", "--codes", "codes.npy", "--bits", "6", *options]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("privkit: error: ")
    assert words in said
    assert not (tmp_path / "reports").exists()
    assert not (tmp_path / "x.npy").exists()
