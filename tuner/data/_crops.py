"""Pictures of single objects, cut out of pictures with boxes: recognition data from a detection data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np

from tuner.data._types import Sample

MIN_CROP_PX = 8


def crop_boxes(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Turn each box into a picture labelled with its class.

    Boxes marked to be ignored are passed over silently, those under 8 pixels are counted in the sentences returned.
    """
    crops, too_small = [], 0
    for sample in samples:
        for row in np.flatnonzero(~sample.ignore):
            left, top = np.floor(sample.boxes_px[row, :2]).astype(int)
            right, bottom = np.ceil(sample.boxes_px[row, 2:]).astype(int)
            if min(right - left, bottom - top) < MIN_CROP_PX:
                too_small += 1
                continue
            window = (slice(int(top), int(bottom)), slice(int(left), int(right)))
            load = partial(_load_crop, sample.load, window)
            crops.append(Sample(key=f"{sample.key}#{row}", load=load, label=int(sample.classes[row])))
    sentences = [f"{too_small} boxes of less than {MIN_CROP_PX} pixels are left out as pictures."] if too_small else []
    return crops, sentences


def _load_crop(load: Callable[[], np.ndarray], window: tuple[slice, slice]) -> np.ndarray:
    return load_whole(load)[window].copy()


@lru_cache(maxsize=8)  # neighbouring crops come from the same picture
def load_whole(load: Callable[[], np.ndarray]) -> np.ndarray:
    """Call `load`, or return what it gave a moment ago; not to be changed."""
    return load()
