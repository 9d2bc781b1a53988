"""Training pictures as a network sees them, as a data set again, so that whatever shows a data set can show them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from tuner.augment import Augmentation, augment
from tuner.data import Dataset, Decoded, Sample, decode
from zoo._specs import ImageSpec


def augmented_view(
    dataset: Dataset, split: str, inputs: ImageSpec, augmentation: Augmentation, count: int, seed: int
) -> Dataset:
    """Return `dataset` with `count` changed pictures in place of a split; coordinates in pixels of the model input.

    Pictures of a mosaic come from the same few. Raises: ZooError for an augmentation that does not suit the labels.
    """
    generator = np.random.default_rng(seed)
    samples = dataset.splits[split]
    chosen = np.sort(generator.permutation(len(samples))[:count])
    shown = [samples[row] for row in chosen]
    data = decode(shown, augmentation.kept_at(inputs, shown))
    changed = augment(data, np.arange(len(data)), inputs, augmentation, dataset.keypoints, generator)
    return replace(dataset, splits={**dataset.splits, split: [_sample(changed, row) for row in range(len(changed))]})


def _sample(data: Decoded, row: int) -> Sample:
    height, width = data.images.shape[1:3]
    sides = np.array([width, height], np.float32)
    return Sample(
        key=data.keys[row],
        load=partial(_as_rgb, data.images[row]),
        boxes_px=data.boxes[row] * np.tile(sides, 2),
        classes=data.classes[row],
        keypoints_px=data.keypoints[row] * sides,
        ignore=data.ignore[row],
        label=int(data.labels[row]),
        size_px=(height, width),
    )


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return np.broadcast_to(image, (*image.shape[:2], 3)).copy()
