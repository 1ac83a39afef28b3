"""Options of ``privkit kanon`` that do not go together, refused before anything is read."""

from __future__ import annotations

from typing import Any

from privkit.errors import InputError

__all__ = ["given_options", "refuse_before_command", "refuse_contradictions"]

#: What goes with something else only.
_NEEDS = (
    ("--method", "--enforce"),
    ("--enforce", "--method"),
    ("--enforce", "--codes"),
    ("--sketch", "--approximate"),
    ("--key", "--approximate"),
)
_REMEDIES = {"--method": "--method truncate, truncate-each or suppress"}

#: What does not go together, and why.
_APART = {
    "--approximate": (
        "a sample of the classes, in 64 MB, shows neither k nor what a class gives away",
        (
            "--enforce",
            "--with",
            "--sensitive",
            "--population",
            "--engine",
            "--fail-under",
            "--prefixes",
            "--memory",
            "--tmp",
        ),
    ),
    "--enforce": (
        "the codes are read into memory, written and counted again; weigh them by another command",
        (
            "--with",
            "--sensitive",
            "--population",
            "--engine",
            "--fail-under",
            "--k",
            "--prefixes",
            "--memory",
            "--tmp",
        ),
    ),
    "--engine": ("another engine counts the classes only", ("--with", "--sensitive")),
}


def given_options(context: Any) -> set[str]:
    """Return the options that were given on the command line, by their long names.

    Args:
        context: of the command, of typer or click.
    """
    return {
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name).name == "COMMANDLINE"
    }


def refuse_before_command(given: set[str], command: str) -> None:
    """Refuse options that stand before a command of its own, which would not see them.

    Raises:
        InputError: if there are any.
    """
    if given:
        raise InputError(
            f"{', '.join(sorted(given))} given before {command}",
            where=f"privkit kanon {command}",
            rule=f"options of {command} stand behind it",
            remedy=f"try privkit kanon {command} --help",
        )


def refuse_contradictions(given: set[str], engine: str) -> None:
    """Refuse options that do not go together.

    Args:
        given: the options that were given.
        engine: who counts.

    Raises:
        InputError: if there are any, or nothing to count.
    """
    if "--codes" not in given:
        raise InputError(
            "it is not said what to count",
            where="--codes",
            rule="a file, a folder or a pattern of stored codes",
            remedy="try privkit kanon --help",
        )
    for option, other in _NEEDS:
        if option in given and other not in given:
            raise InputError(
                f"{option} is given without {other}",
                where=option,
                rule=f"{option} goes with {other}",
                remedy=_REMEDIES.get(other, f"add {other}, or leave {option} out"),
            )
    for option, (reason, others) in _APART.items():
        for other in others:
            if {option, other} <= given:
                _refuse(option, other, reason)
    if engine == "daft" and "--person" in given:
        _refuse("--engine", "--person", "daft counts records; --engine duckdb counts people")
    if {"--code", "--columns"} <= given and "--with" not in given:
        raise InputError(
            "--code and --columns are given without --with",
            where="--columns",
            rule="beside --code, --columns names columns of the table --with",
            remedy="name the table of the codes as --with too, or leave one of them out",
        )


def _refuse(option: str, other: str, reason: str) -> None:
    raise InputError(
        f"{option} and {other} do not go together",
        where=option,
        rule=reason,
        remedy=f"leave {other} out",
    )
