"""Is a loss differentiated as it is computed? The backend's gradient beside central finite differences.

For the losses of `tuner.losses` and for a loss of one's own, before a sweep spends hours on it:

    check_gradient(lambda outputs: my_loss(targets, outputs), {"class_logits": logits})     about 1e-9 when all is well

Works under the TensorFlow and the JAX backend.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from zoo._errors import ZooError
from zoo._lazy import keras

LossOfOutputs = Callable[[Mapping[str, Any]], Any]

FLAT = 1e-3
"""The differences of an output whose slopes are all smaller than this count relative to this."""


def check_gradient(loss: LossOfOutputs, outputs: Mapping[str, np.ndarray], *, step: float = 1e-6) -> float:
    """Return the largest relative difference between the backend's gradient and finite differences, in float64.

    `loss` maps tensors under the names of `outputs` to a scalar. Differences are relative to the largest slope of the
    same output. Each value costs two evaluations, so keep the arrays small, and away from kinks by more than `step`.
    Whatever arrays the loss brings along should be float64 too. Raises: ZooError when the loss or a slope is not
    finite, or an output has no influence on the loss.
    """
    values = {name: np.asarray(value, np.float64) for name, value in outputs.items()}
    with _double_precision():
        value, exact = slopes(loss, values)
        if not np.isfinite(value):
            raise ZooError(f"The loss is {value}, so it has no gradient. Check it on values that it is finite for.")
        numeric = {name: _finite_differences(loss, values, name, step) for name in values}
    largest = 0.0
    for name, measured in numeric.items():
        slope = exact[name]
        claimed = np.zeros_like(measured) if slope is None else slope
        for kind, array in (("gradient", claimed), ("finite difference", measured)):
            if not np.isfinite(array).all():
                raise ZooError(
                    f"A {kind} of the loss by '{name}' is not finite. Look for a division, root or logarithm of 0, "
                    f"also in a branch that is not taken."
                )
        if not claimed.any() and not measured.any():
            raise ZooError(
                f"The output '{name}' has no influence on the loss. Leave it out of the check, or use it in the loss."
            )
        scale = max(FLAT, np.abs(measured).max(), np.abs(claimed).max())
        largest = max(largest, float(np.abs(claimed - measured).max() / scale))
    return largest


def slopes(loss: LossOfOutputs, values: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray | None]]:
    """Return the loss and the backend's gradient by each of the named values, None where they are not connected.

    Raises: ZooError when the loss is not one number, or the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    differentiate = {"tensorflow": _tensorflow_slopes, "jax": _jax_slopes}.get(backend)
    if differentiate is None:
        raise ZooError(f"Gradients are checked under TensorFlow and JAX; KERAS_BACKEND is {backend}. Set one of them.")
    return differentiate(loss, values)


def _tensorflow_slopes(
    loss: LossOfOutputs, values: Mapping[str, np.ndarray]
) -> tuple[float, dict[str, np.ndarray | None]]:
    tf = importlib.import_module("tensorflow")
    tensors = {name: tf.convert_to_tensor(value) for name, value in values.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        result = keras.ops.convert_to_tensor(_one_number(loss(tensors)))
    found = tape.gradient(result, tensors)
    return float(result), {name: None if slope is None else np.asarray(slope) for name, slope in found.items()}


def _jax_slopes(loss: LossOfOutputs, values: Mapping[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray | None]]:
    jax = importlib.import_module("jax")
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in values.items()}
    result, found = jax.value_and_grad(lambda moving: _one_number(loss(moving)))(tensors)
    return float(result), {name: np.asarray(slope) for name, slope in found.items()}


def _one_number(result: Any) -> Any:
    shape = getattr(result, "shape", () if isinstance(result, int | float) else None)
    if shape is None or tuple(shape) != ():
        got = type(result).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ZooError(f"A loss is one number, a scalar tensor; got {got}. Take keras.ops.mean of it.")
    return result


def _finite_differences(loss: LossOfOutputs, values: Mapping[str, np.ndarray], name: str, step: float) -> np.ndarray:
    measured = np.zeros_like(values[name])
    for index in np.ndindex(measured.shape):
        sides = []
        for sign in (1, -1):
            moved = {other: array.copy() for other, array in values.items()}
            moved[name][index] += sign * step
            sides.append(float(loss({other: keras.ops.convert_to_tensor(array) for other, array in moved.items()})))
        measured[index] = (sides[0] - sides[1]) / (2 * step)
    return measured


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    """Let Keras, and JAX under it, compute in float64."""
    with contextlib.ExitStack() as stack:
        stack.callback(keras.config.set_floatx, keras.config.floatx())
        keras.config.set_floatx("float64")
        if keras.backend.backend() == "jax":
            jax = importlib.import_module("jax")
            # In older releases the switch lies among the experiments.
            place = jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
            stack.enter_context(place.enable_x64(True))
            # Keras 3 knows no such switch: under JAX, operations like mean pass through float32 by this table.
            dtypes = importlib.import_module("keras.src.backend.common.dtypes")
            narrowed = getattr(dtypes, "BIT64_TO_BIT32_DTYPE", {})
            stack.callback(narrowed.update, dict(narrowed))
            narrowed["float64"] = "float64"
        if keras.backend.result_type("float64", "float64") != "float64":
            raise ZooError(
                f"Keras {keras.__version__} cannot be made to compute in float64 under {keras.backend.backend()}. "
                f"Check the gradient with KERAS_BACKEND=tensorflow."
            )
        yield
