"""Encoders in Python: ``module:name``. This imports and runs the user's own code.

The working directory is searched first, as uvicorn does. What ``name`` may be:

* a function of pictures: a float32 tensor ``(n, 1, h, w)``, grey in [-1, 1]; it returns a tensor
  or an array ``(n, width)``. A ``torch.nn.Module`` is such a function; it is called in the mode
  in which it is given, so call ``eval()`` yourself;
* an object with ``store``, a method of an array ``(n, h·w)`` in [-1, 1]; with ``relaxed`` too
  (:class:`privkit.models.encoder.Encoder`) it is attacked through its gradient;
* a class, or a function without parameters, that gives one of the former when it is called.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from functools import reduce
from pathlib import Path
from typing import Any

from privkit.errors import InputError
from privkit.models.encoders.source import ENCODERS, Source, from_callable, raised

__all__ = ["python_source"]


def python_source(spec: str, shape: tuple[int, int]) -> Source:
    """Import ``module:name`` and take what is there as an encoder, by the rules of this module.

    Raises:
        InputError: there is no such module or name, importing or making it raises, or it is no
            encoder.
    """
    module, _, name = spec.partition(":")
    try:
        found = reduce(getattr, name.split("."), _imported(module, spec))
    except AttributeError as error:
        raise InputError(
            f"the module {module!r} has no {name!r}", where=spec, rule=ENCODERS, found=error
        ) from error
    if inspect.isclass(found) or (inspect.isroutine(found) and _takes_nothing(found)):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise raised(spec, error) from error
    return _source(found, spec, shape)


def _imported(module: str, spec: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no module {module!r}",
                where=spec,
                rule=f"{ENCODERS}; modules are looked for in the working directory first",
                found=f"the working directory {here}",
                remedy="run privkit where the module lies, or install it",
            ) from error
        raise raised(spec, error) from error
    except (Exception, SystemExit) as error:  # whatever the user's module does
        raise raised(spec, error) from error


def _takes_nothing(function: Any) -> bool:
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return False


def _source(found: Any, spec: str, shape: tuple[int, int]) -> Source:
    store = getattr(found, "store", None)
    if callable(store):
        relaxed = getattr(found, "relaxed", None)
        gradient = callable(relaxed) and getattr(found, "differentiable", True)
        return Source(spec, "Python object", store, relaxed if gradient else None)
    if callable(found):
        return from_callable(spec, "Python function", found, shape)
    raise InputError(
        "this is no encoder",
        where=spec,
        rule="a function of pictures, or an object with store()",
        found=type(found).__name__,
    )
