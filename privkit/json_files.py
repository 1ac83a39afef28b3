"""JSON files that others may have written: read within bounds and checked against a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privkit.errors import InputError

__all__ = ["read_json"]

#: The largest that privkit writes itself has some megabytes.
_MAX_BYTES = 64 << 20
_SHOWN = 160


def read_json(path: Path, schema: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """Read a JSON object that fits a schema.

    Args:
        path: the file; a link is not followed.
        schema: JSON Schema, draft 2020-12.
        what: the file in words, e.g. ``"the manifest"``.

    Raises:
        InputError: no such plain file, too large, no JSON, or it does not fit the schema.
    """
    rule = f"a JSON file that fits the schema '{schema['title']}'"
    if path.is_symlink() or not path.is_file():
        raise InputError(f"{what} is missing", where=path, rule=rule)
    if path.stat().st_size > _MAX_BYTES:
        size = f"{path.stat().st_size:,}"
        raise InputError(
            f"{what} is too large", where=path, rule=f"at most {_MAX_BYTES:,} bytes", found=size
        )
    try:
        read = json.loads(path.read_bytes(), parse_constant=_refused)
        wrong = _wrong(read, schema)
    except (ValueError, RecursionError) as error:
        found = str(error)[:_SHOWN] or type(error).__name__
        raise InputError(f"{what} cannot be read", where=path, rule=rule, found=found) from None
    if wrong:
        raise InputError(f"{what} does not fit its schema", where=path, rule=rule, found=wrong)
    checked: dict[str, Any] = read
    return checked


def _wrong(read: Any, schema: Mapping[str, Any]) -> str:
    """What does not fit, with its place; ``""`` where all does."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(read))
    if error is None:
        return ""
    message = error.message
    if len(message) > _SHOWN:  # it quotes the value, which may be the whole file
        message = f"{message[: _SHOWN // 2]} … {message[-_SHOWN // 2 :]}"
    return f"{error.json_path[:_SHOWN]}: {message!r}"


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")
