"""Weights in fewer bytes, and what they are worth afterwards.

TF.js widens a quantized tensor when it loads it, `float32(q · scale + min)` in double precision; `dequantized` computes
the same bits, so that Keras can be given exactly the weights that the page will use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zoo._budget import PRECISION_BYTES
from zoo._errors import BadArtifact, unknown

LEVELS: Mapping[str, int] = {"uint8": 255, "uint16": 65_535}
"""Largest number that an affine type stores: the number of steps in its range."""
SCALE_DIGITS: Mapping[str, int] = {"uint8": 4, "uint16": 7}
"""Those of a scale in the manifest: rounding it moves the end of the range by an eighth of a step at most."""
FEW_VALUES = 20
"""So many take fewer bytes in float32 than in uint8, whose entry in the manifest tells scale and minimum."""
SEARCH_SAMPLE = 8_192
DRAWN_IN = tuple(index / 16 for index in range(17))
"""Shares of half the range that one end is moved by."""


@dataclass(frozen=True)
class Quantized:
    """One tensor as it travels: `stored` in its precision; affine types are worth stored · scale + minimum."""

    stored: np.ndarray
    precision: str
    scale: float = 1.0
    minimum: float = 0.0

    def dequantized(self) -> np.ndarray:
        """Return the float32 values that TF.js computes from the stored ones."""
        if self.precision not in LEVELS:
            return self.stored.astype(np.float32)
        return (self.stored.astype(np.float64) * self.scale + self.minimum).astype(np.float32)

    def tfjs_entry(self) -> dict[str, object]:
        """Return the `quantization` entry of a TF.js weight manifest, empty for float32."""
        if self.precision in LEVELS:
            return {"dtype": self.precision, "scale": self.scale, "min": self.minimum}
        return {"dtype": "float16"} if self.precision == "float16" else {}


def quantize(
    values: np.ndarray, precision: str, *, levels: int | None = None, limits: tuple[float, float] | None = None
) -> Quantized:
    """Quantize one float32 tensor, rounding to the nearest level.

    Affine types divide `limits`, by default the tensor's own range, into `levels` steps, by default as many as the type
    can count; values beyond are clipped. A constant tensor keeps its value exactly. Raises UnknownName for a precision
    that TF.js cannot read, BadArtifact for weights that are not finite or outgrow float16.
    """
    if precision not in PRECISION_BYTES:
        raise unknown("precision", precision, PRECISION_BYTES, f"Precisions are: {', '.join(PRECISION_BYTES)}.")
    if not np.isfinite(values).all():
        raise BadArtifact("A weight is not a finite number, so there is nothing to publish. Train the model again.")
    if precision not in LEVELS:
        with np.errstate(over="ignore"):
            stored = values.astype(precision)
        if not np.isfinite(stored).all():
            raise BadArtifact("A weight is too large for float16. Publish with --precision uint16 or float32.")
        return Quantized(stored, precision)
    low, high = limits or own_range(values)
    if not low < high:
        return Quantized(np.zeros(values.shape, precision), precision, 1.0, low if values.size else 0.0)
    steps = min(levels or LEVELS[precision], LEVELS[precision])
    scale, low = _kept((low, high), steps, precision)
    return Quantized(_nearest(values, low, scale, steps).astype(precision), precision, scale, low)


def _kept(limits: tuple[float, float], steps: int, precision: str) -> tuple[float, float]:
    """Return scale and minimum of a range with as many digits as the manifest keeps of them."""
    low, high = limits
    scale = float(f"{(high - low) / steps:.{SCALE_DIGITS[precision]}g}")
    return scale, round(low, 1 - math.floor(math.log10(scale)))  # moved by a twentieth of a step at most


def own_range(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest value; an empty tensor has none."""
    return float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))


def best_limits(values: np.ndarray, importance: np.ndarray, levels: int) -> tuple[float, float]:
    """Return the range whose rounding and clipping do the least damage: the sum of importance · error².

    Shapes: values and importance alike. Each end is drawn in by up to half, one after the other; judged on a sample of
    a large tensor, but never worse than the tensor's own range on the whole.
    """
    low, high = own = own_range(values)
    if not low < high:
        return own
    every = -(-values.size // SEARCH_SAMPLE)
    sample, weight = values.ravel()[::every].astype(np.float64), importance.ravel()[::every]
    precision = "uint8" if levels <= LEVELS["uint8"] else "uint16"

    def damage(limits: tuple[float, float]) -> float:
        scale, minimum = _kept(limits, levels, precision)
        error = _nearest(sample, minimum, scale, levels) * scale + minimum - sample
        return float((weight * np.square(error)).sum())

    low = min((low + share * (high - low) / 2 for share in DRAWN_IN), key=lambda end: damage((end, high)))
    high = min((high - share * (high - low) / 2 for share in DRAWN_IN), key=lambda end: damage((low, end)))
    if every == 1 or (low, high) == own:
        return low, high
    sample, weight = values.ravel().astype(np.float64), importance.ravel()
    return min(own, (low, high), key=damage)


def _nearest(values: np.ndarray, low: float, scale: float, levels: int) -> np.ndarray:
    """Return the whole numbers from 0 to `levels` that are worth most nearly `values`."""
    return np.clip(np.rint((values.astype(np.float64) - low) / scale), 0, levels)


def quantize_weights(weights: Mapping[str, np.ndarray], precision: str) -> dict[str, Quantized]:
    """Quantize kernels and matrices (two axes or more) to `precision`; vectors stay float32.

    Biases are a few hundred numbers that every pixel gets added, the cheapest place to keep exact.
    """
    return {name: quantize(values, precision if values.ndim > 1 else "float32") for name, values in weights.items()}
