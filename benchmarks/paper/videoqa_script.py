"""What the scripts of the VideoQA tables share: options, the command in words, the files."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from privkit.cli.videoqa.options import task_source
from privkit.errors import PrivkitError
from privkit.models.featcomp import check_bits
from privkit.report.markdown import keep_result, result_markdown
from privkit.result import Result
from privkit.videoqa.task import TaskSource

__all__ = ["arguments", "command_line", "deliver", "source_of"]

#: Options that say where the output goes; they are not part of what was measured.
_OUTPUT = {"out", "pictures"}


def arguments(
    doc: str | None, *, seeds: int | None = None, bits: int | None = 10
) -> argparse.ArgumentParser:
    """The options of ``privkit videoqa``'s commands; ``--seeds``, ``--bits`` with a default."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--data", default="generated", help="generated, or a folder or file")
    parser.add_argument("--videos", type=Path, help="folder of the videos")
    if bits is not None:
        parser.add_argument("--bits", type=int, default=bits)
    parser.add_argument("--config", default="small")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--init", type=Path, action="append", default=[], help="weights to start from; repeatable"
    )
    parser.add_argument("--vocabulary", type=Path, help="vocab.txt that belongs to the weights")
    parser.add_argument("--not-strict", action="store_true", help="load what fits of the weights")
    parser.add_argument("--seed", type=int, default=0)
    if seeds is not None:
        parser.add_argument("--seeds", type=int, default=seeds, help="how many, from --seed on")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def source_of(options: argparse.Namespace, task: str | None = None) -> TaskSource:
    """Where the task comes from; the number of bits is checked as well.

    Raises:
        InputError: an option is out of range.
    """
    if "bits" in options:
        check_bits(options.bits, where="--bits")
    return task_source(
        options.data,
        task,
        options.videos,
        seed=options.seed,
        config=options.config,
        settings=options.set,
        device=options.device,
        init=options.init,
        vocabulary=options.vocabulary,
        not_strict=options.not_strict,
    )


def command_line(script: str, options: argparse.Namespace) -> str:
    """The command with all its settings, in words that hold on any machine."""
    words = ["python", f"benchmarks/paper/{script}.py"]
    for name, value in vars(options).items():
        values = value if isinstance(value, list) else [value]
        for one in values:
            if one is None or one is False or name in _OUTPUT:
                continue
            words.append(f"--{name.replace('_', '-')}")
            if one is not True:
                words.append(Path(one).name if "/" in str(one) else str(one))
    return shlex.join(words)


def deliver(
    script: str,
    title: str,
    options: argparse.Namespace,
    study: Callable[[], tuple[Result, Callable[[Path], object]]],
) -> int:
    """Run a study and write ``result.json``, its tables as Markdown and what else it draws.

    Args:
        script: name of the script and of the Markdown file.
        title: heading of the Markdown.
        options: with the folder ``out``.
        study: returns the result and a function that writes further files into a folder.

    Returns:
        0, or 2 where the data or an option are not usable.
    """
    try:
        result, write = study()
    except PrivkitError as error:
        sys.stderr.write(f"{script}: error: {error}\n")
        return 2
    text = result_markdown(title, result)
    keep_result(options.out, script, result, text)
    write(options.out)
    sys.stdout.write(text)
    return 0
