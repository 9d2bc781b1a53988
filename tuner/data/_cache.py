"""Decoded pictures kept on disk, so that neither a second trial nor a second sweep decodes them again.

One folder per set of pictures and model input: `images.npy`, which is mapped into memory rather than read, and
`rows.json`. Its name is a hash of everything that decides the pixels: the functions that load the pictures with their
arguments, name, length and time of change of each file, the model input, the versions. A folder appears whole, by one
rename; of two processes that build the same one, one wins and both go on. A torn one is noticed and built again.

A cache is never needed: where it cannot be written, or no room is left, pictures are decoded into memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL

from tuner.data._types import Sample
from zoo._files import sync_folder
from zoo._specs import ImageSpec

VERSION = 1
"""Raised when the pixels change that a function of this package gives for the same file."""

CACHE_VARIABLE = "POCKET_ZOO_CACHE"
MAX_BYTES = 20 * 10**9
"""What has not been used for longest goes when the folder outgrows this."""

_PART_PREFIX = ".part-"
_ABANDONED_SECONDS = 24 * 3600.0


class Rows(NamedTuple):
    """What decoding N samples gave: images uint8 (N, height, width, channels) of which the first `len(kept)` count,
    the indices of the samples kept, the (height, width) of each original, one sentence per sample left out."""

    images: np.ndarray
    kept: list[int]
    sizes_px: list[tuple[int, int]]
    skipped: list[str]


def cache_folder() -> Path | None:
    """Return where decoded pictures are kept, or None for nowhere.

    The environment variable POCKET_ZOO_CACHE names a folder, empty for none; else the user's cache folder.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pocket-zoo" / "pictures"


def cache_key(samples: Sequence[Sample], inputs: ImageSpec) -> str | None:
    """Return the name under which these pictures are kept, or None when they do not come from files.

    `Sample.load` tells by itself what it will return where it is a `functools.partial` of a module's function over
    plain values and paths; of anything else nothing is known.
    """
    if not samples or not all(_reads_file(sample.load) for sample in samples):
        return None
    try:
        described = [json.dumps(_plain(sample.load)) for sample in samples]
    except (TypeError, OSError):
        return None
    settings = json.dumps([VERSION, PIL.__version__, repr(inputs)])
    return hashlib.sha256("\n".join([settings, *described]).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_rows(folder: Path, key: str, count: int, inputs: ImageSpec) -> Rows | None:
    """Return what is kept under `key` for `count` samples, or None when it is missing or torn; what is torn goes."""
    place = folder / key
    if not place.is_dir():
        return None
    try:
        images = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        record = json.loads((place / "rows.json").read_bytes())
        kept, skipped = record["kept"], record["skipped"]
        sizes_px = [(int(height), int(width)) for height, width in record["sizes_px"]]
        is_whole = (
            images.shape == (count, *inputs.shape)
            and images.dtype == np.uint8
            and len(kept) == len(sizes_px) <= count
            and len(kept) + len(skipped) == count
            and all(isinstance(row, int) and 0 <= row < count for row in kept)
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        is_whole = False
    if not is_whole:
        shutil.rmtree(place, ignore_errors=True)
        return None
    with contextlib.suppress(OSError):
        os.utime(place)  # used just now
    return Rows(images, kept, sizes_px, skipped)


def build_rows(folder: Path, key: str, count: int, inputs: ImageSpec, fill: Callable[[np.ndarray], Rows]) -> Rows:
    """Let `fill` write the pictures into the cache; where that cannot be, into memory.

    `fill(images)` gets uint8 (count, height, width, channels) and returns what it did. Its own errors pass through.
    """
    with contextlib.ExitStack() as stack:
        try:
            part = stack.enter_context(_part(folder))
            images = _reserve(part / "images.npy", (count, *inputs.shape))
        except OSError:
            return fill(np.empty((count, *inputs.shape), np.uint8))
        rows = fill(images)
        try:
            _write_rows(part, rows)
            _publish(part, folder / key)
        except OSError:
            return rows  # the mapping stays valid although its file is about to lose its name
        shrink(folder, keep=key)
    return rows


def let_go(images: np.ndarray) -> None:
    """Give the memory of mapped pixels back to the system, which writes them to their file; of others, keep it."""
    mapping = getattr(images, "_mmap", None)
    if mapping is not None:
        mapping.madvise(mmap.MADV_DONTNEED)


def shrink(folder: Path, keep: str, max_bytes: int | None = None) -> None:
    """Remove what has not been used for longest until at most `max_bytes` (by default `MAX_BYTES`) are left."""
    left = MAX_BYTES if max_bytes is None else max_bytes
    entries = []
    for place in folder.iterdir():
        with contextlib.suppress(OSError):
            if place.is_dir() and not place.name.startswith("."):
                size = sum(file.stat().st_size for file in place.iterdir())
                entries.append((place.name == keep, place.stat().st_mtime, size, place))
    for is_kept, _, size, place in sorted(entries, reverse=True):
        left -= size
        if left < 0 and not is_kept:
            shutil.rmtree(place, ignore_errors=True)


def _reads_file(load: Any) -> bool:
    return isinstance(load, partial) and any(isinstance(word, Path) or _reads_file(word) for word in load.args)


def _plain(value: Any) -> Any:
    """Return values for JSON that change whenever the pixels do. Raises: TypeError for what cannot be described."""
    if isinstance(value, partial):
        if value.keywords:
            raise TypeError("keywords are not described")
        function = value.func
        return {"call": f"{function.__module__}.{function.__qualname__}", "with": [_plain(item) for item in value.args]}
    if isinstance(value, Path):
        status = value.stat()
        return {"file": str(value.absolute()), "bytes": status.st_size, "changed_ns": status.st_mtime_ns}
    if isinstance(value, slice):
        return ["slice", value.start, value.stop, value.step]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is not described")


@contextlib.contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """Give a scratch folder, removed afterwards unless it was renamed. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_PART_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=folder))
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _reserve(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map a new file of that shape, its room taken first: a full disk would kill a process that writes into a hole."""
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images


def _write_rows(part: Path, rows: Rows) -> None:
    assert isinstance(rows.images, np.memmap)
    rows.images.flush()
    record = {"kept": rows.kept, "sizes_px": rows.sizes_px, "skipped": rows.skipped}
    with (part / "rows.json").open("w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())


def _publish(part: Path, target: Path) -> None:
    with contextlib.suppress(FileExistsError):
        if not target.exists():  # else another process was faster
            os.rename(part, target)
    sync_folder(target.parent)
