"""What a sweep does unless told otherwise: the one readable place. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zoo._errors import ZooError

TRIALS = 4
EPOCHS = 10
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
LEARNING_RATES = (1e-4, 1e-2)
DEFAULT_AUGMENTATION = "light"
"""A name of `tuner.augment.AUGMENTATIONS`."""
FIRST_BATCH_SIZE = 16
FIRST_LEARNING_RATE = 1e-3
"""Adam's customary start (arXiv:1412.6980)."""


@dataclass(frozen=True)
class Space:
    """What is searched: batch sizes to choose from, and a learning rate range on a logarithmic scale."""

    batch_sizes: tuple[int, ...] = BATCH_SIZES
    learning_rates: tuple[float, float] = LEARNING_RATES

    def __post_init__(self) -> None:
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise ZooError(f"Batch sizes must be 1 or more, got {self.batch_sizes}. For example 8,16,32.")
        low, high = self.learning_rates
        if not 0 < low <= high:
            raise ZooError(
                f"Learning rates must be a rising pair above 0, got {low:g}:{high:g}. For example 1e-4:1e-2."
            )

    def first_trial(self) -> dict[str, Any]:
        """Return the first trial's values: the customary ones, or the nearest that the space allows."""
        low, high = self.learning_rates
        return {
            "batch_size": min(self.batch_sizes, key=lambda size: abs(size - FIRST_BATCH_SIZE)),
            "learning_rate": min(max(FIRST_LEARNING_RATE, low), high),
        }
