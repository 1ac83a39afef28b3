"""Daft on Ray gives the same numbers as privkit alone: here on a cluster of one machine.

Ray is not among the packages for the tests, as it needs several hundred megabytes:
``pip install 'privkit[daft]'`` brings it.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.anonymity import count_classes
from privkit.features import open_codes

pytest.importorskip("daft")
pytest.importorskip("ray", reason="Ray is not installed: pip install 'privkit[daft]'")

pytestmark = pytest.mark.slow

SEVERAL = """
import json, sys
from privkit.anonymity.engines import ENGINES
from privkit.errors import InputError
from privkit.features import open_codes

counted = []
for folder, columns in json.loads(sys.argv[1]):
    stored = open_codes(folder, columns=columns)
    counted.append(sorted(ENGINES["daft"](stored).sizes.tolist()))
stored.paths[0].write_bytes(b"PAR1" * 9)  # the error of a worker is one line too
try:
    ENGINES["daft"](stored)
except InputError as error:
    counted.append(str(error))
print(json.dumps(counted))
"""


@pytest.fixture
def on_ray(tmp_path):
    """The environment of a command that Daft runs on Ray, which writes to the home folder."""
    return {**os.environ, "DAFT_RUNNER": "ray", "HOME": str(tmp_path / "home"), "NO_COLOR": "1"}


def test_the_command_says_the_same_on_ray(tmp_path, on_ray):
    codes = np.random.default_rng(0).integers(0, 1024, 200_000).astype(np.uint16)
    for i, part in enumerate(np.split(codes, 4)):
        pq.write_table(pa.table({"code": part}), tmp_path / f"{i}.parquet", row_group_size=9_000)
    found = []
    for engine in (["--engine", "daft"], []):
        command = ["privkit", "kanon", "--codes", f"{tmp_path}/*.parquet", "--columns", "code"]
        done = subprocess.run(
            [sys.executable, "-m", *command, *engine, "--json", "--out", tmp_path / f"r{engine}"],
            capture_output=True,
            encoding="utf-8",
            check=True,
            env=on_ray,
        )
        assert ("Ray" in done.stderr) == bool(engine)
        found.append(json.loads(done.stdout))
    for part in ("findings", "warnings", "measures", "tables"):
        assert found[0][part] == found[1][part]


def test_equal_values_are_equal_on_every_machine(tmp_path, on_ray):
    """Null, NaN, two zeros, text, and columns from names of folders, over many files."""
    rng = np.random.default_rng(0)
    nan = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
    cells = np.array([0.0, -0.0, 1.5, *nan])
    table = tmp_path / "t"
    for year in ("1", "2", "__HIVE_DEFAULT_PARTITION__"):
        for i in range(4):
            folder = table / f"year={year}"
            folder.mkdir(parents=True, exist_ok=True)
            columns = {
                "f": pa.array(rng.choice(cells, 500), from_pandas=False),
                "s": pa.array(rng.choice(np.array([None, "", "x", "é"], object), 500), pa.string()),
                "w": rng.integers(0, 4, 500),
            }
            pq.write_table(pa.table(columns), folder / f"{i}.parquet", row_group_size=100)
    asked = [(str(table), columns) for columns in (["w"], ["f"], ["year"], ["s", "year", "f", "w"])]
    expected = [
        sorted(count_classes(open_codes(folder, columns=columns)).sizes.tolist())
        for folder, columns in asked
    ]
    assert [len(sizes) for sizes in expected] == [4, 3, 3, 4 * 3 * 3 * 4]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(asked)],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=on_ray,
    )
    *counted, said = json.loads(done.stdout.splitlines()[-1])
    assert counted == expected
    assert said.startswith("t (12 files): Daft could not count this")
    assert "\n" not in said
