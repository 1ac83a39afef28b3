"""The intervals of the population estimates on simulated populations, printed and asserted."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "statistics" / "uniqueness_coverage.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("uniqueness_coverage", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def figure(rows, name):
    return next(row for row in rows if row.figure.startswith(name))


def test_the_script_makes_its_table(script):
    rng = np.random.default_rng(0)
    rows = script.rows_of("Zipf", script.zipf(800, rng), 0.5, 3, rng)
    text = script.markdown(rows, 800, 3)
    assert len(text.splitlines()) == 7 + len(rows)
    assert "Dankar's choice" in text


@pytest.mark.slow
def test_intervals_cover_where_the_model_is_right(script):
    """60 samples: 85% is more than three standard errors below 95%."""
    rng = np.random.default_rng(1)
    people, samples = 8000, 60
    on = {
        fraction: script.rows_of("Pitman", sizes, fraction, samples, rng)
        for fraction, sizes in [(0.1, script.pitman(people, rng))]
    }
    snb = script.rows_of("SNB", script.slide(people, rng), 0.5, samples, rng)
    sys.stdout.write(script.markdown([*on[0.1], *snb], people, samples))
    assert figure(on[0.1], "uniques, Pitman").covered > 0.85
    assert figure(snb, "uniques, SNB").covered > 0.85
    for rows in (on[0.1], snb):
        assert figure(rows, "expected k").covered > 0.85
        assert figure(rows, "uniques not excluded").covered > 0.9
        assert figure(rows, "share in classes").covered > 0.9
