"""Features of a frozen backbone, computed once: float16, memory-mapped, keyed by all they rest on.

Training reads these instead of decoding videos again and again. That is exact as long as the
backbone is frozen and frames are sampled in the middle of their segments.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privkit.data.videos.decode import video_sha256
from privkit.data.videos.frames import load_clips
from privkit.errors import InputError
from privkit.models.clipbert.grid import GridBackbone
from privkit.runs import write_atomically
from privkit.videoqa.configuration import VideoConfig
from privkit.workers import usable_cores

__all__ = [
    "GridFeatures",
    "backbone_sha256",
    "cached_features",
    "open_features",
    "videos_sha256",
    "weights_sha256",
]

#: Videos a step: the step is the unit of resuming, so its size is fixed.
_STEP = 16
#: Seconds between writing down how far it got.
_KEPT_EVERY = 2.0
_VERSION = 2
#: What features rest on.
_KEY = ("version", "videos", "backbone", "sampling", "count")


@dataclass(frozen=True)
class GridFeatures:
    """Backbone features of videos.

    Attributes:
        x: ``(rows, T, h, w, D)``, float16, memory-mapped.
        row: the row of each video that could be decoded.
        skipped: why each other video was left out.
        key: what the features rest on: hashes of videos and backbone, and the sampling.
        hashes: the hash of each row's video.
    """

    x: NDArray[np.float16]
    row: Mapping[str, int]
    skipped: Mapping[str, str]
    key: Mapping[str, Any]
    hashes: Sequence[str]

    @property
    def shape(self) -> tuple[int, ...]:
        """``(T, h, w, D)``."""
        return tuple(self.x.shape[1:])

    def take(self, videos: Sequence[str]) -> Tensor:
        """The features of these videos, ``(n, T, h, w, D)``, float32."""
        rows = [self.row[video] for video in videos]
        return torch.from_numpy(self.x[rows].astype(np.float32))


def weights_sha256(module: torch.nn.Module) -> str:
    """Hash of all weights and buffers, with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def backbone_sha256(backbone: GridBackbone) -> str:
    """Hash of a backbone: its weights, and what is not among them, as strides and normalisation."""
    config = json.dumps(asdict(backbone.config), sort_keys=True)
    return hashlib.sha256(f"{weights_sha256(backbone)} {config}".encode()).hexdigest()


