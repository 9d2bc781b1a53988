"""Training batches: shuffled, augmented, and with the targets that the task makes of them.

What a batch holds follows from the seed, the epoch and its place alone, so a training can be repeated, and one that was
interrupted goes on as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tuner.augment import augment
from tuner.data import Decoded
from tuner.learners import Learner
from tuner.recipe import Recipe
from zoo._specs import GridHead, ImageSpec, ModelSpec


def as_input(images: np.ndarray, inputs: ImageSpec) -> np.ndarray:
    """Map bytes 0..255 onto the value range: uint8 (N, height, width, channels) -> float32 of the same shape."""
    low, high = inputs.value_range
    mapped = images.astype(np.float32)
    mapped /= 255.0  # in place: a batch is large, and allocating it costs more than the arithmetic
    mapped *= high - low
    mapped += low
    return mapped


def keypoint_names(spec: ModelSpec) -> tuple[str, ...]:
    """Return the landmarks that a model predicts, none where its head has no boxes."""
    return spec.head.keypoints if isinstance(spec.head, GridHead) else ()


Batch = tuple[np.ndarray, Mapping[str, np.ndarray]]
"""Images (N, height, width, channels) in the value range of the input, and targets by name, each (N, ...)."""


class Batches:
    """The batches of one epoch after the other. `data` is kept at the size that the recipe's augmentation asks for."""

    def __init__(self, spec: ModelSpec, learner: Learner, data: Decoded, recipe: Recipe) -> None:
        self._spec, self._learner, self._data, self._recipe = spec, learner, data, recipe
        self._repeats_with_extra = repeat_factors(data, recipe.repeat_threshold)
        self._repeats_of_own = repeat_factors(data, recipe.repeat_threshold, own=True)
        self.start_epoch(0)

    def __len__(self) -> int:
        return math.ceil(len(self._data) / self._recipe.batch_size)

    def __getitem__(self, index: int) -> Batch:
        rows = self._order[index * self._recipe.batch_size : (index + 1) * self._recipe.batch_size]
        generator = np.random.default_rng((self._recipe.seed, self._epoch, index))
        batch = augment(
            self._data,
            rows,
            self._spec.inputs,
            self._recipe.augmentation_in(self._epoch),
            keypoint_names(self._spec),
            generator,
            None if self._repeats is None else self._order,
        )
        return as_input(batch.images, self._spec.inputs), self._learner.targets(batch, np.arange(len(rows)))

    def start_epoch(self, epoch: int) -> None:
        """Say which epoch, from 0, the next batches belong to."""
        has_extra = self._recipe.has_extra_in(epoch)
        self._repeats = self._repeats_with_extra if has_extra else self._repeats_of_own
        self._epoch, self._order = epoch, self._shuffled(epoch)

    def _shuffled(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng((self._recipe.seed, epoch))
        if self._repeats is None:
            return generator.permutation(len(self._data))
        places = (np.arange(len(self._data)) + generator.random()) / len(self._data)  # systematic sampling
        shares = np.cumsum(self._repeats)
        return generator.permutation(np.searchsorted(shares / shares[-1], places, side="right"))


def repeat_factors(data: Decoded, threshold: float, *, own: bool = False) -> np.ndarray | None:
    """Return how often each picture is shown beside one of common classes, float (N,); None when all are alike.

    The factor of a class is max(1, sqrt(threshold / share of the pictures that hold it)), that of a picture the largest
    of its classes. With `own`, pictures of further data have the factor 0, and shares are those among the others.
    Source: LVIS (arXiv:1908.03195), section 4.
    """
    rows = np.setdiff1d(np.arange(len(data)), data.extra) if own else np.arange(len(data))
    factors = np.zeros(len(data))
    factors[rows] = 1.0
    if threshold > 0:
        held = [_classes_in(data, row) for row in rows]
        pictures = np.bincount(np.concatenate([np.zeros(0, np.int64), *held]))
        of_class = np.maximum(1.0, np.sqrt(threshold * len(rows) / np.maximum(pictures, 1)))
        factors[rows] = [of_class[classes].max(initial=1.0) for classes in held]
    return factors if len(factors) and np.ptp(factors) > 0 else None


def _classes_in(data: Decoded, row: int) -> np.ndarray:
    """Return the classes of the boxes that count in a picture, or the label of the whole, without repeats."""
    classes, label = data.classes[row], int(data.labels[row])
    if len(classes):
        return np.unique(classes[~data.ignore[row]])
    return np.array([label] if label >= 0 else [], np.int64)
