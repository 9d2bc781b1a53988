"""From what annotation files say to samples: boxes checked and clipped, bad items named in one sentence each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuner.data._types import Sample
from zoo._errors import BadData

MAX_BAD_SHARE = 0.1
"""A larger share of bad pictures means that the data set is broken, not a few of its files."""

UNSPLIT = "all"
"""Name of the one split of a data set that brings none; `open_dataset` divides it."""


@dataclass(frozen=True)
class Box:
    """One annotation: xyxy pixels inside the picture, class index, keypoints (k, 2) with NaN where unknown."""

    xyxy: tuple[float, float, float, float]
    class_index: int
    keypoints: np.ndarray
    ignore: bool = False


@dataclass
class Loaded:
    """What a loader read. `splits` holds 'train' and 'val', or 'all' alone; `files` the picture file
    behind each key; `skipped` one sentence per bad item."""

    labels: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    splits: dict[str, list[Sample]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    bad_pictures: list[str] = field(default_factory=list)

    def skip_picture(self, sentence: str) -> None:
        """Note a picture that is left out; counts towards the share that makes the whole data set bad."""
        self.skipped.append(sentence)
        self.bad_pictures.append(sentence)


def make_sample(
    key: str, load: Callable[[], np.ndarray], size_px: tuple[int, int], boxes: Sequence[Box], num_keypoints: int
) -> Sample:
    """Gather the boxes of one picture of (height, width) into a sample."""
    return Sample(
        key=key,
        load=load,
        boxes_px=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        classes=np.array([box.class_index for box in boxes], np.int64),
        keypoints_px=np.array([box.keypoints for box in boxes], np.float32).reshape(len(boxes), num_keypoints, 2),
        ignore=np.array([box.ignore for box in boxes], bool),
        size_px=size_px,
    )


def numbers(values: object, count: int) -> tuple[float, ...] | None:
    """Return `values` as that many floats, or None when it is anything else. NaN and infinity pass."""
    if not isinstance(values, list | tuple) or len(values) != count:
        return None
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None


def declared_size(height: object, width: object) -> tuple[int, int] | None:
    """Return (height, width) in pixels, or None where an annotation declares none or, as some tools do, zero."""
    size = numbers([height, width], 2)
    if size is None or not all(math.isfinite(side) and side >= 1 for side in size):
        return None
    return int(size[0]), int(size[1])


def clip_box(xyxy: Sequence[float], height_px: int, width_px: int) -> tuple[float, float, float, float] | str:
    """Clip a box to its picture. Returns the box, or the reason why it cannot be one."""
    if not all(math.isfinite(value) for value in xyxy):
        return "holds a value that is not a finite number"
    x_min, y_min, x_max, y_max = xyxy
    if x_max <= x_min or y_max <= y_min:
        return "has no area"
    if x_min >= width_px or y_min >= height_px or x_max <= 0 or y_max <= 0:
        return f"lies outside the picture of {width_px}x{height_px} pixels"
    return max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(width_px)), min(y_max, float(height_px))


def box_sentence(source: Path, picture: str, reason: str) -> str:
    """The sentence for a box that is left out."""
    return f"{source}: a box of '{picture}' {reason}; the box is left out."


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, at most a dozen of them."""
    names = list(names)
    return (", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")) or "none"


def unknown_class(source: Path, name: object, known: Sequence[str]) -> BadData:
    """The error for an annotation of a class that is not declared."""
    return BadData(
        f"{source} uses the class '{name}', which is not declared. Known classes: {listing(known)}. "
        f"Correct the annotation or declare the class."
    )


def check_bad_share(bad: int, total: int, sentences: Sequence[str]) -> None:
    """Raise BadData when more than a tenth of the pictures is bad, quoting the first sentence about one.

    A single bad picture among good ones is never too many, however small the set.
    """
    if bad > max(MAX_BAD_SHARE * total, min(1, total - 1)):
        raise BadData(
            f"{bad} of {total} pictures cannot be used; up to {MAX_BAD_SHARE:.0%} would be skipped. "
            f"The first: {sentences[0]}"
        )
