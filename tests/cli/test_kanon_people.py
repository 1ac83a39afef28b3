"""``privkit kanon`` on people, metadata, sensitive values, enforcement, sketches and engines."""

import json
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.cli.app import run

N = 600
ENFORCE = ["--enforce", "5", "--method", "truncate", "--out", "x.npy"]


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


@pytest.mark.slow
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
    whole = kanon(capsys, "--approximate", "--sketch", "all.sketch")
    assert merged["measures"] == whole["measures"]
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
        (["--engine", "daft", "--person", "person.parquet"], "do not go together"),
        (["--engine", "duckdb", "--sensitive", "person.parquet"], "do not go together"),
        (["--memory", "lots"], "600MB"),
        (["--approximate", "--memory", "1GB"], "do not go together"),
        (["--approximate", "--tmp", "."], "do not go together"),
        (["--approximate", "--prefixes"], "do not go together"),
        ([*ENFORCE, "--k", "3"], "leave --k out"),
        ([*ENFORCE, "--prefixes"], "leave --prefixes out"),
        ([*ENFORCE, "--memory", "1GB"], "leave --memory out"),
        (["--prefixes", "--memory", "70kB"], "about 9 MB are needed"),
        (["--with", "beside.parquet", "--memory", "70kB"], "MB are needed"),
        (["--sensitive", "beside.parquet", "--memory", "70kB"], "leave --with and --sensitive"),
        (["--code", "code", "--columns", "hour"], "without --with"),
        (["merge", "a.sketch", "--out", "c.sketch"], "--bits, --codes given before merge"),
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


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_no_option_before_merge_is_dropped(table, capsys, option):
    assert run(["kanon", option, "merge", "a.sketch", "--out", "c.sketch"]) == 2
    assert f"{option} given before merge" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--codes", "whole.npy", "--prefixes"], "number of bits of these codes is not known"),
        (["--codes", "beside.parquet", "--columns", "camera,hour", "--prefixes"], "no prefixes"),
        (["--codes", "all.parquet", "--with", "all.parquet"], "add --code COLUMN"),
    ],
)
def test_bad_usage_of_other_files(table, capsys, options, words):
    np.save("whole.npy", np.arange(5, dtype=np.uint16))
    pq.write_table(pa.table(table), "all.parquet")
    assert run(["kanon", *options]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_code_and_metadata_columns_of_one_table(table, capsys):
    pq.write_table(pa.table(table), "all.parquet")

    def measures(*options):
        assert run(["kanon", "--bits", "6", "--person", "person", "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)["measures"]

    one = ["--codes", "all.parquet", "--code", "code", "--with", "all.parquet"]
    apart = ["--codes", "codes.npy", "--with", "beside.parquet"]
    named = measures(*one, "--columns", "camera,hour")
    assert named == measures(*apart, "--columns", "camera,hour")
    # All columns but the code and the person are metadata.
    assert measures(*one) == measures(*apart)


def test_a_serial_number_beside_one_bit_is_promised_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("codes.npy", (np.arange(200) % 2).astype(np.uint8))
    pq.write_table(pa.table({"serial": np.arange(200)}), "beside.parquet")
    np.save("person.npy", np.arange(200))
    options = ["--codes", "codes.npy", "--bits", "1", "--with", "beside.parquet"]
    assert run(["kanon", *options, "--person", "person.npy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    said = " ".join(found["findings"])
    assert "200 people (100%) have at least one record whose code with serial nobody" in said
    assert "k >= 100: not even 0 bits" in said
    assert "stored code alone" not in said
    assert "100% of the people lie above 20%" in said
    assert "number of bits is not known" not in " ".join(found["warnings"])
    cells = [cell for one in found["tables"] for row in one["rows"] for cell in row]
    assert not any("belongs to at least" in cell for cell in cells)
    assert "So many different codes with serial occur" in " ".join(cells)


def test_a_table_is_told_of_by_its_columns(table, capsys):
    options = ["--codes", "beside.parquet", "--columns", "camera,hour", "--json"]
    assert run(["kanon", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    said = " ".join([*found["findings"], *found["warnings"]])
    assert "combination of camera, hour" in said
    assert "code" not in said
    assert "--bits" not in said


def test_people_of_more_codes_than_memory(table, capsys):
    """DuckDB counts the people of each class where the class of each record does not fit."""
    k = min(map(len, people_of_classes(table, "code").values()))
    person = ["--person", "person.parquet"]
    for options in (["--engine", "duckdb"], ["--memory", "6MB"]):
        found = kanon(capsys, *person, *options, "--fail-under", str(k))
        assert value(found, "k in people") == k
        assert found["gates"][0]["found"] == k
        assert "People were counted class by class" in " ".join(found["warnings"])
        assert not any(m["name"].endswith("at risk") for m in found["measures"])
    assert "Prefixes and the part of each bit were not counted: they need about" in (
        " ".join(found["warnings"])
    )


def test_columns_may_be_named_with_commas_or_one_by_one(table, capsys):
    both = ["--with", "beside.parquet", "--columns", "camera,hour"]
    each = ["--with", "beside.parquet", "--columns", "camera", "--columns", "hour"]
    assert kanon(capsys, *both)["measures"] == kanon(capsys, *each)["measures"]


def test_marks_of_missing_values_are_warned_of(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("town,job\n?,a\nUlm,NA\n?,b\nUlm,c\n")
    assert run(["kanon", "--codes", "t.csv", "--columns", "town,job", "--json"]) == 0
    warnings = " ".join(json.loads(capsys.readouterr().out)["warnings"])
    assert "3 records with a text among the columns that looks like a missing value" in warnings
