"""Probes: what is in a feature is read, what is not stays at chance, and odd labels are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from privkit.data.questions.record import Question, QuestionSet
from privkit.errors import InputError
from privkit.videoqa.privacy import probe, probe_videos, read_secrets

TRAIN, TEST = 300, 150


def features(signal: float, *, signs: bool = False) -> tuple[Any, ...]:
    """Noise around the mean of one of four values, and the values; train and test."""
    draw = np.random.default_rng(3)
    label = draw.integers(4, size=TRAIN + TEST)
    x = draw.normal(size=(TRAIN + TEST, 24)) + signal * draw.normal(size=(4, 24))[label]
    x = (np.sign(x) if signs else x).astype(np.float32)
    text = label.astype(str)
    return x[:TRAIN], text[:TRAIN], x[TRAIN:], text[TRAIN:]


@pytest.mark.parametrize("signs", [False, True])
def test_a_secret_in_the_feature_is_read(signs: bool) -> None:
    found = probe(*features(2.0, signs=signs))
    assert all(found[name].share.low > 0.8 for name in ("linear", "nearest"))
    assert found["chance"].share.high < 0.45
    assert found["linear"].converged
    assert found["linear"].hits.mean() == found["linear"].share.value


def test_a_secret_that_is_not_there_stays_at_chance() -> None:
    found = probe(*features(0.0))
    for name in ("linear", "nearest"):
        assert found[name].share.low < 0.25 < found[name].share.high


def test_the_same_probes_every_time() -> None:
    first, second = (probe(*features(0.5)) for _ in range(2))
    assert all(np.array_equal(first[name].hits, second[name].hits) for name in first)


def test_a_value_of_one_video_and_two_videos() -> None:
    x, labels, test, wanted = features(2.0)
    labels[0] = "alone"
    assert probe(x, labels, test, wanted)["linear"].share.value > 0.8
    assert len(probe(x[:2], np.array(["a", "b"]), test, wanted)["linear"].hits) == TEST


def test_a_constant_label_is_refused() -> None:
    x, labels, test, wanted = features(1.0)
    with pytest.raises(InputError, match="never changes"):
        probe(x, np.full_like(labels, "1"), test, wanted)


def asked(folder: Path, table: str, train: str = "abcd", test: str = "ef") -> QuestionSet:
    (folder / "attributes.csv").write_text(table)
    questions = tuple(
        Question(f"{split}-{video}", video, "action", cast(Any, split), "?", "x")
        for split, videos in (("train", train), ("test", test))
        for video in videos
    )
    return QuestionSet("Made up", "action", questions, {}, attributes=folder / "attributes.csv")


def table_of(header: str, *rows: str) -> str:
    return "\n".join([f"video,{header}", *rows]) + "\n"


def test_the_usual_columns_go_before_others(tmp_path) -> None:
    rows = [f"{v},{n % 2},{n % 3},train,{n}" for n, v in enumerate("abcdef")]
    asked(tmp_path, table_of("side,hat,split,badge", *rows))
    assert list(read_secrets(tmp_path / "attributes.csv").values) == ["side"]
    asked(tmp_path, table_of("place,hat,split,badge", *rows))
    assert list(read_secrets(tmp_path / "attributes.csv").values) == ["place", "hat", "badge"]


def test_columns_of_many_values_are_no_classes(tmp_path) -> None:
    rows = [f"v{n},{n},{n % 100}" for n in range(101)]
    (tmp_path / "a.csv").write_text(table_of("number,hat", *rows))
    assert list(read_secrets(tmp_path / "a.csv").values) == ["hat"]


def test_constant_labels_and_videos_without_are_told(tmp_path) -> None:
    rows = ["a,l,1", "b,l,2", "c,l,1", "e,r,1", "f,r,"]
    usable, notes = probe_videos(asked(tmp_path, table_of("side,identity", *rows)))
    (identity,) = usable
    assert identity.videos == {"train": ["a", "b", "c"], "test": ["e"]}
    assert identity.labels["train"].tolist() == ["1", "2", "1"]
    assert any(n.startswith("side is not probed: it has 1 value in the 3 labelled") for n in notes)
    assert any(n.startswith("2 of 6 videos have no identity in attributes.csv") for n in notes)


def test_values_that_training_does_not_show(tmp_path) -> None:
    rows = ["a,1", "b,2", "c,3", "d,4", "e,5", "f,6"]
    usable, notes = probe_videos(asked(tmp_path, table_of("identity", *rows)))
    assert usable == []
    assert notes == ["identity is not probed: no test video has a value that training shows"]


def test_a_video_of_both_splits_is_not_learned_from(tmp_path) -> None:
    rows = [f"{v},{n % 2}" for n, v in enumerate("abcdef")]
    ((side,), _) = probe_videos(asked(tmp_path, table_of("side", *rows), train="abcde"))
    assert side.videos == {"train": ["a", "b", "c", "d"], "test": ["e", "f"]}


def test_broken_files(tmp_path) -> None:
    with pytest.raises(InputError, match="video missing"):
        probe_videos(asked(tmp_path, "name,side\na,1\n"))
    with pytest.raises(InputError, match="two rows"):
        probe_videos(asked(tmp_path, table_of("side", "a,1", "a,2")))
    with pytest.raises(InputError, match="cannot be read"):
        read_secrets(tmp_path / "none.csv")
    _, notes = probe_videos(asked(tmp_path, "video\na\n"))
    assert "nothing is probed" in notes[0]
