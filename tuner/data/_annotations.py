"""From what annotation files say to samples: boxes checked and clipped, bad items named in one sentence each."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tuner.data._findings import Finding
from tuner.data._types import Sample
from zoo._errors import BadData

MAX_NAME = 200
MAX_SENTENCE = 600
"""Longer ones quote a name that no file has."""

MAX_BEYOND_PX = 1.0
"""Boxes of annotation tools reach this far beyond a picture by rounding."""

MAX_BAD_SHARE = 0.1
"""A larger share of bad pictures means that the data set is broken, not a few of its files."""

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 40

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
    """What a loader read.

    `splits` holds 'train' and 'val', or 'all' in their place; `files` the picture file behind each key, or `hashes` the
    SHA-256 of its bytes where it is part of a larger file; `category_ids` the numbers of the labels in a file that
    gives them some; `findings` what is wrong; `bad_pictures` the sentences about pictures that are left out.
    """

    labels: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()
    splits: dict[str, list[Sample]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    bad_pictures: list[str] = field(default_factory=list)

    def report(self, kind: str, file: Path | str, sentence: str) -> None:
        """Record something wrong with an annotation; a fault is left out."""
        if len(sentence) > MAX_SENTENCE:
            sentence = f"{sentence[: MAX_SENTENCE - 200]} ... {sentence[-190:]}"
        self.findings.append(Finding(kind, str(file), sentence))

    def skip_picture(self, kind: str, file: Path | str, sentence: str) -> None:
        """Record a picture that is left out; counts towards the share that makes the whole data set bad."""
        self.report(kind, file, sentence)
        self.bad_pictures.append(sentence)

    def unknown_class(self, source: Path, name: object, known: Sequence[str]) -> None:
        """Record an annotation of a class that is not declared. Its box, where it has one, is to be ignored."""
        shown = name if isinstance(name, str) else brief(name)
        self.report(
            "unknown-class",
            source,
            f"{source} uses the class '{shown}', which is not declared. Known classes: {listing(known)}. "
            f"Correct the annotation or declare the class.",
        )

    def place_box(
        self, source: Path, picture: str, xyxy: Sequence[float], size_px: tuple[int, int]
    ) -> tuple[float, float, float, float] | None:
        """Clip a box in pixels to its picture of (height, width), or record why it is left out and return None."""
        placed = clip_box(xyxy, *size_px)
        if isinstance(placed, BoxFault):
            self.report(placed.kind, source, f"{source}: a box of '{picture}' {placed.reason}; the box is left out.")
            return None
        beyond = max(abs(given - kept) for given, kept in zip(xyxy, placed, strict=True))
        if beyond > MAX_BEYOND_PX:
            self.report("clipped", source, f"{source}: a box of '{picture}' reaches {beyond:.0f} pixels beyond it.")
        return placed


def make_sample(
    key: str,
    load: Callable[[], np.ndarray],
    size_px: tuple[int, int],
    found: Sequence[Box | None],
    num_keypoints: int,
    image_id: int | None = None,
) -> Sample:
    """Gather the boxes of one picture of (height, width) into a sample; None stands for one that is left out.

    Where none is left of several, the whole picture is ignored: it must not teach that nothing is there.
    """
    boxes = [box for box in found if box is not None]
    if found and not boxes:
        everywhere = (0.0, 0.0, float(size_px[1]), float(size_px[0]))
        boxes = [Box(everywhere, 0, np.full((num_keypoints, 2), np.nan, np.float32), ignore=True)]
    return Sample(
        key=key,
        load=load,
        boxes_px=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        classes=np.array([box.class_index for box in boxes], np.int64),
        keypoints_px=np.array([box.keypoints for box in boxes], np.float32).reshape(len(boxes), num_keypoints, 2),
        ignore=np.array([box.ignore for box in boxes], bool),
        size_px=size_px,
        image_id=image_id,
    )


def numbers(values: object, count: int) -> tuple[float, ...] | None:
    """Return `values` as that many floats, or None when it is anything else. NaN and infinity pass."""
    if not isinstance(values, list | tuple) or len(values) != count:
        return None
    try:
        return tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        return None


def declared_size(height: object, width: object) -> tuple[int, int] | None:
    """Return (height, width) in pixels, or None where an annotation declares none or, as some tools do, zero."""
    size = numbers([height, width], 2)
    if size is None or not all(math.isfinite(side) and side >= 1 for side in size):
        return None
    return int(size[0]), int(size[1])


class BoxFault(NamedTuple):
    """Why a box cannot be one: kind of finding, and the reason in words."""

    kind: str
    reason: str


def clip_box(xyxy: Sequence[float], height_px: int, width_px: int) -> tuple[float, float, float, float] | BoxFault:
    """Clip a box to its picture. Returns the box, or the reason why it cannot be one."""
    if not all(math.isfinite(value) for value in xyxy):
        return BoxFault("not-finite", "holds a value that is not a finite number")
    x_min, y_min, x_max, y_max = xyxy
    if x_max <= x_min or y_max <= y_min:
        return BoxFault("no-area", "has no area")
    if x_min >= width_px or y_min >= height_px or x_max <= 0 or y_max <= 0:
        return BoxFault("outside-picture", f"lies outside the picture of {width_px}x{height_px} pixels")
    return max(x_min, 0.0), max(y_min, 0.0), min(x_max, float(width_px)), min(y_max, float(height_px))


def brief(value: object) -> str:
    """What a file holds, for a message: short, however long or deep it is."""
    return _REPR.repr(value)


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, at most a dozen of them, none longer than a path."""
    names = [name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}..." for name in names]
    return (", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")) or "none"


def check_bad_share(bad: int, total: int, sentences: Sequence[str]) -> None:
    """Raise BadData when more than a tenth of the pictures is bad, quoting the first sentence about one.

    A single bad picture among good ones is never too many, however small the set.
    """
    if bad > max(MAX_BAD_SHARE * total, min(1, total - 1)):
        raise BadData(
            f"{bad} of {total} pictures cannot be used; up to {MAX_BAD_SHARE:.0%} would be skipped. "
            f"The first: {sentences[0]}"
        )
