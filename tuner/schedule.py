"""How the learning rate and the kept weights move within one training: warm-up and cosine, and the average of weights.

Both follow from the recipe and the step alone, so a training that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

PLATEAU, COSINE = "plateau", "cosine"
SCHEDULES = (PLATEAU, COSINE)

LAST_SHARE = 0.01
"""The cosine ends at this share of the learning rate."""


def cosine_rate(highest: float, epoch: float, epochs: int, warmup_epochs: float) -> float:
    """Return the learning rate at a moment, counted in epochs from 0: up in a line, then down along half a cosine.

    Source: arXiv:1608.03983, equation 5, without restarts; the warm-up is that of arXiv:1706.02677, section 2.2.
    """
    if epoch < warmup_epochs:
        return highest * max(epoch / warmup_epochs, LAST_SHARE)
    done = min((epoch - warmup_epochs) / max(epochs - warmup_epochs, 1e-9), 1.0)
    return highest * (LAST_SHARE + (1 - LAST_SHARE) * (1 + math.cos(math.pi * done)) / 2)


class WeightAverage:
    """The exponential average of a network's weights, `decay` being the share that stays at each step.

    Early steps count more, so that the initial weights are soon forgotten: the share is at most (1 + n) / (10 + n)
    after n steps. Source: Polyak averaging as in arXiv:1905.11946, section 5, with the warm-up of TensorFlow's
    ExponentialMovingAverage.
    """

    def __init__(self, decay: float, values: Sequence[np.ndarray] = (), steps: int = 0) -> None:
        self._decay, self.values, self.steps = decay, [np.array(value) for value in values], steps

    def take(self, weights: Sequence[np.ndarray]) -> None:
        """Count the weights after one more step."""
        if not self.values:
            self.values = [np.array(weight) for weight in weights]
        moves = 1 - min(self._decay, (1 + self.steps) / (10 + self.steps))
        for mean, weight in zip(self.values, weights, strict=True):
            mean += (moves * (weight - mean)).astype(mean.dtype)
        self.steps += 1
