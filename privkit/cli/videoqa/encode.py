"""``privkit videoqa encode``: videos to codes, which is all that is stored of them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privkit.cli.console import (
    DeviceOption,
    JsonOption,
    OutOption,
    Output,
    QuietOption,
    check_device,
    command_line,
    deliver,
)
from privkit.cli.videoqa.evaluate import questions_for
from privkit.cli.videoqa.options import ClipsOption, RunArgument, TaskOption, VideosOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from privkit.result import DataUsed
    from privkit.videoqa.saved import SavedModel

    Tick = Callable[[str, int, int], None]

__all__ = ["encode"]


def encode(
    context: typer.Context,
    run: RunArgument,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="generated, or a folder or annotation file of questions about videos."
        ),
    ] = None,
    task: TaskOption = None,
    videos: VideosOption = None,
    split: Annotated[
        str, typer.Option("--split", help="all, train, validation or test, of --data.")
    ] = "all",
    clips: ClipsOption = "1x",
    device: DeviceOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> int:
    """Encode videos with a trained model: codes.npy, N bits a video, and videos.txt, their names.

    With --videos alone all videos below that folder are encoded; no questions are needed. With
    --clips 4x the 4 codes of a video are joined to one of 4N bits.
    """
    output = Output(out, as_json, quiet)
    from dataclasses import replace

    from privkit.data.locations import cache_folder
    from privkit.videoqa.answering import source_of, times_of
    from privkit.videoqa.encode import check_stores_code, write_codes
    from privkit.videoqa.encode import encode as encode_videos
    from privkit.videoqa.logs import write_left_out
    from privkit.videoqa.results import encoding_result
    from privkit.videoqa.saved import load_model

    times, place = times_of(clips), check_device(device)
    saved = load_model(run)
    check_stores_code(saved.model, run, times=times)
    with output.progress() as tick:
        files, missing, used = _videos(saved, data, task, videos, split, tick)
        source = source_of(
            saved, files, times=times, cache=cache_folder() / "videoqa", device=place, tick=tick
        )
        model = saved.model.to(place)
        stored = encode_videos(model, sorted(source.row), source, device=place, tick=tick)
    left_out = {**dict.fromkeys(missing, "not found"), **source.skipped}
    result = encoding_result(saved, stored, left_out, used, command=command_line(context))
    seen = {"clips": times * saved.configuration.video.clips}
    result = replace(result, configuration={**result.configuration, **seen})
    written: list[os.stat_result] = []

    def write(folder: Path) -> None:
        write_codes(folder, stored)
        write_left_out(folder / "left-out.csv", left_out)
        written.append(folder.stat())

    code = deliver("videoqa-encode", result, output, write=write)
    if not quiet:
        codes = _moved(out, written[0]) / "codes.npy"
        line = shlex.join(["privkit", "kanon", "--codes", str(codes), "--bits"])
        print(f"next: {line} {stored.codes.bits}", file=sys.stderr if as_json else sys.stdout)
    return code


def _videos(
    saved: SavedModel,
    data: str | None,
    task: str | None,
    videos: Path | None,
    split: str,
    tick: Tick,
) -> tuple[dict[str, Path], list[str], DataUsed]:
    """The files to encode, the names of those that are missing, and what they belong to."""
    from privkit.errors import InputError
    from privkit.result import DataUsed
    from privkit.videoqa.answering import folder_videos, split_named, split_videos
    from privkit.videoqa.grid_cache import videos_sha256

    chosen = None if split == "all" else split_named(split)
    if data is None and videos is not None:
        if chosen is not None:
            raise InputError(
                "a folder of videos has no splits",
                where="--split",
                rule="--split goes with --data",
                found=split,
            )
        files = folder_videos(videos)
        return files, [], DataUsed("a folder of videos", "videos", videos_sha256(files), len(files))
    questions = questions_for(saved, data, task, videos, tick)
    files = split_videos(questions, chosen)
    asked = questions.questions if chosen is None else questions.split(chosen)
    missing = sorted({q.video for q in asked} - set(files))
    name = f"{questions.name} {questions.task}, {split}"
    used = DataUsed(name, "videos", videos_sha256(files), len(files), questions.notice)
    return files, missing, used


def _moved(out: Path | None, written: os.stat_result) -> Path:
    """The run folder, by its inode: its default name is known only when it has been taken."""
    from privkit.runs import RUNS

    if out is not None:
        return out
    return next(p for p in RUNS.iterdir() if os.path.samestat(p.stat(), written))
