"""What an encoder returned, as rows of finite numbers, or an error that says what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from privkit.errors import InputError
from privkit.models.encoders.source import Source, raised

__all__ = ["encoded", "returned"]


def encoded(source: Source, pixels: NDArray[np.float32], width: int | None) -> NDArray[np.float32]:
    """Encode pictures ``(n, h·w)``: ``(n, width)``.

    Raises:
        InputError: the encoder raises, or returns something else than one row of finite numbers a
            picture.
    """
    try:
        out = source.store(np.array(pixels, np.float32))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise raised(source.name, error) from error
    values = _as_array(out)
    if values is None or values.ndim < 2 or len(values) != len(pixels) or not values.size:
        raise returned(source.name, out, len(pixels), width)
    with np.errstate(over="ignore", invalid="ignore"):
        rows = values.reshape(len(values), -1).astype(np.float32)
    if width is not None and rows.shape[1] != width:
        raise returned(source.name, out, len(pixels), width)
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise InputError(
            "the encoder returned NaN or infinity",
            where=source.name,
            rule="finite numbers",
            found=f"in {len(bad)} of {len(rows)} rows, first in row {bad[0]}",
        )
    return rows


def _as_array(out: Any) -> NDArray[Any] | None:
    """Return what an encoder returned as an array of real numbers, ``None`` if it is none."""
    import torch

    if isinstance(out, torch.Tensor):
        if out.dtype.is_complex or out.is_sparse:
            return None
        out = out.detach().cpu()
        return np.asarray(out.float().numpy() if out.dtype == torch.bfloat16 else out.numpy())
    if isinstance(out, np.ndarray) and out.dtype.kind in "biuf":
        return out
    return None


def returned(name: str, out: Any, n: int, width: int | None) -> InputError:
    """Say in one line what the encoder ``name`` returned for ``n`` pictures instead of features."""
    shape = getattr(out, "shape", None)
    kind = type(out).__name__
    return InputError(
        "the encoder returned something else than features",
        where=name,
        rule=f"for {n} pictures a tensor or an array of shape ({n}, {width or 'width'})",
        found=kind if shape is None else f"{kind} of {out.dtype}, shape {tuple(shape)}",
    )
