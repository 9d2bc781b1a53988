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
        self.start_epoch(0)

    def __len__(self) -> int:
        return math.ceil(len(self._data) / self._recipe.batch_size)

    def __getitem__(self, index: int) -> Batch:
        rows = self._order[index * self._recipe.batch_size : (index + 1) * self._recipe.batch_size]
        generator = np.random.default_rng((self._recipe.seed, self._epoch, index))
        batch = augment(
            self._data, rows, self._spec.inputs, self._recipe.augmentation, keypoint_names(self._spec), generator
        )
        return as_input(batch.images, self._spec.inputs), self._learner.targets(batch, np.arange(len(rows)))

    def start_epoch(self, epoch: int) -> None:
        """Say which epoch, from 0, the next batches belong to."""
        self._epoch, self._order = epoch, self._shuffled(epoch)

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self._recipe.seed, epoch)).permutation(len(self._data))
