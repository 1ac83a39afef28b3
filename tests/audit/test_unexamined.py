"""What of a store no attack sees: it is said, and then nothing is cleared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privkit.audit.given import Given
from privkit.audit.inputs import open_material
from privkit.audit.unexamined import in_order, listed, unexamined
from privkit.features.open_features import open_features

RNG = np.random.default_rng


def table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_columns_that_nobody_named(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.parquet", vector=pa.array([[0.1, 0.2], [0.3, 0.4]], pa.list_(pa.float32())),
        email=["a", "b"], user=[1, 2], who=["x", "y"],
    )  # fmt: skip
    features = open_features(path, exclude=["who"])
    assert features.unread == ("email", "user")
    (lack,) = unexamined(features)
    assert lack.weakens
    assert lack.attack == "attacks on what lies beside the features: email, user"
    assert unexamined(open_features(path, columns=["vector"])) == []


@pytest.mark.parametrize(
    ("column", "merges"),
    [
        (5_000_000_000 + np.arange(600), True),  # numbers of accounts
        (np.arange(600), False),
        (np.arange(600) * 1_000_000, False),
        (1.0 + 1e-12 * np.arange(600), True),
        (10**18 + np.arange(600), True),
        (np.arange(600) % 256 / 255 * (1 + 1e-16 * (np.arange(600) % 2)), False),  # by two ways
        (RNG(0).normal(size=600), False),  # what most programs write
        (RNG(0).normal(size=600).astype(np.float32), False),
    ],
)
def test_digits_that_32_bits_do_not_hold(tmp_path: Path, column: np.ndarray, merges: bool) -> None:
    path = table(tmp_path / "t.parquet", a=RNG(1).normal(size=600), b=column)
    features = open_features(path)
    assert features.merged() == (("b",) if merges else ())
    assert [lack.attack for lack in unexamined(features)] == (
        ["attacks on all digits of the columns b"] if merges else []
    )


def test_digits_of_sorted_and_of_many_files(tmp_path: Path) -> None:
    np.save(tmp_path / "sorted.npy", (5e9 + np.arange(300_000))[:, None].astype(np.int64))
    assert open_features(tmp_path / "sorted.npy").merged() == ("0",)
    np.save(tmp_path / "floats.npy", (5e9 + np.arange(300_000))[:, None])
    assert open_features(tmp_path / "floats.npy").merged() == ("0",)
    folder = tmp_path / "many"
    folder.mkdir()
    ids = RNG(0).permutation(2000)
    for n in range(100):
        np.save(folder / f"{n:03}.npy", (5e9 + ids[20 * n : 20 * n + 20])[:, None])
    assert open_features(folder).merged() == ("0",)


def test_arrays_that_nobody_named(tmp_path: Path) -> None:
    codes, who = RNG(0).integers(0, 2, (20, 8)), np.arange(20)
    np.savez(tmp_path / "a.npz", codes=codes, who=who, mail=who)
    assert open_features(tmp_path / "a.npz", exclude=["who"]).unread == ("mail",)
    assert open_features(tmp_path / "a.npz", columns=["codes"]).unread == ()
    path = table(tmp_path / "t.parquet", code=np.arange(20), mail=[str(n) for n in who])
    assert open_features(path, bits=5, columns=["code"]).unread == ()
    assert open_features(path, bits=5).unread == ("mail",)


def test_digits_in_an_array_and_never_in_codes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.stack([np.arange(9.0), 1e9 + np.arange(9)], axis=1))
    assert open_features(tmp_path / "a.npy").merged() == ("1",)
    np.save(tmp_path / "c.npy", RNG(0).integers(0, 2, (20, 8)))
    assert open_features(tmp_path / "c.npy").merged() == ()


def test_the_audit_is_told(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.parquet",
        a=RNG(0).normal(size=8),
        email=list("abcdefgh"),
        who=list("ppqqrrss"),
    )
    opened = open_material(Given(features=[str(path)], person="who"))
    (lack,) = opened.material.unexamined
    assert lack.attack == "attacks on what lies beside the features: email"
    assert any(w.startswith(f"Not examined: {lack.attack}") for w in opened.record.warnings)


def test_records_in_the_order_of_their_people(tmp_path: Path) -> None:
    person = np.repeat(np.arange(40), 4)
    assert in_order(person)
    shuffled = [in_order(RNG(seed).permutation(person)) for seed in range(200)]
    assert not any(shuffled)
    assert not in_order(np.tile(np.arange(40), 4))
    np.save(tmp_path / "f.npy", RNG(0).normal(size=(160, 3)).astype(np.float32))
    np.savetxt(tmp_path / "p.csv", person, header="who", comments="", fmt="%d")
    given = Given(features=[str(tmp_path / "f.npy")], person=str(tmp_path / "p.csv"))
    warnings = open_material(given).record.warnings
    assert any("stand side by side" in sentence for sentence in warnings)


def test_a_long_list_of_names_is_cut() -> None:
    assert listed([str(n) for n in range(25)]).endswith("19 and 5 more")
