"""What a sketch consists of as plain values, and the checksum that tells whether two are the same.

The checksum names a sketch in those that were made of it, so that no stream is counted twice: not
under another name, and not as part of a sum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from privkit.anonymity.sketch.sketch import Sketch

__all__ = ["ARRAYS", "SKETCH_SCHEMA", "checksum", "contents"]

SKETCH_SCHEMA = "privkit-sketch/2"

ARRAYS = {
    "identities": np.uint64,
    "ranks": np.uint64,
    "records": np.int64,
    "pair_classes": np.uint64,
    "pair_people": np.uint64,
    "crowd": np.uint64,
}
"""The arrays by name, and their types; the last is the sample's, the others those of ``Held``."""


def contents(sketch: Sketch) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what describes a sketch, fit for JSON, and its arrays by name."""
    sample = sketch.sample
    arrays = {name: getattr(sample.held, name) for name in ARRAYS if name != "crowd"}
    arrays["crowd"] = sample.crowd
    about = {
        "schema": SKETCH_SCHEMA,
        "key": sketch.fingerprint,
        "public": sketch.public,
        "layout": asdict(sketch.layout),
        "most": sketch.most,
        "people_cap": sketch.people_cap,
        "n": sample.n,
        "level": sample.level,
        "sources": sorted(sketch.sources),
    }
    return about, {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def checksum(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the BLAKE2b of :func:`contents`, 64 hex digits."""
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=32)
    for name in sorted(arrays):
        head = f"{name} {arrays[name].dtype} {arrays[name].shape}\n"
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
