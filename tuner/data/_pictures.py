"""Picture files: found by their ending, decoded to RGB bytes, refused with one sentence when unreadable."""

from __future__ import annotations

import io
import ntpath
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from zoo._errors import BadImage, ZooError

Picture = str | Path | np.ndarray
"""A file, or pixels, uint8 (height, width, 3), red first."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MAX_PIXELS = 100_000_000
SIZE_TOLERANCE_PX = 1  # annotation tools round sizes

_BACKDROP = (255, 255, 255, 255)
_ORIENTATION_TAG = 0x0112

# Our own limit is told in a sentence; Pillow's warning would stand beside it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# What Pillow's decoders raise on torn or forged files, beside OSError.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def is_picture(path: Path) -> bool:
    """Tell by its ending whether a file is a picture; hidden files are not."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def is_inside(name: str) -> bool:
    """Tell whether a file name taken from an annotation stays inside the folder that it is joined to."""
    parts = name.replace("\\", "/").split("/")
    is_absolute = not parts[0].strip() or bool(ntpath.splitdrive(name)[0])
    return not is_absolute and ".." not in parts


def find_picture(name: str, roots: list[Path]) -> Path | None:
    """Return the first `root / name` that is a file, or None."""
    paths = (os.path.join(root, name) for root in roots)
    return next((Path(path) for path in paths if os.path.isfile(path)), None)


def picture_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels as displayed, from the file's header alone. Raises BadImage."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (width, height) if _is_turned(image) else (height, width)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None


def encoded_size(encoded: bytes, name: str) -> tuple[int, int]:
    """Return (height, width) in pixels of a picture in memory, as stored. Raises BadImage."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.height, image.width
    except _UNREADABLE as error:
        raise _unreadable(name, error) from None


def picture_traits(path: Path) -> list[str]:
    """Return what a reader of pictures may trip over, as kinds of remarks: 'exif-rotation', 'cmyk', '16-bit', 'alpha'.

    Nothing for a file that cannot be opened, of which `read_picture` tells.
    """
    try:
        with Image.open(path) as image:
            raw_modes = [str(tile[3]) for tile in image.tile]
            has = {
                "exif-rotation": image.getexif().get(_ORIENTATION_TAG, 1) not in (0, 1),
                "cmyk": image.mode == "CMYK",
                "16-bit": image.mode.startswith("I;16") or any(";16" in mode for mode in raw_modes),
                "alpha": image.has_transparency_data,
            }
    except _UNREADABLE:
        return []
    return [kind for kind, is_present in has.items() if is_present]


def read_picture(path: Path, size_px: tuple[int, int] | None = None, span: tuple[int, int] | None = None) -> np.ndarray:
    """Decode one picture file, or with `span`, first byte and length, the part of a file that holds one.

    Applies the EXIF orientation, puts transparent pictures on white, brings 16-bit, grey, palette and CMYK pictures to
    RGB. `size_px` is the (height, width) that the annotations were made for: when it fits only the picture before its
    EXIF orientation, the orientation is not applied, so that boxes stay on their objects.
    Shape: (height, width, 3) uint8.
    Raises: BadImage when the file cannot be decoded, is larger than 100 megapixels or has another size than declared.
    """
    name = path if span is None else f"at byte {span[0]} of {path}"
    try:
        with Image.open(path if span is None else _part(path, *span)) as image:
            _check_pixels(name, image)
            image.load()
            turned = _oriented(image)
            chosen = turned if size_px is None or _fits(turned, size_px) else image
            if size_px is not None and not _fits(chosen, size_px):
                raise BadImage(
                    f"Picture {name} is {turned.width}x{turned.height} pixels, but its annotation was made for "
                    f"{size_px[1]}x{size_px[0]}. Use the original picture or export the annotations again.",
                    "other-size",
                )
            return np.array(_to_rgb(chosen))
    except BadImage:
        raise
    except _UNREADABLE as error:
        raise _unreadable(name, error) from None


def _part(path: Path, start: int, length: int) -> io.BytesIO:
    with path.open("rb") as file:
        file.seek(start)
        return io.BytesIO(file.read(length))


def _unreadable(name: Path | str, error: BaseException) -> BadImage:
    if isinstance(error, Image.DecompressionBombError):
        return BadImage(f"Picture {name} has more than {MAX_PIXELS // 10**6} megapixels. Make it smaller.", "too-large")
    if isinstance(error, FileNotFoundError):
        return BadImage(f"Picture {name} does not exist. Put it there or remove its annotation.", "missing-file")
    reason = "no known picture format" if isinstance(error, Image.UnidentifiedImageError) else str(error).strip()
    return BadImage(f"Picture {name} cannot be decoded ({reason or type(error).__name__}). Replace or remove it.")


def _check_pixels(name: Path | str, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise BadImage(
            f"Picture {name} has {image.width}x{image.height} pixels; allowed are {MAX_PIXELS // 10**6} megapixels. "
            f"Make it smaller.",
            "too-large",
        )


def _fits(image: Image.Image, size_px: tuple[int, int]) -> bool:
    difference = max(abs(image.height - size_px[0]), abs(image.width - size_px[1]))
    return difference <= SIZE_TOLERANCE_PX


def _is_turned(image: Image.Image) -> bool:
    """Tell whether the EXIF orientation swaps height and width. Broken EXIF data count as none."""
    try:
        return image.getexif().get(_ORIENTATION_TAG) in (5, 6, 7, 8)
    except _UNREADABLE:
        return False


def _oriented(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _UNREADABLE:  # good pixels behind broken EXIF data
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _BACKDROP), image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring integers or floats to bytes; the range is taken to be 0..1, 0..255 or 0..65535, whichever holds all."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    is_sixteen_bits = image.mode.startswith("I;16")
    top = 65535.0 if is_sixteen_bits else next((high for high in (1.0, 255.0) if values.max() <= high), 65535.0)
    return Image.fromarray((np.clip(values / top, 0, 1) * 255).round().astype(np.uint8))


def as_pixels(picture: Picture) -> np.ndarray:
    """Return a picture's pixels, uint8 (height, width, 3). Raises: BadImage or ZooError for what is no picture."""
    if not isinstance(picture, np.ndarray):
        path = Path(picture)
        if not path.is_file():
            raise BadImage(f"There is no picture {path}. Name a file such as photo.jpg.")
        return read_picture(path)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ZooError(
            f"A picture's pixels are uint8 (height, width, 3), red first, got {picture.dtype} {picture.shape}. "
            f"np.asarray(Image.open(FILE).convert('RGB')) makes such."
        )
    return picture
