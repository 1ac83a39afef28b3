"""Reading one picture file strictly: whole, of a known format and of a sane size."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from privkit.errors import InputError

__all__ = ["PICTURE_ENDINGS", "fit", "read_grey"]

PICTURE_ENDINGS = frozenset({".pgm", ".png", ".jpg", ".jpeg", ".gif"})
FORMATS = ("PPM", "PNG", "JPEG", "GIF")
LARGEST = 50_000_000
"""Most pixels that a picture may declare; a photograph of 48 megapixels still passes."""


def read_grey(path: Path, name: str | None = None) -> Image.Image:
    """Reads a picture as 8-bit grey.

    Colour is turned into luma (ITU-R 601), 16-bit values are scaled to 8 bits, transparency is laid
    over mid grey, a camera's orientation mark is obeyed and of an animation the first frame counts.

    Args:
        path: the file.
        name: how errors name it; its path by default.

    Raises:
        InputError: the file is empty, truncated, not a picture, or declares too many pixels.
    """
    where = name or path
    try:
        if path.stat().st_size == 0:
            raise InputError("the picture is empty", where=where, found="0 bytes", remedy=REMEDY)
        # Another library may have told Pillow to fill up truncated pictures; here that is an error.
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # broken EXIF of a whole picture
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=FORMATS) as picture:
                    return _grey(picture, where)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(where, str(error)) from error
    except UnidentifiedImageError as error:
        raise InputError(
            "the file is not a picture that can be read",
            where=where,
            rule="PGM, PNG, JPEG or GIF",
            remedy=REMEDY,
        ) from error
    # Pillow's readers raise all of these on broken files.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as error:
        raise InputError(
            "the picture cannot be read", where=where, found=error, remedy=REMEDY
        ) from error


REMEDY = "replace the file or take it out of the folder"


def _too_large(where: object, found: str) -> InputError:
    return InputError(
        "the picture is too large",
        where=where,
        rule=f"at most {LARGEST:,} pixels",
        found=found,
        remedy=REMEDY,
    )


def _grey(picture: Image.Image, where: object) -> Image.Image:
    if picture.width * picture.height > LARGEST:
        raise _too_large(where, f"{picture.width} x {picture.height} pixels")
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):
        values = np.asarray(upright).astype(np.float64) / 257
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if upright.mode == "F":
        raise InputError("the picture has floating-point values", where=where, remedy=REMEDY)
    if upright.has_transparency_data:
        clear = upright.convert("RGBA")
        ground = Image.new("RGBA", clear.size, (128, 128, 128, 255))
        upright = Image.alpha_composite(ground, clear)
    return upright.convert("L")


def fit(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resizes a grey picture, keeping its aspect, until it covers ``size``, and crops the middle.

    A picture that has the size already is returned unchanged, value by value.

    Args:
        picture: a grey picture.
        size: height and width in pixels.

    Returns:
        Grey values, shape ``size``.
    """
    height, width = size
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.uint8)
