"""Where the code or the weights of an encoder lie, so that its hash can be kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["encoder_file"]


def encoder_file(spec: str) -> Path | None:
    """The file of an encoder that is open already; ``None`` where a module has none.

    Args:
        spec: as ``--encoder`` names it: a file, or ``module:function``.
    """
    if Path(spec).is_file():
        return Path(spec)
    try:
        found = importlib.util.find_spec(spec.partition(":")[0])
    except ValueError:  # __main__ has no specification
        return None
    origin = None if found is None else found.origin
    return Path(origin) if origin is not None and Path(origin).is_file() else None
