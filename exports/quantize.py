"""Weights in fewer bytes, and what they are worth afterwards.

TF.js widens a quantized tensor when it loads it, `float32(q · scale + min)` in double precision; `dequantized` computes
the same bits, so that Keras can be given exactly the weights that the page will use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zoo._budget import PRECISION_BYTES
from zoo._errors import BadArtifact, unknown

LEVELS: Mapping[str, int] = {"uint8": 255, "uint16": 65_535}


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


def quantize(values: np.ndarray, precision: str) -> Quantized:
    """Quantize one float32 tensor over its own range, rounding to the nearest level.

    A constant tensor keeps its value exactly. Raises UnknownName for a precision that TF.js cannot read,
    BadArtifact for weights that are not finite or outgrow float16.
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
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if not low < high:
        return Quantized(np.zeros(values.shape, precision), precision, 1.0, low if values.size else 0.0)
    low, scale = _short(low), _short((high - low) / LEVELS[precision])
    levels = np.rint((values.astype(np.float64) - low) / scale)
    return Quantized(np.clip(levels, 0, LEVELS[precision]).astype(precision), precision, scale, low)


def _short(value: float) -> float:
    """Round to seven digits, which moves a weight by less than its rounding does and shortens the manifest."""
    return float(f"{value:.7g}")


def quantize_weights(weights: Mapping[str, np.ndarray], precision: str) -> dict[str, Quantized]:
    """Quantize kernels and matrices (two axes or more) to `precision`; vectors stay float32.

    Biases are a few hundred numbers that every pixel gets added, the cheapest place to keep exact.
    """
    return {name: quantize(values, precision if values.ndim > 1 else "float32") for name, values in weights.items()}
