"""Agreement with pycanon, installed in an environment of its own because its pins are exact."""

import json
import math
import subprocess
import venv

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from privkit.anonymity.closeness import closeness
from privkit.anonymity.diversity import diversity
from privkit.anonymity.grouping import group_table, join_all
from privkit.anonymity.risks import risks
from privkit.anonymity.sensitive import sensitive_column

pytestmark = pytest.mark.slow

PYCANON = "pycanon==1.3.6"

ASK = """
import json, sys
import pandas as pd
from pycanon import anonymity, metrics

answers = []
for path, quasi, sensitive in json.load(open(sys.argv[1])):
    data = pd.read_csv(path, keep_default_na=False)
    c, distinct = anonymity.recursive_c_l_diversity(data, quasi, sensitive)
    answers.append({
        "k": int(anonymity.k_anonymity(data, quasi)),
        "l": int(distinct),
        "c": float(c),
        "entropy": int(anonymity.entropy_l_diversity(data, quasi, sensitive)),
        "entropy, others known": int(
            anonymity.entropy_l_diversity(data, quasi, sensitive, gen=False)
        ),
        "l, others known": int(anonymity.l_diversity(data, quasi, sensitive, gen=False)),
        "t": float(anonymity.t_closeness(data, quasi, sensitive)),
        "t, others known": float(anonymity.t_closeness(data, quasi, sensitive, gen=False)),
        "max_rir": float(metrics.max_rir(data, quasi)),
    })
json.dump(answers, open(sys.argv[2], "w"))
"""

ADULT = ["age", "education", "occupation", "relationship", "sex", "native-country"]


@pytest.fixture(scope="module")
def pycanon(tmp_path_factory):
    """Return a function that asks pycanon about tables."""
    folder = tmp_path_factory.mktemp("pycanon")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYCANON]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"{PYCANON} cannot be installed: {installed.stderr.strip()[-300:]}")
    (folder / "ask.py").write_text(ASK)

    def ask(tables):
        asked = []
        for number, (table, quasi, sensitive) in enumerate(tables):
            path = folder / f"{number}.csv"
            pa_csv.write_csv(table, path)
            asked.append((str(path), quasi, sensitive))
        (folder / "asked.json").write_text(json.dumps(asked))
        files = [str(folder / name) for name in ("ask.py", "asked.json", "answers.json")]
        subprocess.run([python, *files], check=True)
        return json.loads((folder / "answers.json").read_text())

    return ask


def random_table(seed):
    """Two or three quasi-identifiers and one or two sensitive columns, text and numbers."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(2, 120))
    quasi = ["a", "b", "c"][: int(rng.integers(1, 4))]
    table = {name: rng.integers(0, int(rng.integers(1, 4)), rows) for name in quasi}
    illness = [f"v{value}" for value in rng.integers(0, int(rng.integers(2, 5)), rows)]
    pay = rng.integers(0, int(rng.integers(2, 9)), rows) * 500
    pay[:2] = 0, 500  # with a single value pycanon divides by zero
    sensitive = [["illness"], ["pay"], ["illness", "pay"]][seed % 3]
    return pa.table({**table, "illness": illness, "pay": pay}), quasi, sensitive


def adult_shaped(seed, rows=3000):
    """Generated, with the columns of UCI Adult; none of its data."""
    rng = np.random.default_rng(seed)

    def words(stem, many):
        weights = rng.dirichlet(np.full(many, 0.7))
        return [f"{stem}-{value}" for value in rng.choice(many, rows, p=weights)]

    table = {
        "age": 10 * rng.integers(2, 6, rows),
        "education": words("education", 3),
        "occupation": words("occupation", 3),
        "relationship": words("relationship", 2),
        "sex": words("sex", 2),
        "native-country": words("country", 2),
        "salary": words("salary", 2),
        "hours": np.clip(rng.normal(40, 8, rows).round(-1), 10, 80).astype(int),
    }
    quasi = ADULT[: int(rng.integers(2, 7))]
    return pa.table(table), quasi, [["salary"], ["hours"], ["salary", "hours"]][seed % 3]


def ascending_c(table, quasi, sensitive, distinct):
    """pycanon's c: the paper's formula with the counts sorted the other way round."""
    rows = table.to_pylist()
    worst = 0
    for name in sensitive:
        held = {}
        for row in rows:
            inside = held.setdefault(tuple(row[q] for q in quasi), {})
            inside[row[name]] = inside.get(row[name], 0) + 1
        for inside in held.values():
            counts = sorted(inside.values())
            worst = max(worst, counts[0] // sum(counts[distinct - 1 :]) + 1)
    return worst


def _as_pycanon(found):
    """pycanon's t takes the order of numbers for granted."""
    return found.t if found.ordered is None else found.ordered


def check(table, quasi, sensitive, answer):
    """Compare every figure; return whether both formulas give the same c."""
    grouping = group_table(table.select(quasi))
    assert int(grouping.sizes().sizes.min()) == answer["k"]
    assert risks(grouping.sizes()).prosecutor.highest == pytest.approx(answer["max_rir"])
    columns = {name: sensitive_column(table, name) for name in sensitive}
    found = [diversity(grouping, column) for column in columns.values()]
    distinct = min(f.distinct for f in found)
    assert distinct == answer["l"]
    whole(min(f.entropy for f in found), answer["entropy"])
    assert max(_as_pycanon(closeness(grouping, c)) for c in columns.values()) == (
        pytest.approx(answer["t"])
    )
    known = {
        name: join_all([grouping, *(c.grouping for other, c in columns.items() if other != name)])
        for name in sensitive
    }
    others = [diversity(known[name], column) for name, column in columns.items()]
    assert min(f.distinct for f in others) == answer["l, others known"]
    whole(min(f.entropy for f in others), answer["entropy, others known"])
    assert max(_as_pycanon(closeness(known[name], column)) for name, column in columns.items()) == (
        pytest.approx(answer["t, others known"])
    )
    if distinct == 1:
        assert math.isnan(answer["c"])
        assert any(f.recursive_c is None for f in found)
        return False
    assert ascending_c(table, quasi, sensitive, distinct) == answer["c"]
    if len(found) > 1:
        return False  # pycanon takes the l of all sensitive columns together
    assert answer["c"] <= found[0].recursive_c
    return answer["c"] == found[0].recursive_c


def whole(entropy, rounded):
    """pycanon rounds down, and rounding errors may take one from a whole number."""
    assert rounded in {math.floor(entropy + 1e-9), math.floor(entropy - 1e-9)}


def test_random_tables(pycanon):
    tables = [random_table(seed) for seed in range(150)]
    for asked, answer in zip(tables, pycanon(tables), strict=True):
        check(*asked, answer)


def test_adult_shaped_tables(pycanon):
    tables = [adult_shaped(seed) for seed in range(9)]
    for asked, answer in zip(tables, pycanon(tables), strict=True):
        check(*asked, answer)


def test_recursive_diversity_where_all_values_are_equally_frequent(pycanon):
    """There the order of the counts does not matter, and pycanon's c is the paper's."""
    tables = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        values = int(rng.integers(2, 5))
        rows = [
            (place, f"v{value}")
            for place in range(int(rng.integers(1, 5)))
            for value in range(values)
            for _ in range(int(np.random.default_rng(100 * seed + place).integers(1, 6)))
        ]
        a, b = zip(*rows, strict=True)
        tables.append((pa.table({"a": a, "illness": b}), ["a"], ["illness"]))
    for asked, answer in zip(tables, pycanon(tables), strict=True):
        assert check(*asked, answer)
