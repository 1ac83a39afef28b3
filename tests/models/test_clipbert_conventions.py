"""The remedy for weights of another convention is typed as it stands."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from privkit.errors import InputError
from privkit.models.clipbert.configuration import CONVENTIONS
from privkit.videoqa.configuration import Configuration, load_configuration


def remedied(configuration: Configuration, convention: str) -> Configuration:
    """The configuration with the options that the refusal names."""
    with pytest.raises(InputError) as error:
        configuration.model.backbone.check_convention(convention, "weights.pth")
    words = shlex.split(str(error.value.remedy))
    assert words[::2] == ["--set"] * (len(words) // 2)
    return configuration.override(words[1::2])


@pytest.mark.parametrize("name", ["paper", "small"])
def test_what_is_printed_can_be_typed(name: str) -> None:
    configuration = load_configuration(name, ["model.backbone.block=bottleneck"])
    own = "detectron2" if name == "paper" else "torchvision"
    other = next(key for key in CONVENTIONS if key != own)
    configuration.model.backbone.check_convention(own, "weights.pth")
    changed = remedied(configuration, other)
    changed.model.backbone.check_convention(other, "weights.pth")
    wanted = replace(configuration.model.backbone, **CONVENTIONS[other])
    assert changed.model.backbone == wanted


def test_the_line_for_torchvision() -> None:
    with pytest.raises(InputError) as error:
        load_configuration("paper").model.backbone.check_convention("torchvision", "resnet.pth")
    assert error.value.remedy == (
        "--set model.backbone.stride_in_1x1=false --set model.backbone.channels=RGB "
        '--set "model.backbone.std=[0.229, 0.224, 0.225]"'
    )
