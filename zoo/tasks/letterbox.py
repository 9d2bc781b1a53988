"""How a picture becomes a model input, and how coordinates follow it there and back.

Letterbox: the picture keeps its aspect ratio, is scaled so that its longer side (relative to the input) fits, and
lies at the top left; the rest is padding. Stretch: both sides are scaled independently.
"""

from __future__ import annotations

import numpy as np

from zoo._specs import ImageSpec


def scale(inputs: ImageSpec, height_px: int, width_px: int) -> tuple[float, float]:
    """Return (x, y) factors that take pixels of the picture to fractions of the model input."""
    placed_height, placed_width = placed_size(inputs, height_px, width_px)
    return placed_width / width_px / inputs.width, placed_height / height_px / inputs.height


def placed_size(inputs: ImageSpec, height_px: int, width_px: int) -> tuple[int, int]:
    """Return (height, width) in model pixels of the part of the input that the picture covers; at least 1 each."""
    if inputs.resize == "stretch":
        return inputs.height, inputs.width
    factor = min(inputs.height / height_px, inputs.width / width_px)
    return max(1, round(height_px * factor)), max(1, round(width_px * factor))


def to_input(points_px: np.ndarray, inputs: ImageSpec, height_px: int, width_px: int) -> np.ndarray:
    """Turn pixels of the picture into fractions of the model input. Last axis: x, y repeated (2 or 4 values)."""
    factors = scale(inputs, height_px, width_px) * (points_px.shape[-1] // 2)
    return (points_px * np.array(factors)).astype(np.float32)


def to_picture(points: np.ndarray, inputs: ImageSpec, height_px: int, width_px: int) -> np.ndarray:
    """Inverse of `to_input`: fractions of the model input into pixels of the picture."""
    factors = scale(inputs, height_px, width_px) * (points.shape[-1] // 2)
    return (points / np.array(factors)).astype(np.float32)
