"""``torchrun`` and the commands: two share their work over its processes, the others refuse it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from privkit.errors import InputError, PrivkitError

if TYPE_CHECKING:
    from privkit.videoqa.distributed import Processes

__all__ = ["SHARED", "one_process", "shared"]

#: The commands whose work several processes share.
SHARED: tuple[str, ...] = ("train", "evaluate")


@contextmanager
def shared(device: str) -> Iterator[Processes]:
    """Join the processes of ``torchrun`` for a ``with`` block; of an error, the first one speaks.

    Args:
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        PrivkitError: in the first process, what the block raises.
        typer.Exit: in the others, where the block raises that.
    """
    from privkit.videoqa.distributed import processes

    with processes(device) as group:
        try:
            yield group
        except PrivkitError:
            if group.first:
                raise
            raise typer.Exit(2) from None


def one_process(context: typer.Context) -> None:
    """Refuse ``torchrun`` for a command that each process would do from beginning to end.

    Raises:
        InputError: in the first of several processes.
        typer.Exit: in the others.
    """
    # torchrun sets the first; WORLD_SIZE alone may be a scheduler's.
    several = "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1
    if not several or context.invoked_subcommand in SHARED:
        return
    if os.environ["RANK"] != "0":
        # Code 0: torchrun ends all processes with the first that fails, and that is to be the one
        # that says why.
        raise typer.Exit(0)
    raise InputError(
        f"videoqa {context.invoked_subcommand} does not share its work over processes",
        where="torchrun",
        rule=f"one process, but for videoqa {' and '.join(SHARED)}",
        found=f"{os.environ['WORLD_SIZE']} processes",
        remedy="run it without torchrun",
    )
