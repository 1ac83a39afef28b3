"""Stored codes: what remains of a video when it is encoded and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privkit.errors import InputError
from privkit.features.codes import MAX_BITS, Codes
from privkit.models.featcomp import FeatComp
from privkit.videoqa.batches import VideoSource
from privkit.videoqa.frames import Frames
from privkit.videoqa.model import FewBitVideoQA

__all__ = ["StoredVideos", "check_stores_code", "encode", "write_codes"]

_BATCH = 256


@dataclass(frozen=True)
class StoredVideos:
    """The codes of videos.

    Attributes:
        codes: one row a video.
        videos: their names, in the order of the rows.
    """

    codes: Codes
    videos: tuple[str, ...]

    def take(self, videos: Sequence[str]) -> Tensor:
        """The codes of these videos as ±1, ``(n, bits)``: a source for training."""
        row = {name: n for n, name in enumerate(self.videos)}
        rows = np.array([row[video] for video in videos])
        packed = Codes.from_packed(self.codes.packed[rows], self.codes.bits)
        return torch.from_numpy(packed.to_signs())


@torch.no_grad()
def encode(
    model: FewBitVideoQA,
    videos: Sequence[str],
    source: VideoSource,
    *,
    device: str = "cpu",
    tick: Callable[[str, int, int], None] | None = None,
) -> StoredVideos:
    """Encode videos; a code depends on its own video only.

    Of a video with n times the model's T clips each group of T clips is encoded alone, and the n
    codes are joined, the first group first: the n·N bits of the paper's 4×FeatComp.

    Args:
        model: with a FeatComp bottleneck, in inference mode.
        videos: names.
        source: their features, or frames for a model with a backbone.
        device: where the model lies.
        tick: progress.

    Raises:
        InputError: the model stores no code, or the number of clips is not a multiple of T.
    """
    bottleneck = check_stores_code(model)
    model.eval()
    size = source.at_once if isinstance(source, Frames) else _BATCH
    rows: list[NDArray[np.uint8]] = []
    for start in range(0, len(videos), size):
        # One at a time: the last digits of a product of matrices may depend on the batch, and
        # with them the sign of a logit next to 0.
        for video in source.take(videos[start : start + size]).to(device):
            groups = model.grouped(model.features(video[None]))
            codes = [bottleneck.encode(group[None]) for group in groups]
            rows.append(torch.cat(codes, 1).cpu().numpy())
        if tick is not None:
            tick("encode", min(start + size, len(videos)), len(videos))
    return StoredVideos(Codes.from_matrix(np.concatenate(rows)), tuple(videos))


def check_stores_code(
    model: FewBitVideoQA, where: object | None = None, *, times: int = 1
) -> FeatComp:
    """The bottleneck of a model that stores codes.

    Args:
        model: any.
        where: its file, for the error.
        times: how many of its codes are joined.

    Raises:
        InputError: the model stores floats, or nothing, or the joined code is too long.
    """
    if isinstance(model.stored, FeatComp):
        if times * model.stored.bits > MAX_BITS:
            raise InputError(
                "the joined code is too long",
                where="--clips",
                rule=f"at most {MAX_BITS:,} bits a video",
                found=f"{times} codes of {model.stored.bits:,} bits",
                remedy="fewer clips",
            )
        return model.stored
    stores = "floats" if isinstance(model.stored, nn.Identity) else "no code of its own"
    raise InputError(
        "this model has no code to store",
        where=where,
        rule="a model of FeatComp, reconstruction-only or task+reconstruction",
        found=f"a model that stores {stores}",
        remedy="train one with --bits",
    )


def write_codes(folder: Path, stored: StoredVideos) -> None:
    """Write ``codes.npy`` (packed, ``(videos, ceil(N / 8))``) and ``videos.txt``, a name a line.

    Raises:
        InputError: a name has a line feed.
    """
    broken = [name for name in stored.videos if "\n" in name]
    if broken:
        raise InputError(
            "the name of a video has a line feed",
            where="videos.txt",
            rule="a name a line",
            found=repr(broken[0]),
            remedy="rename the video",
        )
    np.save(folder / "codes.npy", stored.codes.packed, allow_pickle=False)
    lines = "".join(f"{name}\n" for name in stored.videos)
    (folder / "videos.txt").write_text(lines, encoding="utf-8", newline="\n")