def cached_features(
    videos: Mapping[str, Path],
    backbone: GridBackbone,
    sampling: VideoConfig,
    *,
    cache: Path,
    device: str = "cpu",
    tick: Callable[[str, int, int], None] | None = None,
) -> GridFeatures:
    """The features of these videos, from the cache or computed into it.

    Args:
        videos: name and file of each.
        backbone: frozen; used in inference mode.
        sampling: size, clips and frames; frames in the middle of their segments.
        cache: folder of caches; one that was begun and not finished is gone on with.
        device: where the backbone runs.
        tick: called with the step's name, videos done and their number.

    Returns:
        The features. A video that cannot be decoded is in ``skipped`` with the reason.

    Raises:
        InputError: no video can be decoded.
    """
    names = sorted(videos)
    key = {
        "version": _VERSION,
        "videos": videos_sha256(videos),
        "backbone": backbone_sha256(backbone),
        "sampling": [sampling.size, sampling.clips, sampling.frames],
        "count": len(names),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    folder = cache / f"features-{digest}"
    if not (folder / "videos.json").is_file():
        with _alone(folder):
            if not (folder / "videos.json").is_file():
                _compute(folder, names, videos, backbone, sampling, key, device, tick)
    return open_features(folder)


def open_features(
    folder: Path,
    *,
    backbone: GridBackbone | None = None,
    sampling: VideoConfig | None = None,
    videos: Mapping[str, Path] | None = None,
) -> GridFeatures:
    """Open a cache of features.

    Args:
        folder: the cache.
        backbone: the backbone that the features must come from; ``None`` to take any.
        sampling: size, clips and frames that they must be made with; ``None`` to take any.
        videos: files that they must be made from, as far as all of them are there: features are
            also used where the videos are not.

    Raises:
        InputError: no cache, an unfinished or damaged one, or one of another backbone, sampling or
            of other videos.
    """
    try:
        described = json.loads((folder / "videos.json").read_text(encoding="utf-8"))
        x = np.load(folder / "x.npy", mmap_mode="r", allow_pickle=False)
        names, skipped = list(described["names"]), dict(described["skipped"])
        key = {name: described["key"][name] for name in _KEY}
        hashes = list(described["hashes"])
        whole = x.ndim == 5 and x.dtype == np.float16 and len(x) == len(names) == len(hashes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this is no finished cache of features",
            where=folder,
            rule="a folder with x.npy and videos.json",
            found=type(error).__name__,
            remedy="remove the folder; it is computed again",
        ) from None
    if not whole:
        raise InputError(
            "the cache of features is damaged",
            where=folder,
            rule=f"float16 of shape ({len(names)}, T, h, w, D)",
            found=f"{x.dtype} of shape {x.shape}",
            remedy="remove the folder; it is computed again",
        )
    if backbone is not None and key["backbone"] != (own := backbone_sha256(backbone)):
        raise InputError(
            "the cache was made by another backbone",
            where=folder,
            rule=f"weights and settings with SHA-256 {own[:12]}…",
            found=f"{key['backbone'][:12]}…",
            remedy="give the backbone that made it, or let the features be computed again",
        )
    there = {name: videos[name] for name in names if name in videos} if videos else {}
    if len(there) == len(names) and key["videos"] != videos_sha256(there):
        raise InputError(
            "the cache was made from other videos of the same names",
            where=folder,
            rule="the bytes of every video are those that were decoded",
            remedy="let the features be computed again",
        )
    asked = sampling and [sampling.size, sampling.clips, sampling.frames]
    if asked and key["sampling"] != asked:
        raise InputError(
            "the cache was made with another sampling of frames",
            where=folder,
            rule=f"video.size, video.clips, video.frames = {asked}",
            found=key["sampling"],
            remedy="set the three as they are in the cache, or let the features be computed again",
        )
    row = {name: n for n, name in enumerate(names) if name not in skipped}
    return GridFeatures(x, row, skipped, key, hashes)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time fill a cache; the lock of one that was killed is free."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def videos_sha256(videos: Mapping[str, Path]) -> str:
    """Hash of the videos' names and bytes, whatever the order they are given in."""
    names = sorted(videos)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(4) as pool:
        hashes = pool.map(_file_sha256, (videos[name] for name in names))
        for name, video in zip(names, hashes, strict=True):
            digest.update(f"{name}\0{video}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _file_sha256(path: Path) -> str:
    """The hash of a file; a process that asks again, as a sweep does, reads it once.

    A file that cannot be read has the reason as its hash: it is left out when it is decoded.
    """
    try:
        facts = path.stat()
        return _hash_of(path, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        return f"unreadable: {error.errno}"


@lru_cache(maxsize=200_000)
def _hash_of(path: Path, _size: int, _changed: int) -> str:
    return video_sha256(path)


def _compute(
    folder: Path,
    names: Sequence[str],
    videos: Mapping[str, Path],
    backbone: GridBackbone,
    sampling: VideoConfig,
    key: Mapping[str, Any],
    device: str,
    tick: Callable[[str, int, int], None] | None,
) -> None:
    """Fill the cache step by step; ``progress.json`` counts the steps that are on the disk."""
    backbone = backbone.to(device).eval()
    unfinished = folder.with_name(folder.name + ".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    done, skipped = _progress(unfinished)
    x: NDArray[np.float16] | None = None
    if done:
        x = np.lib.format.open_memmap(unfinished / "x.npy", mode="r+")
    steps = [names[n : n + _STEP] for n in range(0, len(names), _STEP)]
    hashes = {name: _file_sha256(videos[name]) for name in names}
    known = _known(folder.parent, key)
    written = time.monotonic()

    def begin(n: int) -> list[Future[Tensor | str] | None]:
        return [
            None if hashes[v] in known else pool.submit(_load, videos[v], sampling, backbone)
            for v in steps[n]
        ]

    with ThreadPoolExecutor(usable_cores()) as pool:  # FFmpeg decodes outside Python's lock
        pending = begin(done) if done < len(steps) else []
        for n in range(done, len(steps)):
            loading, pending = pending, begin(n + 1) if n + 1 < len(steps) else []
            for place, (name, future) in enumerate(zip(steps[n], loading, strict=True)):
                loaded = None if future is None else future.result()
                if isinstance(loaded, str):
                    skipped[name] = loaded
                    continue
                features = known[hashes[name]] if loaded is None else _one(backbone, loaded, device)
                if x is None:
                    shape = (len(names), *features.shape)
                    x = np.lib.format.open_memmap(
                        unfinished / "x.npy", mode="w+", dtype=np.float16, shape=shape
                    )
                x[n * _STEP + place] = features
            if x is not None and (n == len(steps) - 1 or time.monotonic() - written > _KEPT_EVERY):
                x.flush()  # type: ignore[attr-defined]
                _write_progress(unfinished, n + 1, skipped)
                written = time.monotonic()
            if tick is not None:
                tick("backbone features", min((n + 1) * _STEP, len(names)), len(names))
    if x is None:
        raise InputError(
            "no video can be decoded",
            where=next(iter(skipped), "videos"),
            rule="at least one usable video",
            found="; ".join(list(skipped.values())[:3]),
        )
    described = {
        "names": list(names),
        "skipped": skipped,
        "key": dict(key),
        "hashes": [hashes[name] for name in names],
    }
    (unfinished / "progress.json").unlink(missing_ok=True)
    (unfinished / "videos.json").write_text(json.dumps(described, indent=1), encoding="utf-8")
    if folder.exists():  # without its videos.json
        shutil.rmtree(folder)
    unfinished.rename(folder)


def _known(cache: Path, key: Mapping[str, Any]) -> dict[str, NDArray[np.float16]]:
    """By a video's hash, its features in other sets of the same backbone and sampling.

    The tasks of a data set share their videos, and a test split is part of the whole.
    """
    known: dict[str, NDArray[np.float16]] = {}
    for folder in sorted(cache.glob("features-*/")):
        try:
            kept = open_features(folder)
        except InputError:
            continue  # unfinished or damaged: it is no loss
        if all(kept.key[name] == key[name] for name in ("version", "backbone", "sampling")):
            known |= {kept.hashes[row]: kept.x[row] for row in kept.row.values()}
    return known


@torch.no_grad()
def _one(backbone: GridBackbone, clips: Tensor, device: str) -> NDArray[np.float16]:
    """The features of one video, ``(T, h, w, D)``: never of several at once.

    The last digits of a batched convolution may depend on the batch, and with them, a code. A
    frame that is shown at several of the sampled times, as in short videos, is computed once.
    """
    shown, place = torch.unique_consecutive(clips.flatten(0, 1), dim=0, return_inverse=True)
    grids: Tensor = backbone(shown.to(device))[place.to(device)]
    x = grids.reshape(*clips.shape[:2], *grids.shape[1:]).mean(1).cpu().to(torch.float16)
    if not torch.isfinite(x).all():
        raise InputError(
            "the backbone's features are not finite in float16",
            rule="below 65,504, so that they can be kept in two bytes",
            remedy="check the weights, and the mean and std of their frames",
        )
    found: NDArray[np.float16] = x.numpy()
    return found


def _load(path: Path, sampling: VideoConfig, backbone: GridBackbone) -> Tensor | str:
    """The clips of a video ``(T, f, 3, S, S)``, or why there are none."""
    try:
        return load_clips(
            path,
            size=sampling.size,
            clips=sampling.clips,
            frames=sampling.frames,
            mean=backbone.config.mean,
            std=backbone.config.std,
        )
    except InputError as error:
        return f"{error.what}" + (f"; found: {error.found}" if error.found is not None else "")


def _progress(folder: Path) -> tuple[int, dict[str, str]]:
    try:
        kept = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        return int(kept["done"]), dict(kept["skipped"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, {}


def _write_progress(folder: Path, done: int, skipped: Mapping[str, str]) -> None:
    text = json.dumps({"done": done, "skipped": dict(skipped)})

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    write_atomically(folder / "progress.json", write)
