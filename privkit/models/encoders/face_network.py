"""privkit's own face network from a safetensors file: the encoder whose weights attacks read."""

from __future__ import annotations

from pathlib import Path

from privkit.models.encoders.source import Source
from privkit.models.face_network_file import load_face_network

__all__ = ["face_network_source"]


def face_network_source(path: Path, shape: tuple[int, int]) -> Source:
    """Load the network.

    Raises:
        InputError: it is damaged, something else, or for pictures of another size.
    """
    network = load_face_network(path, shape[0] * shape[1])
    return Source(str(path), "face network", network.store, network.relaxed, itself=network)
