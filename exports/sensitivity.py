"""How much each weight matters to what a network answers, and how far two networks' answers lie apart.

A small change d of the weights moves the outputs by J·d. If the errors of rounding are independent, the expected
squared move is the sum over the weights of h · d², with h the squared length of that weight's column of J. All h come
from a few backward passes: for a random vector r of signs, the gradient of r·outputs squared has the mean h
(Hutchinson's estimator; the diagonal of the Gauss-Newton matrix, as in 'Optimal brain damage', LeCun et al., 1990).

Each output counts relative to its own spread over pictures and places, so that logits, boxes and landmarks weigh alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np

from tuner.training import as_input
from zoo._specs import ImageSpec

PROBES = 8
PIXELS = 16 * 160 * 160
"""Pictures are taken until they have this many pixels: enough for an average, little enough for seconds."""
MIN_PICTURES, MAX_PICTURES = 4, 64
LEAST_SPREAD = 1e-6


def calibration_pictures(images: np.ndarray, inputs: ImageSpec) -> np.ndarray:
    """Return evenly spaced pictures, as many as sensitivity needs: uint8 (N, height, width, channels)."""
    count = min(max(PIXELS // (inputs.height * inputs.width), MIN_PICTURES), MAX_PICTURES, len(images))
    return images[np.linspace(0, len(images) - 1, count).astype(int)]


def sensitivities(
    network: keras.Model,
    images: np.ndarray,
    inputs: ImageSpec,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Return, for each variable by path, how much the mean squared output moves per squared change of each value.

    `images` are uint8 at model size; `progress(done, total)` is called after each pass. Outputs are in units of their
    spread, see `output_error`. Needs TensorFlow.
    """
    import tensorflow as tf

    generator = np.random.default_rng(seed)
    values = tf.constant(as_input(images, inputs))
    variables = [variable.value for variable in network.variables]
    spreads = {name: _spread(output.numpy()) for name, output in network(values, training=False).items()}
    moved = [np.zeros(variable.shape) for variable in variables]
    for done in range(PROBES):
        with tf.GradientTape() as tape:
            outputs = network(values, training=False)
            probe = tf.add_n(
                [
                    tf.reduce_sum(output * _signs(generator, output.shape)) / (spreads[name] * _size(output) ** 0.5)
                    for name, output in outputs.items()
                ]
            )
        for total, slope in zip(moved, tape.gradient(probe, variables), strict=True):
            if slope is not None:
                total += np.square(slope.numpy())
        if progress is not None:
            progress(done + 1, PROBES)
    shares = PROBES * len(spreads)
    return {variable.path: total / shares for variable, total in zip(network.variables, moved, strict=True)}


def output_error(outputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> float:
    """Return the root mean square difference of outputs, each in units of its expected spread; 0.01 is one percent."""
    squares = [np.mean(np.square((outputs[name] - value) / _spread(value))) for name, value in expected.items()]
    return float(np.sqrt(np.mean(squares)))


def _spread(values: np.ndarray) -> float:
    return max(float(values.std()), LEAST_SPREAD)


def _size(output: keras.KerasTensor) -> int:
    return int(np.prod(output.shape))


def _signs(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.choice((-1.0, 1.0), size=tuple(shape)).astype(np.float32)
