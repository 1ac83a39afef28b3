"""Settings: what would crash a training later is refused in one line, before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from privkit.errors import InputError
from privkit.models.clipbert.answerer import POOLING
from privkit.models.clipbert.configuration import POOLINGS
from privkit.videoqa.configuration import built_in_configurations, load_configuration

WRONG = [
    "video.size=0",
    "video.clips=0",
    "video.frames=-1",
    "video.pooling=max",
    "text.max_tokens=2",
    "text.answers=-1",
    "training.pretraining_steps=-1",
    "training.patience=-1",
    "training.validations=-1",
    "training.reconstruction_epochs=0",
    "training.reconstruction_weight=-0.5",
    "training.reconstruction_weight=nan",
    "training.weight_decay=-1e-3",
    "training.weight_decay=inf",
    "training.learning_rate=inf",
    "training.learning_rate=nan",
    "training.bottleneck_learning_rate=inf",
    "training.fine_tuning_learning_rate=0",
    "training.clip_norm=nan",
    "training.warmup=nan",
    "model.dropout=nan",
]
WRONG_TYPE = {
    "model.backbone.layers=3": "a list of int; found: 3",
    "model.backbone.layers=[1, 1, 1, 1.5]": "int; found: 1.5",
    "model.backbone.layers=[1, 1, 1, true]": "int; found: True",
    "model.backbone.mean=3": "a list of float; found: 3",
    'model.backbone.mean=["a", 1, 1]': "float; found: 'a'",
    "model.backbone.mean=[[1], 1, 1]": "float; found: \\[1\\]",
    "training.epochs=[1]": "int; found: \\[1\\]",
    "training.epochs=true": "int; found: True",
    "training.learning_rate=[1e-3]": "float; found",
    "training.start_from_floats=1": "bool; found: 1",
    f"training.learning_rate=1{'0' * 400}": "a number that a float holds",
}


@pytest.mark.parametrize("setting", WRONG)
def test_out_of_range(setting: str) -> None:
    with pytest.raises(InputError, match="out of range") as error:
        load_configuration("small", [setting])
    assert setting.partition("=")[0].removeprefix("model.") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("setting", WRONG_TYPE)
def test_wrong_type(setting: str) -> None:
    key = setting.partition("=")[0]
    with pytest.raises(InputError, match=f"{key} has the wrong type.*{WRONG_TYPE[setting]}"):
        load_configuration("small", [setting])


def test_the_lowest_values_are_taken() -> None:
    lowest = ("video.clips=1", "text.max_tokens=3", "text.answers=0", "training.patience=0")
    found = load_configuration("small", [*lowest, "training.weight_decay=0"])
    assert found.training.weight_decay == 0.0
    assert isinstance(found.training.weight_decay, float)
    assert load_configuration("small", ["model.backbone.mean=[0, 0, 1]"]).model.backbone.mean == (
        0.0,
        0.0,
        1.0,
    )


def test_pooling(tmp_path: Path) -> None:
    assert tuple(POOLING) == POOLINGS
    assert {load_configuration(n).video.pooling for n in built_in_configurations()} == {"mean"}
    file = tmp_path / "own.toml"
    text = load_configuration("small", ["video.pooling=logsumexp"]).to_toml()
    file.write_text(text)
    assert load_configuration(str(file)).video.pooling == "logsumexp"
    # A configuration of before there was a choice.
    file.write_text(text.replace('pooling = "logsumexp"\n', ""))
    assert load_configuration(str(file)).video.pooling == "mean"
