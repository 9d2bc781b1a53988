"""What a loader hands over: labelled pictures that are not decoded yet, in named splits.

Loaders keep the coordinates of the annotation files: pixels of the original picture. They become fractions of the
model input in one place, `tuner.data.decode`, together with the resize of the picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.data._findings import Finding


def _no_boxes() -> np.ndarray:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    `load()` returns RGB uint8 (height, width, 3) or raises BadImage. Shapes: boxes_px (n, 4) as xyxy pixels of that
    picture, classes (n,) index into the data set's labels, keypoints_px (n, k, 2) with NaN where not annotated,
    ignore (n,) True where the box is neither a hit nor a miss. `label` is the class or identity index of the whole
    picture, -1 where the data set labels boxes. `size_px` is the picture's (height, width) where it is known without
    loading; for pictures with boxes it is. `image_id` is the number by which a COCO file knows it. `is_extra` says that
    it comes from further data, to learn from beside the data set's own.
    """

    key: str
    load: Callable[[], np.ndarray]
    boxes_px: np.ndarray = field(default_factory=_no_boxes)
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    keypoints_px: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2), np.float32))
    ignore: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    label: int = -1
    size_px: tuple[int, int] | None = None
    image_id: int | None = None
    is_extra: bool = False


@dataclass(frozen=True)
class Dataset:
    """A data set as opened: labels, splits ('train' and 'val'), what is wrong with it.

    `findings` tells what the annotations have wrong, `notes` what was decided on the user's behalf.
    `labels` are class names; for identity data they are the identities, train and val disjoint. `category_ids` are the
    numbers by which a COCO file knows the labels; elsewhere there are none.
    """

    name: str
    format: str
    labels: tuple[str, ...]
    splits: Mapping[str, Sequence[Sample]]
    keypoints: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()

    @property
    def skipped(self) -> tuple[str, ...]:
        """One sentence per annotation or picture left out."""
        return tuple(finding.sentence for finding in self.findings if finding.is_fault)

    @property
    def digest(self) -> str:
        """SHA-256 over keys and annotations of all splits: tells whether two runs saw the same labels."""
        hasher = hashlib.sha256()
        for split in sorted(self.splits):
            hasher.update(split.encode())
            for sample in self.splits[split]:
                hasher.update(sample.key.encode("utf-8", "surrogatepass"))
                for values in (sample.boxes_px, sample.classes, sample.keypoints_px, sample.ignore):
                    hasher.update(np.ascontiguousarray(values).tobytes())
                hasher.update(str(sample.label).encode())
        return hasher.hexdigest()


@dataclass(frozen=True)
class Decoded:
    """Pictures at model size, ready for training.

    Shapes: images uint8 (N, height, width, 3); per picture boxes float32 (n, 4) xyxy fractions of the model input,
    classes int64 (n,), keypoints float32 (n, k, 2) fractions of the model input, NaN where not annotated,
    ignore bool (n,); labels int64 (N,). `sizes_px` (N, 2) holds height and width of each original picture.
    `image_ids` are the numbers of the data set's own file, or count its samples from 1, those left out included.
    `extra` are the rows that further data brought, rising.
    """

    images: np.ndarray
    boxes: list[np.ndarray]
    classes: list[np.ndarray]
    keypoints: list[np.ndarray]
    ignore: list[np.ndarray]
    labels: np.ndarray
    sizes_px: np.ndarray
    keys: tuple[str, ...]
    image_ids: tuple[int, ...] = ()
    skipped: tuple[str, ...] = ()
    extra: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> Decoded:
        """Return the given rows, in that order."""
        return Decoded(
            images=self.images[rows],
            boxes=[self.boxes[row] for row in rows],
            classes=[self.classes[row] for row in rows],
            keypoints=[self.keypoints[row] for row in rows],
            ignore=[self.ignore[row] for row in rows],
            labels=self.labels[rows],
            sizes_px=self.sizes_px[rows],
            keys=tuple(self.keys[row] for row in rows),
            extra=tuple(np.flatnonzero(np.isin(rows, self.extra)).tolist()),
        )
