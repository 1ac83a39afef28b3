"""Options that the commands of ``privkit videoqa`` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from privkit.videoqa.task import TaskSource

__all__ = [
    "BitsOption",
    "ClipsOption",
    "ConfigOption",
    "DataOption",
    "InitOption",
    "NotStrictOption",
    "RunArgument",
    "SeedsOption",
    "SetOption",
    "TaskOption",
    "TasksOption",
    "VideosOption",
    "VocabularyOption",
    "check_fits",
    "task_source",
]

DataOption = Annotated[
    str,
    typer.Option(
        "--data", help="generated, or a folder or annotation file of questions about videos."
    ),
]
TaskOption = Annotated[
    str | None, typer.Option("--task", help="Which task, where there are several.")
]
TasksOption = Annotated[
    list[str] | None, typer.Option("--task", help="Which task; repeatable. Default: all that fit.")
]
VideosOption = Annotated[
    Path | None, typer.Option("--videos", help="Folder that holds the videos. [below the data]")
]
ConfigOption = Annotated[
    str, typer.Option("--config", help="small, paper, or a TOML file of settings.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, e.g. training.batch=32; repeatable."
    ),
]
InitOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--init",
        help="Weights to start from: a checkpoint of ClipBERT, torchvision's ResNet, or a "
        "Hugging Face folder of BERT; repeatable.",
    ),
]
VocabularyOption = Annotated[
    Path | None,
    typer.Option("--vocabulary", help="BERT's vocab.txt, or a folder that holds one."),
]
NotStrictOption = Annotated[
    bool,
    typer.Option("--not-strict", help="Take what fits of a ClipBERT checkpoint, and say what."),
]
RunArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="Run folder of privkit videoqa train, or its model.safetensors.",
        show_default=False,
    ),
]
ClipsOption = Annotated[
    str,
    typer.Option(
        "--clips",
        help="Times the clips of the training: 4x stores 4 codes of N bits, from one encoder.",
    ),
]
BitsOption = Annotated[int, typer.Option("--bits", help="N, the bits of a code.")]
SeedsOption = Annotated[
    int, typer.Option("--seeds", min=1, max=100, help="Pool so many trainings, from --seed on.")
]


def task_source(
    data: str,
    task: str | None,
    videos: Path | None,
    *,
    seed: int,
    config: str,
    settings: Sequence[str] | None,
    device: str,
    init: Sequence[Path] | None,
    vocabulary: Path | None,
    not_strict: bool,
) -> TaskSource:
    """Where the task of a command line comes from; all commands share one cache.

    Raises:
        InputError: a setting or the device is wrong.
    """
    from privkit.cli.console import check_device
    from privkit.data.locations import cache_folder
    from privkit.videoqa.configuration import load_configuration
    from privkit.videoqa.starting import Given
    from privkit.videoqa.task import TaskSource

    configuration = load_configuration(config, settings or ())
    cache = cache_folder() / "videoqa"
    given = Given(tuple(init or ()), vocabulary, not not_strict)
    return TaskSource(data, task, videos, seed, configuration, cache, check_device(device), given)


def check_fits(source: TaskSource, bits: int) -> None:
    """Refuse a bottleneck whose training does not fit, before videos are read for minutes.

    Raises:
        InputError: it needs more memory than is free, or the frame size does not fit the backbone.
    """
    from privkit.videoqa.model import check_memory, feature_shape

    check_memory([bits], feature_shape(source.configuration), device=source.device)
