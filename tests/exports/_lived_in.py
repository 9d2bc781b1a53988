"""Networks as training leaves them, without training: normalisation that does something, biases that are not zero."""

from __future__ import annotations

import keras
import numpy as np


def lived_in(model: keras.Model, seed: int = 1) -> keras.Model:
    """Give a fresh network what training gives it: statistics, scales and biases that are not 0 and 1. Returns it."""
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.path.endswith("moving_variance"):
            variable.assign(generator.uniform(0.5, 2.0, variable.shape))
        elif len(variable.shape) == 1:
            variable.assign(generator.normal(float("gamma" in variable.path), 0.1, variable.shape))
    return model
