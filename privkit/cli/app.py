"""The table of commands, and the one place that turns errors into exit codes."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from itertools import pairwise
from typing import Annotated, Any

import typer
import typer.core

import privkit
from privkit.cli import audit, capacity, compare, data, invert, kanon, verify, videoqa
from privkit.errors import PrivkitError

__all__ = ["app", "run"]

_INTERRUPTED = "interrupted"
_NO_RUN = "no run was written"
_BUG_CODE = 70  # EX_SOFTWARE of sysexits.h
_INTERRUPTED_CODE = 130


class _InterruptedError(Exception):
    """Ctrl-C, with what the command says of what it left: typer itself would drop that."""


class _Commands(typer.core.TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError(str(error) or _INTERRUPTED) from error


app = typer.Typer(
    name="privkit",
    cls=_Commands,
    help="Find out whether stored features of people are de-identified.",
    epilog="Exit codes: 0 done, 1 a gate that you set failed, 2 bad input or usage, "
    "3 the audit cannot say, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"privkit {privkit.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Find out whether stored features of people are de-identified."""


app.command("invert")(invert.invert)
app.command("audit")(audit.audit)
app.command("verify")(verify.verify)
app.command("compare")(compare.compare)
app.add_typer(kanon.app, name="kanon")
app.command("capacity")(capacity.capacity)
app.add_typer(data.app, name="data")
app.add_typer(videoqa.app, name="videoqa")


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; every failure is one line on stderr."""
    said = _INTERRUPTED
    try:
        code = app(args=arguments, prog_name="privkit", standalone_mode=False, obj=tuple(arguments))
    except _InterruptedError as error:
        said, code = str(error), _INTERRUPTED_CODE
    except Exception as error:
        known = _one_line(error)
        if known is None:
            traceback.print_exc()
            return _BUG_CODE  # never 1, which says that a gate failed
        line, status = known
        if line:
            print(f"privkit: error: {line}", file=sys.stderr)
        return status
    except KeyboardInterrupt:
        code = _INTERRUPTED_CODE
    if code == _INTERRUPTED_CODE:  # typer turns Ctrl-C into this code and says nothing
        print(f"privkit: {said}; {_NO_RUN}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _one_line(error: Exception) -> tuple[str, int] | None:
    """The line and exit code of an error that a user can act on; ``None`` for a bug of ours."""
    if isinstance(error, PrivkitError):
        known = str(error), error.exit_code
    elif type(error).__name__ == "NoArgsIsHelpError":  # its message is the help page
        print(_formatted(error), file=sys.stderr)
        known = "", 2
    elif type(error).__name__ == "Abort":
        known = f"{_INTERRUPTED}; {_NO_RUN}", _INTERRUPTED_CODE
    elif hasattr(error, "format_message"):  # a usage error of click, whichever copy typer carries
        known = _usage(error), 2
    elif isinstance(error, OSError):
        known = _os_error(error), 2
    elif isinstance(error, MemoryError) or _out_of_memory(error):
        reason = " ".join(str(error).split()) or "an allocation failed"
        known = f"not enough memory: {reason}; use a smaller input", 2
    else:
        return None
    return known


def _out_of_memory(error: Exception) -> bool:
    """Tell whether torch ran out of memory, for which it has no type of its own on a CPU."""
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    )


def _usage(error: Any) -> str:
    """What click says, with the values that were given: newer versions leave them out."""
    message = " ".join(_formatted(error).split())
    context, option = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None:
        return message
    given = list(context.obj or ())
    names = set(getattr(option, "opts", ()))
    values = [value for name, value in pairwise(given) if name in names]
    values += [
        argument.partition("=")[2]
        for argument in given
        if argument.split("=")[0] in names and "=" in argument
    ]
    found = f"; found: {', '.join(values)}" if values else ""
    return f"{message}{found} (see '{context.command_path} --help')"


def _formatted(error: Any) -> str:
    return str(error.format_message())


def _os_error(error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "free some space, or name another place with --out",
        errno.EDQUOT: "free some space, or name another place with --out",
        errno.EACCES: "name a place that you may read and write",
        errno.EPERM: "name a place that you may read and write",
        errno.EROFS: "name another place with --out",
        errno.EISDIR: "name a file, not a folder",
        errno.ENOENT: "check the path",
    }
    where = f"{error.filename}: " if error.filename else ""
    remedy = remedies.get(error.errno or 0, "check the path and the disk")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"{where}{reason}; remedy: {remedy}"
