"""Quantization: what is stored, what it is worth, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import zoo
from exports.quantize import LEVELS, quantize, quantize_weights

TENSORS = arrays(np.float32, array_shapes(min_dims=1, max_dims=4, max_side=5), elements=st.floats(-100, 100, width=32))


@given(TENSORS, st.sampled_from(["uint8", "uint16"]))
def test_affine_error_is_at_most_half_a_step(values: np.ndarray, precision: str) -> None:
    quantized = quantize(values, precision)
    error = np.abs(quantized.dequantized().astype(np.float64) - values)
    step = (float(values.max()) - float(values.min())) / LEVELS[precision]
    rounding = 1e-7 * float(np.abs(values).max())  # results are float32
    assert error.max() <= 1.001 * step / 2 + rounding  # the scale keeps four digits
    assert quantized.stored.dtype == precision
    assert quantized.stored.shape == values.shape


def test_a_narrow_range_far_from_zero_keeps_its_steps() -> None:
    values = np.linspace(99.9612345, 99.9712345, 400, dtype=np.float32)
    error = np.abs(quantize(values, "uint8").dequantized().astype(np.float64) - values)
    assert error.max() <= 1.001 * 0.01 / 255 / 2 + 1e-5


@given(TENSORS)
def test_dequantized_is_what_tfjs_computes(values: np.ndarray) -> None:
    quantized = quantize(values, "uint8")
    if not quantized.stored.size:
        return
    # decodeWeights in tfjs-core: Float32Array[i] = value * scale + min, in doubles.
    by_hand = [np.float32(int(q) * quantized.scale + quantized.minimum) for q in quantized.stored.ravel()]
    assert quantized.dequantized().ravel().tolist() == [float(value) for value in by_hand]


@given(TENSORS)
def test_float32_is_exact_and_float16_rounds(values: np.ndarray) -> None:
    np.testing.assert_array_equal(quantize(values, "float32").dequantized(), values)
    np.testing.assert_array_equal(quantize(values, "float16").dequantized(), values.astype(np.float16))


@pytest.mark.parametrize("value", [0.0, -3.25])
def test_a_constant_tensor_is_exact(value: float) -> None:
    values = np.full((3, 2), value, np.float32)
    np.testing.assert_array_equal(quantize(values, "uint8").dequantized(), values)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(zoo.BadArtifact, match="not a finite number"):
        quantize(np.array([1.0, bad], np.float32), "uint8")


def test_weights_too_large_for_float16_are_refused() -> None:
    with pytest.raises(zoo.BadArtifact, match="too large for float16"):
        quantize(np.array([1e6], np.float32), "float16")


def test_an_unknown_precision_suggests_the_nearest() -> None:
    with pytest.raises(zoo.UnknownName, match="Did you mean 'uint8'"):
        quantize(np.ones(2, np.float32), "int8")


def test_vectors_stay_exact() -> None:
    weights = {
        "kernel": np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32),
        "bias": np.ones(3, np.float32),
    }
    quantized = quantize_weights(weights, "uint8")
    assert {name: one.precision for name, one in quantized.items()} == {"kernel": "uint8", "bias": "float32"}
