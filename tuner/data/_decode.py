"""The one place where pictures take the size of a model input, and their coordinates become fractions of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tuner.data._annotations import check_bad_share
from tuner.data._cache import Rows, build_rows, cache_key, let_go, read_rows
from tuner.data._types import Decoded, Sample
from zoo._errors import BadImage
from zoo._specs import ImageSpec
from zoo.tasks import letterbox

MAX_THREADS = 8
BLOCK = 256


def decode(
    samples: Sequence[Sample],
    inputs: ImageSpec,
    progress: Callable[[int, int], None] | None = None,
    *,
    cache: Path | None = None,
) -> Decoded:
    """Decode and resize pictures to a model input.

    Shapes: N samples -> images uint8 (N, height, width, channels), boxes and keypoints as fractions of the input.
    `progress(done, total)` is called after each picture. A picture that cannot be read is left out and noted in
    `Decoded.skipped`. With `cache`, a folder such as `cache_folder()` names, pictures that come from files are kept
    there and mapped into memory, so that they need not fit into it and the next call does not decode.
    Raises: BadData when more than a tenth cannot be read.
    """
    total = len(samples)

    def fill(images: np.ndarray) -> Rows:
        return _fill(images, samples, inputs, progress)

    key = cache_key(samples, inputs) if cache is not None else None
    if cache is None or key is None:
        rows = fill(np.empty((total, *inputs.shape), np.uint8))
    elif (found := read_rows(cache, key, total, inputs)) is not None:
        rows = found
        if progress is not None:
            progress(total, total)
    else:
        rows = build_rows(cache, key, total, inputs, fill)
    check_bad_share(len(rows.skipped), total, rows.skipped)
    kept = [samples[row] for row in rows.kept]
    placed = list(zip(kept, rows.sizes_px, strict=True))
    return Decoded(
        images=rows.images[: len(kept)],
        boxes=[np.clip(letterbox.to_input(sample.boxes_px, inputs, *size), 0, 1) for sample, size in placed],
        classes=[sample.classes for sample in kept],
        keypoints=[letterbox.to_input(sample.keypoints_px, inputs, *size) for sample, size in placed],
        ignore=[sample.ignore for sample in kept],
        labels=np.array([sample.label for sample in kept], np.int64),
        sizes_px=np.array(rows.sizes_px, np.int64).reshape(-1, 2),
        keys=tuple(sample.key for sample in kept),
        image_ids=_image_ids(samples, rows.kept),
        skipped=tuple(rows.skipped),
        extra=tuple(row for row, sample in enumerate(kept) if sample.is_extra),
    )


def _image_ids(samples: Sequence[Sample], rows: Sequence[int]) -> tuple[int, ...]:
    own = [sample.image_id for sample in samples if sample.image_id is not None]
    return tuple(own[row] if len(own) == len(samples) else row + 1 for row in rows)


def _fill(
    images: np.ndarray,
    samples: Sequence[Sample],
    inputs: ImageSpec,
    progress: Callable[[int, int], None] | None,
) -> Rows:
    """Write the pictures that can be read to the front of `images`."""
    kept: list[int] = []
    sizes_px: list[tuple[int, int]] = []
    skipped: list[str] = []
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(samples), BLOCK):  # in blocks, since results wait in memory until they are written
            pictures = pool.map(partial(_load_resized, inputs=inputs), samples[start : start + BLOCK])
            for row, picture in enumerate(pictures, start):
                if isinstance(picture, BadImage):
                    skipped.append(str(picture))
                else:
                    images[len(kept)], size_px = picture
                    kept.append(row)
                    sizes_px.append(size_px)
                if progress is not None:
                    progress(row + 1, len(samples))
            let_go(images)
    check_bad_share(len(skipped), len(samples), skipped)
    return Rows(images, kept, sizes_px, skipped)


def resize(picture: np.ndarray, inputs: ImageSpec) -> np.ndarray:
    """Bring one RGB picture uint8 (h, w, 3) to the input (height, width, channels) by the resize rule of `inputs`.

    Bilinear, averaging over the covered pixels when shrinking; grey is the luma of ITU-R 601.
    """
    height, width = letterbox.placed_size(inputs, *picture.shape[:2])
    image = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
    if inputs.channels == 1:
        image = image.convert("L")
    placed = np.full(inputs.shape, inputs.pad_value, np.uint8)
    placed[:height, :width] = np.asarray(image).reshape(height, width, inputs.channels)
    return placed


def _load_resized(sample: Sample, inputs: ImageSpec) -> tuple[np.ndarray, tuple[int, int]] | BadImage:
    try:
        picture = sample.load()
    except BadImage as error:
        return error
    return resize(picture, inputs), (picture.shape[0], picture.shape[1])
