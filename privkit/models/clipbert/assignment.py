"""Assigning the weights of a file to models: all are checked first, all are accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from privkit.errors import InputError
from privkit.models.clipbert.keys import Naming

__all__ = ["LoadReport", "assign", "targets_of"]

#: Names here whose shape depends on the task; with another shape they stay as they are.
_TASK_HEAD = "answerer.classifier."


@dataclass(frozen=True)
class LoadReport:
    """What became of the weights of a file.

    Attributes:
        used: names in the file that were loaded.
        unused: names in the file that were not.
        missing: names of the model that the file has no weights for; they stay as they were.
    """

    used: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def targets_of(**models: nn.Module) -> dict[str, Tensor]:
    """The weights of the models, under the models' names."""
    return {f"{m}.{k}": v for m, model in models.items() for k, v in model.state_dict().items()}


def assign(
    state: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    naming: Naming,
    where: Path,
    *,
    strict: bool,
) -> LoadReport:
    """Check every weight of a file, then copy them all.

    Args:
        state: the file's weights by their names.
        targets: the models' weights; written to.
        naming: how the file names them.
        where: the file, for errors.
        strict: refuse a file that does not fit in every weight; otherwise copy what fits.

    Raises:
        InputError: (strict) a weight is unknown, missing, of another shape or not finite; the
            first five are named.
    """
    sources: dict[str, str] = {}  # name here to name in the file
    met: set[str] = set()
    unused: list[str] = []
    faults: list[str] = []
    for name, value in state.items():
        here = naming.name_here(name)
        if here is None or here not in targets or here in met:
            if not naming.is_unused(name):
                faults.append(f"{name[:100]!r} is unknown")
            unused.append(name)
            continue
        met.add(here)
        shape, own = tuple(value.shape), tuple(targets[here].shape)
        if shape == own and value.isfinite().all():
            sources[here] = name
            continue
        unused.append(name)
        if shape == own:
            faults.append(f"{name} is not finite")
        elif not here.startswith(_TASK_HEAD):
            faults.append(f"{name} has shape {shape}, not {own}")
    missing = tuple(here for here in targets if here not in sources)
    faults += [f"{h} is missing" for h in missing if h not in met and not naming.is_absent(h)]
    if strict and faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise InputError(
            f"{len(faults)} of the weights do not fit the model",
            where=where,
            rule=f"all of the model's {len(targets)} weights, each of its shape, and no others",
            found=", ".join(faults[:5]) + more,
            remedy="build the model as the weights were trained",
        )
    with torch.no_grad():
        for here, name in sources.items():
            targets[here].copy_(state[name])
    return LoadReport(tuple(sources.values()), tuple(unused), missing)
