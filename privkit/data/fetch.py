"""Fetching face sets over the network, when the user asks for it and never otherwise.

::

    download (pooch) ─► unpack wanted members ─► verify all 400 files ─► rename into the cache

All of it happens in a temporary folder beside the final place, so a cut connection, a hostile
archive or a wrong file leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from privkit.data import att, olivetti
from privkit.data.archives import ArchiveError, unpack
from privkit.data.locations import cache_folder
from privkit.errors import InputError, PrivkitError

__all__ = ["ATT_URLS", "FETCHERS", "FetchError", "fetch_att", "fetch_olivetti"]

ATT_URLS = ("https://www.cl.cam.ac.uk/Research/DTG/attarchive/pub/data/att_faces.zip",)
"""Where the AT&T Faces are published; tried in this order."""

MOST_DOWNLOAD = 16 * 2**20
"""Most bytes of a download, 16 MiB: the set itself is 4 MiB unpacked."""

TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""


class FetchError(PrivkitError):
    """A face set could not be fetched; nothing was left behind."""


def fetch_att(url: str | None = None) -> Path:
    """Fetches the AT&T Faces into the cache and verifies all 400 files.

    A good copy that is already in the cache is left alone; a damaged one is replaced.

    Args:
        url: a zip, tar or tar.gz archive with ``sN/M.pgm``; None tries `ATT_URLS`.

    Returns:
        The folder with ``s1`` to ``s40``.

    Raises:
        FetchError: the download or the verification fails.
    """
    final = cache_folder() / att.FOLDER
    if url is None and final.is_dir() and not att.att_problems(final):
        return final
    urls = ATT_URLS if url is None else (url,)
    failures = []
    for candidate in urls:
        try:
            with _workplace() as work:
                _fetch_att_from(candidate, Path(work), final)
        except FetchError as error:
            failures.append(str(error))
        else:
            return final
    raise FetchError(
        f"{'; '.join(failures)}; remedy: try again, name another archive with --url, or unpack one "
        f"yourself as {att.FOLDER}/s1 to s40 below PRIVKIT_DATA ('privkit data list' verifies it)"
    )


def _workplace() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder beside the final place, so that the last step is a mere renaming."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache)
    except OSError as error:
        raise InputError(
            "the cache cannot be written",
            where=cache,
            found=error.strerror or error,
            remedy="set PRIVKIT_CACHE to a folder that can be written",
        ) from error


def _fetch_att_from(url: str, work: Path, final: Path) -> None:
    archive = _download(url, work)
    try:
        contents = unpack(archive, att.photo_name)
    except ArchiveError as error:
        raise FetchError(f"{url}: the archive is refused: {error}; nothing was kept") from error
    fresh = work / att.FOLDER
    fresh.mkdir()
    for name, content in contents.items():
        path = fresh / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    problems = att.att_problems(fresh)
    if problems:
        raise FetchError(
            f"{url}: this is not the canonical set: {att.told(problems)}; nothing was kept"
        )
    # With the listing beside them, a file that is damaged later can be named.
    (fresh / att.LISTING_NAME).write_text(att.att_listing(fresh), encoding="ascii", newline="\n")
    _put_in_place(fresh, final, work)


def _put_in_place(fresh: Path, final: Path, work: Path) -> None:
    if final.exists():
        final.replace(work / "replaced")
    fresh.replace(final)


def _download(url: str, work: Path) -> Path:
    import pooch
    import requests

    if not url.lower().startswith(("http://", "https://")):
        raise InputError(
            "only http and https addresses are fetched", where="--url", found=url or "nothing"
        )
    # pooch announces each download and its hash at INFO; the command line says it in its own words.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        name = pooch.retrieve(
            url, known_hash=None, fname="archive", path=work, downloader=_limited_download
        )
    except (requests.RequestException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, requests.ConnectionError):
            reason = "the server cannot be reached or fell silent"
        raise FetchError(f"{url}: the download failed: {reason}; nothing was kept") from error
    finally:
        logger.setLevel(level)
    return Path(name)


def _limited_download(url: str, output_file: str | IO[bytes], _pooch: Any) -> None:
    """A downloader for pooch that notices a cut connection and an endless answer."""
    import requests

    with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        received = 0
        with Path(str(output_file)).open("wb") as file:
            for chunk in answer.iter_content(64 * 1024):
                received += len(chunk)
                if received > MOST_DOWNLOAD:
                    raise OSError(f"it is larger than {MOST_DOWNLOAD // 2**20} MiB")
                file.write(chunk)
        promised = answer.headers.get("Content-Length", "")
        encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
        if promised.isdigit() and not encoded and int(promised) != received:
            raise OSError(f"the connection was cut after {received} of {promised} bytes")


def fetch_olivetti(url: str | None = None) -> Path:
    """Fetches the Olivetti Faces with scikit-learn and stores them as plain arrays in the cache.

    scikit-learn verifies the SHA-256 of its download; see `privkit.data.olivetti`.

    Args:
        url: must be None; scikit-learn knows the address.

    Returns:
        The stored file.

    Raises:
        FetchError: the download fails or does not give 40 × 10 pictures.
        InputError: an address was given.
    """
    if url is not None:
        raise InputError(
            "the Olivetti Faces have a fixed address",
            where="--url",
            found=url,
            remedy="leave --url out",
        )
    from sklearn.datasets import fetch_olivetti_faces

    final = cache_folder() / olivetti.FILE
    with _workplace() as work:
        try:
            # scikit-learn prints where it downloads from and warns of each retry.
            with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
                warnings.simplefilter("ignore")
                bunch = fetch_olivetti_faces(data_home=work, shuffle=False)
        # URLError and a cut connection are OSError; a truncated file fails scikit-learn's checksum.
        except (OSError, ValueError) as error:
            raise FetchError(
                f"Olivetti Faces: the download failed: {error}; nothing was kept"
            ) from error
        images = np.asarray(bunch.images)
        target = np.repeat(np.arange(olivetti.PEOPLE), olivetti.PHOTOS)
        if images.shape != (400, *olivetti.SHAPE) or not np.array_equal(bunch.target, target):
            raise FetchError(
                f"Olivetti Faces: 40 x 10 pictures of 64 x 64 were expected, found {images.shape}; "
                "nothing was kept"
            )
        fresh = Path(work) / olivetti.FILE
        olivetti.write_olivetti(np.rint(images * 255).astype(np.uint8), fresh)
        fresh.replace(final)
    return final


FETCHERS: dict[str, Callable[[str | None], Path]] = {"att": fetch_att, "olivetti": fetch_olivetti}
"""Fetching function by the name of the set."""
